package graph

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/rng"
)

// bothWays compiles outputs with and without lowering, runs both twice on the same inputs, and compares: within tol of the
// size of an output, and bit for bit between runs.
func bothWays(t require.TestingT, inputs, outputs []*G.Node, fill func(i int, x []float32), tol float64) {
	lowered, err := Compile[float32](inputs, outputs)
	require.NoError(t, err)
	reference, err := CompileUnlowered[float32](inputs, outputs)
	require.NoError(t, err)
	before := make([][]float32, len(outputs))
	for run := range 2 {
		for i := range inputs {
			fill(i, reference.In(i))
			copy(lowered.In(i), reference.In(i))
		}
		require.NoError(t, reference.Run())
		require.NoError(t, lowered.Run())
		for i := range inputs {
			require.Equal(t, fmt.Sprint(reference.In(i)), fmt.Sprint(lowered.In(i)), "input %d is not written to", i)
			clear(lowered.In(i)) // an output is no window on an input
		}
		for k := range outputs {
			agree(t, reference.Out(k), lowered.Out(k), tol, fmt.Sprintf("output %d, %v", k, outputs[k]))
			if run > 0 {
				require.Equal(t, fmt.Sprint(before[k]), fmt.Sprint(lowered.Out(k)), "the second run")
			}
			before[k] = slices.Clone(lowered.Out(k))
		}
	}
}

// agree compares numbers relative to the largest that is finite; what is not finite must be so in both.
func agree(t require.TestingT, want, got []float32, tol float64, what string) {
	require.Len(t, got, len(want), what)
	largest := 0.0
	for _, w := range want {
		if a := math.Abs(float64(w)); !math.IsInf(a, 0) && !math.IsNaN(a) {
			largest = max(largest, a)
		}
	}
	for i, w := range want {
		w, g := float64(w), float64(got[i])
		if math.IsNaN(w) || math.IsInf(w, 0) {
			require.Equal(t, fmt.Sprint(w), fmt.Sprint(g), "%s: element %d", what, i)
			continue
		}
		require.LessOrEqual(t, math.Abs(w-g), tol*largest+1e-37, "%s: element %d: want %v, got %v", what, i, w, g)
	}
}

// Every operation, with its first and second derivative, is lowered to the same.
func TestLoweredOperations(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(operations)) {
		t.Run(name, func(t *testing.T) {
			g := G.NewGraph()
			x := G.NewMatrix(g, G.Float32, G.WithShape(2, 3), G.WithName("x"))
			v := G.NewMatrix(g, G.Float32, G.WithShape(2, 3), G.WithName("v"))
			y, err := operations[name](x)
			require.NoError(t, err)
			b := new(Builder)
			loss := b.Sum(b.Add(y, b.Square(y)))
			require.NoError(t, b.Err())
			grad, err := Grad(loss, x)
			require.NoError(t, err)
			slope := b.Sum(b.Mul(grad[0], v))
			require.NoError(t, b.Err())
			hv, err := Grad(slope, x)
			require.NoError(t, err)
			bothWays(t, []*G.Node{x, v}, []*G.Node{y, loss, slope, grad[0], hv[0]}, func(i int, x []float32) {
				rng.Uniform(x, uint64(i), 0.1, 0.5)
			}, 3e-6)
		})
	}
}
