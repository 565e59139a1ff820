package predictive_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/inner/predictive"
	"github.com/seed1498fded/unroll/internal/graph"
)

// scalar is Millidge, Tschantz and Buckley's graph of five vertices at y0 = 5: y1 = 2 y0, y2 = √y1, y3 = y0² and
// y4 = tan y2 + sin y3, with y4 clamped to the target 1, which is the loss ½(y4−1)².
func scalar(t *testing.T) *net {
	n, b := new(net), new(graph.Builder)
	y0 := n.weight(1)
	n.weightsAt[0][0] = 5
	y2 := n.layer(b.Sqrt(n.layer(b.Scale(2, y0))))
	y3 := n.layer(b.Square(y0))
	require.NoError(t, b.Err())
	y4 := b.Add(b.Div(G.Must(G.Sin(y2)), G.Must(G.Cos(y2))), G.Must(G.Sin(y3)))
	n.loss = b.Scale(0.5, b.Square(b.Shift(-1, y4)))
	require.NoError(t, b.Err())
	return n
}

// The numbers of steps are those of an independent implementation.
func TestScalarGraph(t *testing.T) {
	const want = -11.370532
	for _, tt := range []struct {
		gamma float64
		steps []int // to a relative error of 1e-2, 1e-4 and 1e-6
	}{
		{0.02, []int{235, 469, 703}},
		{0.05, []int{93, 185, 277}},
		{0.1, []int{46, 90, 135}},
		{0.2, []int{22, 43, 64}},
		{0.5, []int{7, 14, 21}},
	} {
		t.Run(fmt.Sprintf("gamma=%v", tt.gamma), func(t *testing.T) {
			n := scalar(t)
			exact := n.backprop(t, n.weights...)
			require.InDelta(t, want, exact[0][0], 5e-7)
			off := func(steps int) float64 {
				got, _ := n.coded(t, predictive.Config{Gamma: tt.gamma, Steps: steps, Vertex: n.isLayer})
				return apart(got, exact)
			}
			for i, tol := range []float64{1e-2, 1e-4, 1e-6} {
				require.Less(t, off(tt.steps[i]), tol, "%d steps", tt.steps[i])
				require.Greater(t, off(tt.steps[i]-1), tol, "%d steps", tt.steps[i]-1)
			}
		})
	}
}

// What the package comment says of the fixed-prediction assumption: without it, the same graph comes to rest elsewhere.
func TestScalarGraphWithoutFixedPredictions(t *testing.T) {
	const y0, gamma = 5.0, 0.1
	v1, v2, v3 := 2*y0, math.Sqrt(2*y0), y0*y0
	var e1, e3 float64
	for range 2000 {
		e2, e4 := v2-math.Sqrt(v1), 1-(math.Tan(v2)+math.Sin(v3))
		e1, e3 = v1-2*y0, v3-y0*y0
		v1 += gamma * (-e1 + e2/(2*math.Sqrt(v1)))
		v2 += gamma * (-e2 + e4/(math.Cos(v2)*math.Cos(v2)))
		v3 += gamma * (-e3 + e4*math.Cos(v3))
	}
	require.InDelta(t, -3.413608, -(2*e1 + 2*y0*e3), 5e-7)
}
