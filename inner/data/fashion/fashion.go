// Package fashion is the test part of Fashion-MNIST (Han Xiao, Kashif Rasul, Roland Vollgraf 2017), embedded: 10,000 images of
// 28x28 pixels in 10 classes of clothing. Importing it adds 4.4 MB to a program, which is why it is a package of its own.
// README.md beside this file says where the files come from and gives their sums.
//
// No rule of this module is learned on these images: they are there to tell how rules do on what they never saw.
package fashion

import (
	"embed"
	"fmt"
	"sync"

	"github.com/seed1498fded/unroll/inner/data"
)

//go:embed *-ubyte.gz
var files embed.FS

// trained is how many images are for training; the others are for tests.
const trained = 8000

var decode = sync.OnceValues(read)

// read decodes both files.
func read() (*data.Set, error) {
	images, err := files.Open("t10k-images-idx3-ubyte.gz")
	if err != nil {
		return nil, err
	}
	defer images.Close()
	labels, err := files.Open("t10k-labels-idx1-ubyte.gz")
	if err != nil {
		return nil, err
	}
	defer labels.Close()
	s := &data.Set{Classes: 10}
	if s.Images, s.Rows, s.Cols, err = data.ReadImages(images); err != nil {
		return nil, err
	}
	if s.Labels, err = data.ReadLabels(labels); err != nil {
		return nil, err
	}
	return s, s.Validate()
}

// Load returns the first 8,000 images for training and the other 2,000 for tests, each image 28x28 with 0 for the background,
// Classes 10, in the order of the original file. The first call decodes them, 8 MB; later ones, from any goroutine, return the
// same images, so callers must not modify them. The error is nil in a sound program.
func Load() (train, test *data.Set, err error) {
	s, err := decode()
	if err != nil {
		return nil, nil, fmt.Errorf("fashion: %w", err)
	}
	return s.Slice(0, trained), s.Slice(trained, s.Len()), nil
}
