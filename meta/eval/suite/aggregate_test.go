package suite_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta/eval/suite"
)

var inf = math.Inf(1)

// The interquartile mean leaves out a quarter at either end, those at the border in part, and with them what is infinite.
func TestIQM(t *testing.T) {
	for _, x := range []struct {
		v    []float64
		want float64
	}{
		{[]float64{7}, 7},
		{[]float64{1, 2}, 1.5},
		{[]float64{30, 1, 2}, 6.5}, // (¼·1 + 2 + ¼·30) / 1½
		{[]float64{4, 100, 2, -9}, 3},
		{[]float64{8, 1, 7, 2, 6, 3, 5, 4}, 4.5},
		{[]float64{1, 2, 3, 4, 5, 6}, 3.5},
		{[]float64{1, 2, 3, inf}, 2.5},
		{[]float64{1, 2, inf}, inf},
		{[]float64{1, 2, inf, inf}, inf},
	} {
		require.InDelta(t, x.want, suite.IQM(x.v), 1e-12, "%v", x.v)
	}
	require.True(t, math.IsNaN(suite.IQM(nil)))
}

// It lies between the extremes, moves with what is added, and does not ask for the order.
func TestIQMProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOfN(rapid.Float64Range(-10, 10), 1, 20).Draw(t, "v")
		shift := rapid.Float64Range(-3, 3).Draw(t, "shift")
		least, most, moved := inf, -inf, make([]float64, len(v))
		for i, x := range v {
			least, most = min(least, x), max(most, x)
			moved[len(v)-1-i] = x + shift
		}
		m := suite.IQM(v)
		require.GreaterOrEqual(t, m, least-1e-9)
		require.LessOrEqual(t, m, most+1e-9)
		require.InDelta(t, m+shift, suite.IQM(moved), 1e-9)
	})
}

func TestMedian(t *testing.T) {
	require.Equal(t, 2.0, suite.Median([]float64{3, 1, 2}))
	require.Equal(t, 2.5, suite.Median([]float64{4, 1, 3, 2}))
	require.Equal(t, inf, suite.Median([]float64{1, inf}))
	require.True(t, math.IsNaN(suite.Median(nil)))
}

func TestImprovement(t *testing.T) {
	require.Equal(t, 1.0, suite.Improvement([]float64{1, 2}, []float64{3, inf}))
	require.Equal(t, 0.0, suite.Improvement([]float64{3, inf}, []float64{1, 2}))
	require.Equal(t, 0.5, suite.Improvement([]float64{inf, 1}, []float64{inf, 1}))
	require.Equal(t, 0.625, suite.Improvement([]float64{1, 2}, []float64{1, 3})) // a tie, two wins and a loss
}

func TestProfile(t *testing.T) {
	ratios := []float64{.5, 1, 2, inf}
	for tau, want := range map[float64]float64{.4: 0, .5: .25, 1: .5, 1.9: .5, 2: .75, 1e9: .75} {
		require.Equal(t, want, suite.Profile(ratios, tau), "%v", tau)
	}
}

// Of constants there is nothing to draw; of the mean of many numbers the interval is that of the normal distribution.
func TestBootstrap(t *testing.T) {
	mean := func(runs [][]float64) func([][]int) float64 {
		return func(draws [][]int) float64 {
			sum := 0.0
			for p, d := range draws {
				for _, i := range d {
					sum += runs[p][i] / float64(len(d))
				}
			}
			return sum / float64(len(draws))
		}
	}
	low, high := suite.Bootstrap(2, 3, 1, mean([][]float64{{2, 2, 2}, {4, 4, 4}}))
	require.InDeltaSlice(t, []float64{3, 3}, []float64{low, high}, 1e-12, "of one problem after the other, and never of both together")

	const n = 400
	v := make([]float64, n)
	rng.Normal(v, 3, 1)
	centre, spread := 0.0, 0.0
	for _, x := range v {
		centre += x / n
	}
	for _, x := range v {
		spread += (x - centre) * (x - centre) / n
	}
	half := 1.96 * math.Sqrt(spread/n)
	low, high = suite.Bootstrap(1, n, 7, mean([][]float64{v}))
	require.InDelta(t, centre-half, low, half/8)
	require.InDelta(t, centre+half, high, half/8)
	again, _ := suite.Bootstrap(1, n, 7, mean([][]float64{v}))
	require.Equal(t, low, again)
	other, _ := suite.Bootstrap(1, n, 8, mean([][]float64{v}))
	require.NotEqual(t, low, other)
}
