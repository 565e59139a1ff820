package hierarchical_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/hierarchical"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLaws(t *testing.T) {
	ruletest.RunWith(t, func() learnedopt.Rule { return &hierarchical.Rule{Parameter: 2, Tensor: 3, Global: 2, LR: 0.1} },
		ruletest.Options{Weights: weights, Tolerance: 5e-5})
}

// weights lays out a matrix, a vector and a number, which is never alone, nor first, where laws have a gradient of 0 and g̃
// a derivative of 1e6: as long as α does not change, the step of a single number is the sign of its direction, and what is
// left of its derivative is lost in a float32.
func weights(n int) params.Layout {
	n = max(n, 6)
	rows := n / 4
	return params.Layout{{Name: "w", Shape: []int{rows, 2}}, {Name: "s", Shape: []int{1}}, {Name: "b", Shape: []int{n - 1 - 2*rows}}}
}

// The paper's optimizer has 8,349 weights.
func TestSize(t *testing.T) {
	require.Equal(t, 8349, new(hierarchical.Rule).Spec().Phi.Len())
}

var layout = params.Layout{{Name: "w", Shape: []int{3, 2}}, {Name: "b", Shape: []int{4}}, {Name: "s", Shape: []int{1}}}

// walk takes steps along gradients of many sizes, multiplied by scale, and returns each.
func walk(t *testing.T, r learnedopt.Rule, phi []float64, steps int, scale float64) (grads, taken [][]float64) {
	t.Helper()
	c, err := learnedopt.CompileWith[float64](r, layout, learnedopt.Options{Reference: true})
	require.NoError(t, err)
	state := make([]float64, c.State().Len())
	require.NoError(t, c.Start(state, phi))
	for k := range steps {
		g, step := make([]float64, layout.Len()), make([]float64, layout.Len())
		rng.Normal(g, rng.Split(7, uint64(k)), scale*math.Pow(10, float64(k%4)-1))
		if k == 2 {
			clear(g)
		}
		require.NoError(t, c.Step(step, state, learnedopt.Point[float64]{Phi: phi, State: state, Grad: g, Step: k}))
		grads, taken = append(grads, g), append(taken, step)
	}
	return grads, taken
}

// shaken is a rule's start with every number moved, so that no term is missed.
func shaken(r learnedopt.Rule) []float64 {
	phi := params.Convert[float64](learnedopt.Phi(r, 3))
	noise := make([]float64, len(phi))
	rng.Normal(noise, 4, 0.3)
	for i := range phi {
		phi[i] += noise[i]
	}
	return phi
}

// The steps are those of the paper's formulas, written down again in loops over weights.
func TestFormulas(t *testing.T) {
	for _, r := range []*hierarchical.Rule{{}, {Parameter: 2, Tensor: 3, Global: 4, LR: 1e-14}} { // the second meets the limit of α
		phi := shaken(r)
		grads, got := walk(t, r, phi, 9, 1)
		want := newReference(r, phi)
		for k, g := range grads {
			steps := want.step(g)
			for i := range steps {
				require.InDelta(t, steps[i], got[k][i], 1e-10*(1e-8+math.Abs(steps[i])), "weight %d in step %d", i, k)
			}
		}
	}
}

// Multiplying all gradients changes nothing, but for the smallest numbers that are added to squares.
func TestScaleOfTheLoss(t *testing.T) {
	r := &hierarchical.Rule{}
	_, plain := walk(t, r, shaken(r), 6, 1)
	_, scaled := walk(t, r, shaken(r), 6, 1000)
	for k := range plain {
		for i, want := range plain[k] {
			require.InDelta(t, want, scaled[k][i], 1e-3*math.Abs(want)+1e-9, "weight %d in step %d", i, k)
		}
	}
}

// Before it has learned to change α, each step of each tensor has a root mean square of LR/e.
func TestLengthOfSteps(t *testing.T) {
	r := &hierarchical.Rule{LR: 0.01}
	_, taken := walk(t, r, params.Convert[float64](learnedopt.Phi(r, 5)), 5, 1)
	for _, step := range taken {
		for i, tensor := range params.Split(layout, step) {
			square := 0.0
			for _, x := range tensor {
				square += x * x / float64(len(tensor))
			}
			require.InEpsilon(t, 0.01/math.E, math.Sqrt(square), 1e-6, layout[i].Name)
		}
	}
}
