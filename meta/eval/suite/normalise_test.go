package suite_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/meta/eval/suite"
)

func TestRatio(t *testing.T) {
	for _, x := range []struct{ loss, reference, floor, want float64 }{
		{3, 2, 0, 1.5},
		{3, 1, 1, 2},
		{0, 0, 0, 1},
		{0, 0, .01, 1},
		{1, 0, 0, inf},
		{0, 1, 0, 0},
		{inf, 1, 0, inf},
		{inf, inf, 0, 1},
		{1, inf, 0, 0},
		{math.NaN(), 1, 0, inf},
	} {
		require.Equal(t, x.want, suite.RatioOf(x.loss, x.reference, x.floor), "%+v", x)
	}
}

func TestGeometricMean(t *testing.T) {
	require.InDelta(t, 2, suite.Geometric([]float64{.5, 8}), 1e-12)
	require.Equal(t, .3, suite.Geometric([]float64{.3}))
	require.Equal(t, 0.0, suite.Geometric([]float64{0, 2}))
	require.Equal(t, inf, suite.Geometric([]float64{0, inf}))
}

// The mean of the last few, and of fewer at the beginning; what is infinite stays so as long as it counts.
func TestSmooth(t *testing.T) {
	require.Equal(t, []float64{4, 3, 1.5, 3}, suite.Smooth([]float64{4, 2, 1, 5}, 2))
	require.Equal(t, []float64{4, 2, 1}, suite.Smooth([]float64{4, 2, 1}, 1))
	require.Equal(t, []float64{4, inf, inf}, suite.Smooth([]float64{4, inf, inf}, 3))
}

func TestReached(t *testing.T) {
	curve := []float64{4, 2, 3, 1}
	require.Equal(t, 2.0, suite.Reached(curve, 2))
	require.Equal(t, 2.0, suite.Reached(curve, 1.999), "near is there")
	require.Equal(t, 4.0, suite.Reached(curve, 1.99))
	require.Equal(t, inf, suite.Reached(curve, .5))
	require.Equal(t, inf, suite.Reached(curve, inf), "there is no target")
	require.Equal(t, inf, suite.Reached([]float64{inf, inf}, 1))
}
