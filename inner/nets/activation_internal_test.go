package nets

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// An activation's own loops are its line in the table, to rounding.
func TestLoopsAreTheTable(t *testing.T) {
	loopsAreTheTable[float32](t, 1e-6)
	loopsAreTheTable[float64](t, 1e-15)
}

func loopsAreTheTable[F params.Float](t *testing.T, rounding float64) {
	const n = 1001
	x, dy := make([]F, n), make([]F, n)
	rng.Normal(x, 1, 3)
	rng.Normal(dy, 2, 1)
	copy(x, []F{0, F(math.Copysign(0, -1)), 1e-30, -1e-30, 50, -50})
	y, dx, want := make([]F, n), make([]F, n), make([]F, n)
	factors := map[string]float64{"elu": 1, "relu": 1, "sigmoid": 1, "tanh": 1, "gelu": 8, "silu": 16} // x times a rounding
	for name, s := range activations {
		e, err := newElementwise[F](Activation(name), Vector(1))
		require.NoError(t, err)
		e.forward(y, x, n)
		valueOf[F](s)(want, x)
		for i, v := range want {
			require.InDelta(t, v, y[i], rounding*math.Abs(float64(v)), "%s of %v", name, x[i])
		}
		e.back(dx, x, y, dy, n)
		pullOf[F](s)(want, x, y, dy)
		for i, v := range want {
			require.InDelta(t, v, dx[i], factors[name]*rounding/8*math.Abs(float64(dy[i])), "derivative of %s at %v", name, x[i])
		}
	}
}
