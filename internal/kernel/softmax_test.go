package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
)

func TestSoftmax(t *testing.T) {
	for _, l := range levels() {
		t.Run(names[l], func(t *testing.T) {
			at(t, l)
			testSoftmax(t, Softmax[float32], 1e-6)
			testSoftmax(t, Softmax[float64], 1e-14)
		})
	}
}

// Rows below, at and above the length of a vector, against the definition; what lies behind a row stays.
func testSoftmax[F float32 | float64](t *testing.T, softmax func(y, x []F, scale, mass F) (top F, sum float64), tol float64) {
	for n := 1; n < 40; n++ {
		x, y := make([]F, n+1), make([]F, n+1)
		rng.Normal(x, uint64(n), 5)
		y[n] = 7
		const scale, mass = .25, .5
		top, sum := softmax(y[:n], x[:n], scale, mass)
		want, most := 0.0, math.Inf(-1)
		for _, v := range x[:n] {
			most = max(most, float64(v))
		}
		for _, v := range x[:n] {
			want += math.Exp(scale * (float64(v) - most))
		}
		require.EqualValues(t, most, top)
		require.InDelta(t, want, sum, tol*want)
		for i, v := range x[:n] {
			share := mass * math.Exp(scale*(float64(v)-most)) / want
			require.InDelta(t, share, float64(y[i]), tol*share, "%d of %d", i, n)
		}
		require.EqualValues(t, 7, y[n])
		softmax(x[:n], x[:n], scale, mass)
		require.Equal(t, y[:n], x[:n])
	}
}

func TestSoftmaxOfWhatIsNotFinite(t *testing.T) {
	for _, l := range levels() {
		at(t, l)
		for _, bad := range []float64{math.NaN(), math.Inf(1)} {
			for at := range 19 {
				x := make([]float32, 19)
				x[at] = float32(bad)
				_, sum := Softmax(x, x, 1, 1)
				require.True(t, math.IsNaN(sum))
				for _, v := range x {
					require.True(t, v != v, "%v at %d", bad, at)
				}
			}
		}
	}
	assert.Panics(t, func() { Softmax[float32](nil, nil, 1, 1) })
}
