package data_test

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/data"
)

// counted is a file system that counts the files that are open.
type counted struct {
	fstest.MapFS
	open *int
}

func (c counted) Open(name string) (fs.File, error) {
	f, err := c.MapFS.Open(name)
	if err != nil {
		return nil, err
	}
	*c.open++
	return &countedFile{f, c.open}, nil
}

// Stat does not count: it goes past Open.
func (c counted) Stat(name string) (fs.FileInfo, error) { return c.MapFS.Stat(name) }

type countedFile struct {
	fs.File
	open *int
}

func (f *countedFile) Close() error {
	*f.open--
	return f.File.Close()
}

// No file stays open, whichever is wrong.
func TestFilesAreClosed(t *testing.T) {
	names := []string{"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}
	for i := range names {
		open := 0
		files := fstest.MapFS{}
		for _, name := range names {
			files[name] = &fstest.MapFile{Data: encodedSet(t, name)}
		}
		files[names[i]] = &fstest.MapFile{Data: []byte("nothing of the kind")}
		_, _, err := data.LoadFS(counted{files, &open})
		require.ErrorContains(t, err, names[i])
		require.Zero(t, open, names[i])
	}
}

func encodedSet(t *testing.T, name string) []byte {
	t.Helper()
	set, write := constant(3, 2, 2, 5), data.WriteImages
	if name[len(name)-len("labels-idx1-ubyte"):] == "labels-idx1-ubyte" {
		write = data.WriteLabels
	}
	var b writer
	require.NoError(t, write(&b, set))
	return b
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}
