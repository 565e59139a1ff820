package inner_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/problemtest"
)

func TestHugeLayersAreRefused(t *testing.T) {
	for _, width := range []int{math.MaxInt, math.MaxInt/4 + 1, math.MaxInt / 8} {
		_, err := inner.MLP{Data: problemtest.Images(3, 2), Hidden: []int{width}}.Sample(0)
		assert.ErrorContains(t, err, "inner: mlp: params: tensor ")
	}
}
