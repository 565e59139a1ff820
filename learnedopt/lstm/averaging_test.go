package lstm_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

func TestAveragingLaws(t *testing.T) {
	for _, r := range []lstm.Averaging{{Hidden: 4, Layers: 2, Scale: 0.2, Averaged: 3}, {Hidden: 3, Layers: 1, Preprocess: -1}} {
		t.Run(fmt.Sprintf("%d layers of %d", r.Layers, r.Hidden), func(t *testing.T) {
			ruletest.Run(t, func() learnedopt.Rule { r := r; return &r })
		})
	}
}

// three is a net of a matrix, a vector and a number.
var three = params.Layout{{Name: "w", Shape: []int{3, 2}}, {Name: "b", Shape: []int{4}}, {Name: "s", Shape: []int{1}}}

// stepsOf are the steps of a rule on gradients that are drawn and then changed.
func stepsOf(t *testing.T, r learnedopt.Rule, theta params.Layout, steps int, change func(grad []float64)) [][]float64 {
	t.Helper()
	c, err := learnedopt.Compile[float64](r, theta)
	require.NoError(t, err)
	state, phi := make([]float64, c.State().Len()), params.Convert[float64](learnedopt.Phi(r, 1))
	var all [][]float64
	for i := range steps {
		grad, step := make([]float64, theta.Len()), make([]float64, theta.Len())
		rng.Normal(grad, rng.Split(2, uint64(i)), 1)
		change(grad)
		require.NoError(t, c.Step(step, state, learnedopt.Point[float64]{Phi: phi, State: state, Grad: grad}))
		all = append(all, step)
	}
	return all
}

// Coordinates that are alike have nothing to tell each other: they take the LSTM's steps.
func TestAveragingOfWhatIsAlike(t *testing.T) {
	alike := func(grad []float64) {
		for i := range grad {
			grad[i] = grad[0]
		}
	}
	gac := stepsOf(t, new(lstm.Averaging), three, 5, alike)
	for i, want := range stepsOf(t, new(lstm.Rule), three, 5, alike) {
		require.InDeltaSlice(t, want, gac[i], 1e-14, "step %d", i)
	}
	apart := stepsOf(t, new(lstm.Averaging), three, 5, func([]float64) {})
	lone := stepsOf(t, new(lstm.Rule), three, 5, func([]float64) {})
	require.Greater(t, math.Abs(lone[0][0]-apart[0][0]), 1e-6, "others are heard at once")
}

// Permuting the coordinates permutes the steps, from one tensor to another, too.
func TestAveragingPermutes(t *testing.T) {
	n := three.Len()
	to := func(i int) int { return (4*i + 3) % n } // 4 and 11 have no common divisor
	want := stepsOf(t, new(lstm.Averaging), three, 5, func([]float64) {})
	got := stepsOf(t, new(lstm.Averaging), three, 5, func(grad []float64) {
		before := append([]float64(nil), grad...)
		for i, g := range before {
			grad[to(i)] = g
		}
	})
	for s := range want {
		for i, d := range want[s] {
			require.InDelta(t, d, got[s][to(i)], 1e-14, "step %d of coordinate %d", s, i)
		}
	}
}

// What tensors the coordinates are of makes no difference.
func TestAveragingOverTensors(t *testing.T) {
	keep := func([]float64) {}
	want := stepsOf(t, new(lstm.Averaging), vector(three.Len()), 5, keep)
	for i, got := range stepsOf(t, new(lstm.Averaging), three, 5, keep) {
		require.InDeltaSlice(t, want[i], got, 1e-14, "step %d", i)
	}
}

// Averaged units say the same everywhere, the others what is their own coordinate's.
func TestAveragedUnitsAreTheSame(t *testing.T) {
	r := &lstm.Averaging{Hidden: 8, Averaged: 3}
	c, err := learnedopt.Compile[float64](r, three)
	require.NoError(t, err)
	n, state := three.Len(), make([]float64, c.State().Len())
	p := learnedopt.Point[float64]{Phi: params.Convert[float64](learnedopt.Phi(r, 1)), State: state, Grad: make([]float64, n)}
	rng.Normal(p.Grad, 3, 1)
	require.NoError(t, c.Step(make([]float64, n), state, p))
	for l := range 2 {
		h := params.Slice(c.State(), state, fmt.Sprintf("h%d", l))
		cell := params.Slice(c.State(), state, fmt.Sprintf("c%d", l))
		for unit := range 8 {
			for i := 1; i < n; i++ {
				if unit < 3 {
					require.Equal(t, h[unit], h[8*i+unit], "unit %d of layer %d says one thing", unit, l)
				} else {
					require.NotEqual(t, h[unit], h[8*i+unit], "unit %d of layer %d speaks for itself", unit, l)
				}
				require.NotEqual(t, cell[unit], cell[8*i+unit], "cell states are each coordinate's own")
			}
		}
	}
}

func TestAveragingRefuses(t *testing.T) {
	for says, r := range map[string]*lstm.Averaging{
		"lstm-gac: averaged is 21, want 1 to 20": {Averaged: 21},
		"lstm-gac: averaged is -1, want 1 to 20": {Averaged: -1},
		"lstm-gac: hidden is 1, want 2 to 1024":  {Hidden: 1},
		"lstm of 17 layers":                      {Layers: 17},
	} {
		require.ErrorContains(t, r.Validate(), says)
	}
	require.NoError(t, (&lstm.Averaging{Averaged: 20}).Validate())
}
