// Package mnist is the MNIST database of handwritten digits (Yann LeCun, Corinna Cortes, Christopher Burges), embedded:
// 60,000 training and 10,000 test images of 28x28 pixels in 10 classes. Importing it adds 11.6 MB to a program, which
// is why it is a package of its own. README.md beside this file says where the files come from and gives their sums.
package mnist

import (
	"embed"
	"fmt"
	"sync"

	"github.com/seed1498fded/unroll/inner/data"
)

//go:embed *-ubyte.gz
var files embed.FS

type sets struct{ train, test *data.Set }

var decode = sync.OnceValues(func() (sets, error) {
	train, test, err := data.LoadFS(files)
	if err != nil {
		return sets{}, fmt.Errorf("mnist: %w", err)
	}
	return sets{train, test}, nil
})

// Load returns the training set (60,000 images) and the test set (10,000), each image 28x28 with 0 for the background,
// Classes 10, in the order of the original files. The first call decodes them, 55 MB; later ones, from any goroutine,
// return the same two sets, so callers must not modify them. The error is that of data.LoadFS: nil in a sound program.
func Load() (train, test *data.Set, err error) {
	s, err := decode()
	return s.train, s.test, err
}
