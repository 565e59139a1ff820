package learnedopt_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/optimize"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// onGradients lists the rules that need nothing but what any problem has.
func onGradients() (all []learnedopt.Rule) {
	for _, r := range learnedopt.All() {
		if len(r.Spec().Reads.Senses()) == 0 {
			all = append(all, r)
		}
	}
	return all
}

// feltSteps returns where a rule that reads senses takes three synapses.
func feltSteps(t *testing.T, r *learnedopt.Trained, n int) []float32 {
	t.Helper()
	senses := params.Layout{{Name: "pre.w", Shape: []int{1, 3}}, {Name: "reward", Shape: []int{1}}}
	for _, s := range []params.Sense{params.Potential, params.Post, params.Mod, params.Target} {
		senses = append(senses, params.Spec{Name: s.Of("w"), Shape: []int{1, 1}})
	}
	weights := params.Layout{{Name: "w", Shape: []int{3, 1}}}
	c, err := learnedopt.CompileWith[float32](r.Rule, weights, learnedopt.Options{Senses: senses})
	require.NoError(t, err)
	theta, step, felt := []float32{1, -1, 0.5}, make([]float32, 3), make([]float32, senses.Len())
	for i := range n {
		rng.Normal(felt, uint64(i), 1)
		require.NoError(t, c.Step(step, nil, learnedopt.Point[float32]{Phi: r.Phi, Theta: theta, Senses: felt}))
		for k, d := range step {
			theta[k] += d
		}
	}
	return theta
}

// A rule that reads senses is no optimizer: whoever has gradients alone is told so, in one line.
func TestRulesThatReadSensesNeedThem(t *testing.T) {
	for _, r := range learnedopt.All() {
		if len(r.Spec().Reads.Senses()) == 0 {
			continue
		}
		const missing = "it reads pre, which the problem does not show for weights theta[3]; it shows its gradient alone"
		want := fmt.Sprintf("learnedopt: %s: %s", r.Name(), missing)
		_, err := learnedopt.New(r, nil, vector(3))
		require.EqualError(t, err, want)
		tr := trained(r)
		_, err = tr.New(vector(3))
		require.EqualError(t, err, want)

		w := valueGrad{value: dense([]int{3}, 1., 2, 3), grad: dense([]int{3}, 1., 2, 3)}
		require.ErrorContains(t, tr.Solver().Step([]G.ValueGrad{w}), ": it reads pre, which the problem does not show")

		bowl := optimize.Problem{
			Func: func(x []float64) float64 { return x[0] * x[0] },
			Grad: func(grad, x []float64) { grad[0] = 2 * x[0] },
		}
		_, err = optimize.Minimize(bowl, []float64{1}, nil, tr.Method())
		require.ErrorContains(t, err, ": it reads pre, which the problem does not show")
	}
}
