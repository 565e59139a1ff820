package params_test

import (
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/params"
)

// A layout may have MaxLen elements, 2⁴⁰ where an int has 64 bits and 2²⁸ where it has 32, in one tensor or in all.
func TestAsManyElementsAsThereMayBe(t *testing.T) {
	require.Equal(t, map[int]int{64: 40, 32: 28}[bits.UintSize], bits.Len64(params.MaxLen)-1)
	for _, l := range []params.Layout{
		{{Name: "a", Shape: []int{params.MaxLen}}},
		{{Name: "a", Shape: []int{params.MaxLen / 4, 2}}, {Name: "b", Shape: []int{2, params.MaxLen / 4}}},
	} {
		require.NoError(t, l.Validate())
		require.Equal(t, params.MaxLen, l.Len())
		l = append(l, params.Spec{Name: "c", Shape: []int{1}})
		require.Error(t, l.Validate())
		require.Panics(t, func() { l.Len() })
	}
}
