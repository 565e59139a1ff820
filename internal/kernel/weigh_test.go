package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Weights are divided by roots of means, to the same bits at every level.
func TestWeigh(t *testing.T) { eachUnits(t, testWeigh) }

func testWeigh(t *testing.T, u Units) {
	best := level
	defer setLevel(best)
	const rows, n = 5, 300
	c := perceptronCase{key: 4}
	from, sums := c.normal(rows*int(u), 1), c.squares(rows*Lanes, 3)
	clear(sums[:Lanes])
	setLevel(plain)
	want, wantMeans := make([]float32, len(from)), make([]float64, rows)
	u.Weigh(want, from, sums, wantMeans, n)
	for k, x := range totals(sums) {
		require.InDelta(t, x/n, wantMeans[k], 1e-6)
		for h := k * int(u); h < (k+1)*int(u); h++ {
			require.InEpsilon(t, float64(from[h])/math.Sqrt(wantMeans[k]+1e-9), want[h], 1e-6)
		}
	}
	for l := avx2; l <= best; l++ {
		setLevel(l)
		w, means := make([]float32, len(from)), make([]float64, rows)
		u.Weigh(w, from, sums, means, n)
		require.Equal(t, wantMeans, means)
		require.Equal(t, want, w)
	}
}
