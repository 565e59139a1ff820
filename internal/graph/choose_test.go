package graph

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
)

// Zero has no sign, as a number of a vector and as a scalar; equal numbers are not greater; what is no number stays so.
func TestChoices(t *testing.T) {
	nan := math.NaN()
	for _, tt := range []struct{ x, y, sign, greater, most float64 }{
		{-2, -3, -1, 1, -2}, {0, 0, 0, 0, 0}, {3, 4, 1, 0, 4}, {math.Copysign(0, -1), 1, 0, 0, 1}, {nan, 1, nan, 0, nan}, {1, nan, 1, 0, nan},
	} {
		for _, n := range []int{1, 3} {
			g := G.NewGraph()
			shape := []int{n}
			if n == 1 {
				shape = nil
			}
			x := G.NewTensor(g, G.Float64, len(shape), G.WithShape(shape...), G.WithName("x"))
			y := G.NewTensor(g, G.Float64, len(shape), G.WithShape(shape...), G.WithName("y"))
			if n == 1 {
				x, y = G.NewScalar(g, G.Float64, G.WithName("x")), G.NewScalar(g, G.Float64, G.WithName("y"))
			}
			b := new(Builder)
			out := []*G.Node{b.Sign(x), b.Greater(x, y), b.Max(x, y)}
			require.NoError(t, b.Err())
			p, err := Compile[float64]([]*G.Node{x, y}, out)
			require.NoError(t, err)
			for i := range n {
				p.In(0)[i], p.In(1)[i] = tt.x, tt.y
			}
			require.NoError(t, p.Run())
			for k, want := range []float64{tt.sign, tt.greater, tt.most} {
				got := p.Out(k)[n-1]
				require.True(t, got == want || got != got && want != want, "output %d of %v, %d numbers: %v", k, tt, n, got)
			}
		}
	}
}
