// Package clitest is what the tests of the commands share.
package clitest

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/data"
)

// Run is the function that a command gives to cli.Main.
type Run func(ctx context.Context, args []string, stdout, stderr io.Writer) error

// MustRun runs a command that is to succeed and returns what it printed.
func MustRun(t *testing.T, run Run, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	require.NoError(t, run(context.Background(), args, &out, &log), "%q", args)
	return out.String(), log.String()
}

// RequireRefused runs a command that is to fail because of what it was given: with one line that contains want, and
// nothing in the current folder changed, created or lost.
func RequireRefused(t *testing.T, run Run, want string, args ...string) {
	t.Helper()
	before := Tree(t, ".")
	var stdout bytes.Buffer
	err := run(context.Background(), args, &stdout, io.Discard)
	require.ErrorContains(t, err, want, "%q", args)
	require.NotContains(t, err.Error(), "\n")
	require.Empty(t, stdout.String())
	require.Equal(t, before, Tree(t, "."), "%q", args)
}

// Tree returns the content of every file below a folder, and of every folder its name, by their paths.
func Tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	tree := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || entry.IsDir() {
			tree[name] = "folder"
			return err
		}
		text, err := os.ReadFile(path)
		tree[name] = string(text)
		return err
	}))
	return tree
}

// WriteFile writes a file and the folders it is in.
func WriteFile(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
}

// WriteImages writes the four idx files of a tiny set of images, 28 by 28 pixels in 3 classes, into a folder.
func WriteImages(t *testing.T, dir string) {
	t.Helper()
	for prefix, n := range map[string]int{"train": 36, "t10k": 6} {
		set := &data.Set{Rows: 28, Cols: 28, Classes: 3}
		for i := range n {
			set.Labels = append(set.Labels, byte(i%3))
			for p := range 28 * 28 {
				set.Images = append(set.Images, byte((p*(1+i%3)+17*i)%256))
			}
		}
		writeSet(t, dir, prefix, set)
	}
}

// WriteSplitImages writes four idx files whose splits can be told by the losses that training on them comes to. There is
// nothing to be seen on the images, so that all that can be learned is how frequent the labels are:
//
//	meta-training   label 0 alone         a loss that goes to 0
//	validation      each label as often   log 3 = 1.10, where training begins
//	measuring       labels 1 and 2        log 2 = 0.69
//	test images     label 2 alone         an error of 1 after training on all the others, where 0 is the most frequent
func WriteSplitImages(t *testing.T, dir string) {
	t.Helper()
	labels := bytes.Repeat([]byte{0}, 50)
	labels = append(labels, bytes.Repeat([]byte{0, 1, 2}, 3)...)
	labels = append(labels, 0)
	labels = append(labels, bytes.Repeat([]byte{1, 2}, 30)...)
	for prefix, labels := range map[string][]byte{"train": labels, "t10k": bytes.Repeat([]byte{2}, 12)} {
		writeSet(t, dir, prefix, &data.Set{Rows: 28, Cols: 28, Classes: 3, Labels: labels, Images: make([]byte, 28*28*len(labels))})
	}
}

func writeSet(t *testing.T, dir, prefix string, set *data.Set) {
	t.Helper()
	var images, labels strings.Builder
	require.NoError(t, data.WriteImages(&images, set))
	require.NoError(t, data.WriteLabels(&labels, set))
	WriteFile(t, filepath.Join(dir, prefix+"-images-idx3-ubyte"), images.String())
	WriteFile(t, filepath.Join(dir, prefix+"-labels-idx1-ubyte"), labels.String())
}
