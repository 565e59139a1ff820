package credittest

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/data/mnist"
)

var shrunk = sync.OnceValues(func() (*data.Set, error) {
	train, _, err := mnist.Load()
	if err != nil {
		return nil, err
	}
	return train.Slice(0, 2000).Downsample8()
})

// digits returns the first 2,000 training images of MNIST, 8x8.
func digits(t *testing.T) *data.Set {
	t.Helper()
	set, err := shrunk()
	require.NoError(t, err)
	return set
}
