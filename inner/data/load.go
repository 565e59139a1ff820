package data

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/internal/regular"
)

// Load reads a training and a test set from the folder dir, as [LoadFS] does. Its errors name the folder.
func Load(dir string) (train, test *Set, err error) {
	train, test, err = load(os.DirFS(dir))
	if err != nil {
		return nil, nil, fmt.Errorf("data: %s: %w", dir, err)
	}
	return train, test, nil
}

// LoadFS reads a training and a test set from four files at the root of fsys, named as those of the MNIST database are:
// train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte. Each may be
// written with a dot, as in train-images.idx3-ubyte, and may end in .gz; if there are several, one without .gz is
// preferred. Whether a file is gzipped its first bytes say.
//
// The Classes of both sets are one more than the largest label in either. A missing file (the error wraps
// fs.ErrNotExist), a folder or a pipe in place of a file, one that [ReadImages] or [ReadLabels] refuses, a number of labels that is not the number of images,
// and training and test images of different sizes are errors that name the file or files.
func LoadFS(fsys fs.FS) (train, test *Set, err error) {
	train, test, err = load(fsys)
	if err != nil {
		return nil, nil, fmt.Errorf("data: %w", err)
	}
	return train, test, nil
}

// A pair names the two files of one set.
type pair struct{ images, labels string }

func load(fsys fs.FS) (train, test *Set, err error) {
	trainFiles := pair{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"}
	testFiles := pair{"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}
	if err := find(fsys, &trainFiles.images, &trainFiles.labels, &testFiles.images, &testFiles.labels); err != nil {
		return nil, nil, err
	}
	if train, err = loadPair(fsys, trainFiles); err != nil {
		return nil, nil, err
	}
	if test, err = loadPair(fsys, testFiles); err != nil {
		return nil, nil, err
	}
	if train.Rows != test.Rows || train.Cols != test.Cols {
		return nil, nil, fmt.Errorf("%s holds images of %dx%d pixels, %s of %dx%d; want the same size",
			trainFiles.images, train.Rows, train.Cols, testFiles.images, test.Rows, test.Cols)
	}
	classes := 1 + int(max(slices.Max(train.Labels), slices.Max(test.Labels)))
	train.Classes, test.Classes = classes, classes
	return train, test, nil
}

// find replaces each name by the variant of it that is there. All that are missing go into one error, so that nobody
// has to fetch four files in four attempts.
func find(fsys fs.FS, names ...*string) error {
	var missing []string
	for _, name := range names {
		found, err := variant(fsys, *name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, *name)
		case err != nil:
			return fmt.Errorf("%s: %w", *name, err)
		}
		*name = found
	}
	if missing != nil {
		return fmt.Errorf("%s: %w, nor with .gz at the end or .idx in place of -idx", strings.Join(missing, ", "), fs.ErrNotExist)
	}
	return nil
}

// variant returns the first name that exists of those that LoadFS accepts for the given one.
func variant(fsys fs.FS, name string) (string, error) {
	dotted := strings.Replace(name, "-idx", ".idx", 1)
	for _, v := range []string{name, dotted, name + ".gz", dotted + ".gz"} {
		info, err := fs.Stat(fsys, v)
		if err == nil {
			return v, regular.Check(info) // before it is opened: to open a FIFO is to wait
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return v, err
		}
	}
	return "", fs.ErrNotExist
}

// loadPair reads one set, all but its Classes. It looks at both headers before it reads the elements of either, so that
// files that do not belong together are told from their first bytes.
func loadPair(fsys fs.FS, names pair) (*Set, error) {
	pixels, err := openFile(fsys, names.images, images)
	if err != nil {
		return nil, err
	}
	defer pixels.Close() // only read: closing has nothing to say
	classes, err := openFile(fsys, names.labels, labels)
	if err != nil {
		return nil, err
	}
	defer classes.Close()
	if pixels.dims[0] != classes.n {
		return nil, fmt.Errorf("%s holds %d images, %s %d labels; want one label for each image",
			names.images, pixels.dims[0], names.labels, classes.n)
	}
	s := &Set{Rows: pixels.dims[1], Cols: pixels.dims[2]}
	if s.Labels, err = classes.read(); err != nil {
		return nil, err
	}
	if s.Images, err = pixels.read(); err != nil {
		return nil, err
	}
	return s, nil
}

// A file is an idx file that is open.
type file struct {
	*idx
	io.Closer
	name string
}

func openFile(fsys fs.FS, name string, want kind) (*file, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	x, err := openIdx(f, want)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &file{x, f, name}, nil
}

func openIdx(f fs.File, want kind) (*idx, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := regular.Check(info); err != nil {
		return nil, err
	}
	return open(f, info.Size(), want)
}

func (f *file) read() ([]byte, error) {
	elements, err := f.elements()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	return elements, nil
}
