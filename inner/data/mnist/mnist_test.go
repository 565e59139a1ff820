package mnist

import (
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/data"
)

func TestFilesAreTheOriginals(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for name, want := range map[string]string{
		"train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
		"train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
		"t10k-images-idx3-ubyte.gz":  "9fb629c4189551a2d022fa330f9573f3",
		"t10k-labels-idx1-ubyte.gz":  "ec29112dd5afa0611ce80d1b7f02629c",
	} {
		file, err := files.ReadFile(name)
		require.NoError(t, err)
		assert.Equal(t, want, fmt.Sprintf("%x", md5.Sum(file)), name)
		row := fmt.Sprintf("| `%s` | %d | `%s` | `%x` |\n", name, len(file), want, sha256.Sum256(file))
		assert.Contains(t, string(readme), row)
	}
}

func counts(s *data.Set) []int {
	n := make([]int, s.Classes)
	for _, label := range s.Labels {
		n[label]++
	}
	return n
}

func TestLoad(t *testing.T) {
	train, test, err := Load()
	require.NoError(t, err)
	for _, s := range []*data.Set{train, test} {
		require.NoError(t, s.Validate())
		assert.Equal(t, []int{28, 28, 10}, []int{s.Rows, s.Cols, s.Classes})
	}
	assert.Equal(t, 60_000, train.Len())
	assert.Equal(t, 10_000, test.Len())
	assert.Equal(t, []int{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}, counts(train))
	assert.Equal(t, []int{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}, counts(test))
	assert.Equal(t, []byte{5, 0, 4, 1, 9}, train.Slice(0, 5).Labels)
	assert.Equal(t, []byte{7, 2, 1, 0, 4}, test.Slice(0, 5).Labels)

	again, _, err := Load()
	require.NoError(t, err)
	assert.Same(t, train, again, "decoded once")
}
