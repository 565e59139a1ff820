package rnnprop_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/rnnprop"
	"github.com/seed1498fded/unroll/params"
)

// backOnce is the pullback of a step in the middle of a run, whose state and cotangents are all of order one.
func backOnce[F params.Float](t *testing.T, o learnedopt.Options) learnedopt.Cotangents[F] {
	t.Helper()
	const n = 70
	r := new(rnnprop.Rule)
	c, err := learnedopt.CompileWith[F](r, params.Layout{{Name: "theta", Shape: []int{n}}}, o)
	require.NoError(t, err)
	m := c.State().Len()
	draw := func(n int, key uint64, lo, hi float64) []F {
		v := make([]float32, n)
		rng.Uniform(v, key, lo, hi)
		return params.Convert[F](v)
	}
	p := learnedopt.Point[F]{Phi: params.Convert[F](learnedopt.Phi(r, 1)), State: draw(m, 2, 0.5, 1), Grad: draw(n, 3, -2, 2)}
	p.State[m-1] = 3 // steps before this one
	d := learnedopt.Cotangents[F]{
		Step: draw(n, 4, -1, 1), Next: draw(m, 5, -1, 1), Phi: make([]F, len(p.Phi)), State: make([]F, m), Grad: make([]F, n),
	}
	require.NoError(t, c.Pullback(d, p))
	return d
}

// The cotangent of the number of steps is one number among thousands of state, and small: it is held to the expression's by
// itself, as those of both averages are.
func TestPullbackOfWhatIsNotCells(t *testing.T) {
	want := backOnce[float64](t, learnedopt.Options{Reference: true})
	next := want.Next[len(want.Next)-1]
	through := want.State[len(want.State)-1] - next // what goes through the correction of the averages
	require.Greater(t, math.Abs(through), 1e-4, "there is something to see")
	for _, workers := range []int{1, 2} {
		got := backOnce[float32](t, learnedopt.Options{Workers: workers})
		last := len(got.State) - 1
		require.InEpsilon(t, through, float64(got.State[last])-next, 1e-2)
		for i := range 2 * 70 {
			require.InDelta(t, want.State[i], got.State[i], 1e-5*(1+math.Abs(want.State[i])), "average %d", i)
		}
		for i, d := range want.Grad {
			require.InDelta(t, d, got.Grad[i], 1e-5*(1+math.Abs(d)), "gradient %d", i)
		}
	}
}
