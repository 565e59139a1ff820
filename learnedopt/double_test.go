package learnedopt_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/optimize"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
)

// Weights of float64 keep the digits that a float32 has not. (At 1e8 a float64 has eight after the point, and a thousand
// sums round up to 2e-6 off the mark.)
func TestSolverKeepsTheDigitsOfDoubles(t *testing.T) {
	w := valueGrad{value: dense([]int{2}, 100000003.123, 0.1), grad: dense([]int{2}, 0., 0)}
	s := trained(&handmade.SGD{LR: 1e-4}).Solver()
	want := []float64{100000003.123, 0.1}
	for range 1000 {
		copy(graph.Floats[float64](w.grad), []float64{1, 1})
		require.NoError(t, s.Step([]G.ValueGrad{w}))
		for i := range want {
			want[i] -= 1e-4
		}
	}
	require.InDeltaSlice(t, want, graph.Floats[float64](w.value), 1e-7)
	require.InDeltaSlice(t, []float64{100000003.023, 0}, graph.Floats[float64](w.value), 2e-6)
}

// (x − c − 0.3)² far from zero has its minimum between two float32s.
func TestMethodKeepsTheDigitsOfDoubles(t *testing.T) {
	const c = 1e7
	p := optimize.Problem{
		Func: func(x []float64) float64 { d := x[0] - c - 0.3; return d * d },
		Grad: func(grad, x []float64) { grad[0] = 2 * (x[0] - c - 0.3) },
	}
	for _, r := range []learnedopt.Rule{&handmade.SGD{LR: 0.1}, &handmade.Adam{LR: 0.01}, &handmade.NAG{LR: 0.01}} {
		result, err := optimize.Minimize(p, []float64{c}, nil, trained(r).Method())
		require.NoError(t, err)
		require.InDelta(t, 0.3, result.X[0]-c, 2e-6, r.Name())
	}
	quad, err := learnedopt.Load("zoo:lstm-quadratic")
	require.NoError(t, err)
	result, err := optimize.Minimize(p, []float64{c}, nil, quad.Method())
	require.NoError(t, err)
	require.InDelta(t, 0.3, result.X[0]-c, 1e-3)
}

// Gradients beyond float32 count as its largest number, on both sides.
func TestGradientsBeyondSingles(t *testing.T) {
	w := valueGrad{value: dense([]int{3}, 0., 0, 0), grad: dense([]int{3}, 1e300, -1e300, 1)}
	require.NoError(t, trained(&handmade.SGD{LR: 0.5}).Solver().Step([]G.ValueGrad{w}))
	require.InDeltaSlice(t, []float64{-1.7, 1.7, -0.5e-38}, []float64{
		graph.Floats[float64](w.value)[0] / 1e38, graph.Floats[float64](w.value)[1] / 1e38, graph.Floats[float64](w.value)[2] / 1e38}, 0.01)
}
