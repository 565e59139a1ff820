package eval

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
)

// Law: gradient descent on a bowl moves each weight by LR·a·(θ−c), which shrinks by 1 − LR·a a step; so the strides of a run are known.
// And who is watched does what it does unwatched.
func TestStrides(t *testing.T) {
	const lr, steps = 0.5, 36
	sgd := &learnedopt.Trained{Rule: &handmade.SGD{LR: lr}}
	r := Runs{Family: bowl{a: 1}, Steps: steps, Count: 3, Key: 5}
	plain, err := Measure(context.Background(), sgd, r)
	require.NoError(t, err)
	losses, s, err := Watch(context.Background(), sgd, r)
	require.NoError(t, err)
	require.Equal(t, plain, losses)

	require.Len(t, s.Tensors, 1)
	require.Equal(t, "theta", s.Tensors[0].Name)
	counts, sum, n := make([]int, strideBars), 0.0, 0
	for step := 0; step < steps; step += 3 {
		distance := math.Sqrt(2 * losses[0][step]) // f = ½·Σ(θ−c)²
		sum += lr * lr * distance * distance
		n += 2
	}
	require.InEpsilon(t, math.Sqrt(sum/float64(n)), s.Tensors[0].RMS, 1e-5)
	total := s.Zero + s.Odd
	for _, c := range s.Counts {
		total += c
	}
	require.Equal(t, n, total)

	// Each length has its bar, and what is too short or too long for any the first or the last.
	w := &watcher{every: 1, layout: bowl{}.Params()}
	for _, d := range []float32{1, 1.5, 2, -2, 0, float32(math.Inf(1)), 1e-30, 1e30} {
		w.look([]float32{0, 0})
		w.note([]float32{d, d})
	}
	for _, exponent := range []int{0, 0, 1, 1, Lowest, Lowest + strideBars - 1} {
		counts[exponent-Lowest] += 2
	}
	require.Equal(t, counts, w.found.Counts)
	require.Equal(t, []int{2, 2}, []int{w.found.Zero, w.found.Odd})
}
