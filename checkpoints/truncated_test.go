package checkpoints

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A file that ends too early says by how much.
func TestTruncationIsMeasured(t *testing.T) {
	whole := encoded(t, sampleFile())
	const tensors = 4*4 + 4*8 // four float32 and four float64
	for _, missing := range []int{1, 7, tensors} {
		_, err := Read(bytes.NewReader(whole[:len(whole)-missing]), "training")
		require.ErrorIs(t, err, ErrFormat)
		require.ErrorContains(t, err, fmt.Sprintf("truncated: the tensors take %d bytes, there are %d", tensors, tensors-missing))
	}
}
