package nets_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed1498fded/unroll/inner/nets"
)

// Layers whose weights cannot be counted are errors that name the layer, and no product wraps into a small number.
func TestHugeLayersAreRefused(t *testing.T) {
	image := nets.Shape{Channels: 1, Rows: 2, Cols: 2}
	for _, units := range []int{math.MaxInt, math.MaxInt/4 + 1, math.MaxInt / 8} {
		_, err := nets.New[float32](image, nets.CrossEntropy, nets.Dense{Units: units}, nets.Dense{Units: 2})
		assert.ErrorContains(t, err, "nets: layer 0, dense ")
	}
}
