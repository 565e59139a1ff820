package lstm

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
)

func TestLogSign(t *testing.T) {
	const p = 10
	inf, nan := math.Inf(1), math.NaN()
	for _, tt := range []struct {
		name         string
		g            float64
		x            [2]float64
		dx0dg, dx1dg float64
	}{
		{"one", 1, [2]float64{0, 1}, 0.1, 0},
		{"minus one", -1, [2]float64{0, -1}, -0.1, 0},
		{"large", math.Exp(20), [2]float64{2, 1}, math.Exp(-20) / p, 0},
		{"above the threshold", math.Exp(-5), [2]float64{-0.5, 1}, math.Exp(5) / p, 0},
		{"minus that", -math.Exp(-5), [2]float64{-0.5, -1}, -math.Exp(5) / p, 0},
		{"at the threshold", math.Exp(-10), [2]float64{-1, 1}, math.Exp(10) / p, 0},
		{"minus that", -math.Exp(-10), [2]float64{-1, -1}, -math.Exp(10) / p, 0},
		{"below the threshold", math.Exp(-12), [2]float64{-1, math.Exp(-2)}, 0, math.Exp(10)},
		{"minus that", -math.Exp(-12), [2]float64{-1, -math.Exp(-2)}, 0, math.Exp(10)},
		{"zero", 0, [2]float64{-1, 0}, 0, math.Exp(10)},
		{"minus zero", math.Copysign(0, -1), [2]float64{-1, 0}, 0, math.Exp(10)},
		{"infinite", inf, [2]float64{inf, 1}, 0, 0},
		{"no number", nan, [2]float64{nan, nan}, nan, nan},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// Two coordinates, of which the second only keeps the first company.
			x, dg0 := runLogSign(t, p, []float64{tt.g, 3}, []float64{1, 0, 0, 0})
			_, dg1 := runLogSign(t, p, []float64{tt.g, 3}, []float64{0, 1, 0, 0})
			near(t, tt.x[0], x[0])
			near(t, tt.x[1], x[1])
			near(t, math.Log(3)/p, x[2])
			near(t, 1, x[3])
			near(t, tt.dx0dg, dg0[0])
			near(t, tt.dx1dg, dg1[0])
			near(t, 0, dg0[1])
		})
	}
}

// runLogSign returns the preprocessed gradient, and the cotangent of the gradient given that of the result.
func runLogSign(t *testing.T, p float64, g, cot []float64) (x, dg []float64) {
	t.Helper()
	b, ex := new(graph.Builder), G.NewGraph()
	in := G.NewVector(ex, G.Float64, G.WithShape(len(g)), G.WithName("g"))
	out := logSign(b, in, p)
	require.NoError(t, b.Err())
	seed := G.NewMatrix(ex, G.Float64, G.WithShape(len(g), 2), G.WithName("cotangent"))
	back, err := graph.VJP([]*G.Node{out}, []*G.Node{seed}, []*G.Node{in})
	require.NoError(t, err)
	prog, err := graph.Compile[float64]([]*G.Node{in, seed}, []*G.Node{out, back[0]})
	require.NoError(t, err)
	copy(prog.In(0), g)
	copy(prog.In(1), cot)
	require.NoError(t, prog.Run())
	return prog.Out(0), prog.Out(1)
}

func near(t *testing.T, want, got float64) {
	t.Helper()
	if math.IsNaN(want) || math.IsInf(want, 0) {
		require.True(t, want == got || math.IsNaN(want) && math.IsNaN(got), "want %v, got %v", want, got)
		return
	}
	require.InDelta(t, want, got, 1e-12*(1+math.Abs(want)))
}
