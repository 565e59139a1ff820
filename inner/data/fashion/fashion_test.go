package fashion

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFilesAreThoseOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, name := range []string{"t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"} {
		file, err := files.ReadFile(name)
		require.NoError(t, err)
		zr, err := gzip.NewReader(bytes.NewReader(file))
		require.NoError(t, err)
		plain, err := io.ReadAll(zr)
		require.NoError(t, err)
		assert.Contains(t, string(readme), fmt.Sprintf("| `%s` | %d | %d | `%x` |\n", name, len(file), len(plain), sha256.Sum256(plain)))
	}
}

func TestLoad(t *testing.T) {
	train, test, err := Load()
	require.NoError(t, err)
	assert.Equal(t, []int{8000, 2000}, []int{train.Len(), test.Len()})
	require.NoError(t, train.Validate())
	require.NoError(t, test.Validate())
	assert.Equal(t, []int{28, 28, 10}, []int{test.Rows, test.Cols, test.Classes})
	assert.Equal(t, []byte{9, 2, 1, 1, 6}, train.Slice(0, 5).Labels)
	counts := make([]int, 10)
	for _, label := range append(append([]byte(nil), train.Labels...), test.Labels...) {
		counts[label]++
	}
	assert.Equal(t, []int{1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000}, counts)
}
