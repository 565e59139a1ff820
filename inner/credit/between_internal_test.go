package credit

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The angle between two vectors and the ratio of their lengths, where anybody knows them.
func TestBetween(t *testing.T) {
	for _, c := range []struct {
		a, b           []float64
		degrees, ratio float64
	}{
		{[]float64{1, 2}, []float64{2, 4}, 0, 0.5}, {[]float64{3, 0}, []float64{0, 1}, 90, 3}, {[]float64{1, 1}, []float64{-2, -2}, 180, 0.5},
		{[]float64{1, 0}, []float64{1, 1}, 45, 0.7071067811865475},
	} {
		degrees, ratio, ok := between(c.a, c.b)
		require.True(t, ok)
		require.InDelta(t, c.degrees, degrees, 1e-9)
		require.InDelta(t, c.ratio, ratio, 1e-12)
	}
	_, _, ok := between([]float64{0, 0}, []float64{1, 0})
	require.False(t, ok)
}
