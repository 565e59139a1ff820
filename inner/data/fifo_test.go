//go:build unix

package data_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/data"
)

// A FIFO that nobody writes to is not waited for.
func TestAFIFOIsRefused(t *testing.T) {
	_, _, files := fixture(t)
	dir := folder(t, files)
	path := filepath.Join(dir, testLabels)
	require.NoError(t, os.Remove(path))
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	_, _, err := data.Load(dir)
	assert.EqualError(t, err, "data: "+dir+": t10k-labels-idx1-ubyte: a FIFO (named pipe), not a regular file")
}
