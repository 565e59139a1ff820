package mlp_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLaws(t *testing.T) {
	for name, tt := range map[string]struct {
		rule      func() learnedopt.Rule
		tolerance float64
		weights   func(int) params.Layout
	}{
		"lolv2":     {func() learnedopt.Rule { return &mlp.LOLv2{Hidden: 3, Step: 0.1} }, 0, weights},
		"adafacmlp": {func() learnedopt.Rule { return &mlp.AdafacMLP{Hidden: 3, Step: 0.1} }, 5e-5, weights},
		"star": {func() learnedopt.Rule {
			return &mlp.Star{Hidden: 3, Step: 0.1, Nominal: 0.02, Decay: 0.1, Controllers: true}
		}, 5e-5, weights},
		"celo2":             {func() learnedopt.Rule { return &mlp.Celo2{Hidden: 3, LR: 0.1, Decay: 0.3} }, 5e-5, weights},
		"celo2 of matrices": {func() learnedopt.Rule { return &mlp.Celo2{LR: 0.1, NewtonSchulz: true, AdamVectors: true} }, 5e-4, weights},
		"celo2 of 8 units":  {func() learnedopt.Rule { return &mlp.Celo2{LR: 0.1, Decay: 0.3} }, 5e-5, matrices},
		"general":           {func() learnedopt.Rule { return &mlp.General{Hidden: 3, LR: 30, Decay: 0.3, Horizon: "free"} }, 5e-5, weights},
		"general either":    {func() learnedopt.Rule { return &mlp.General{Hidden: 3, LR: 30, Decay: 0.3, Horizon: "either"} }, 5e-5, weights},
		"general, known":    {func() learnedopt.Rule { return &mlp.General{LR: 30} }, 5e-5, matrices},
		"general, learned decay": {func() learnedopt.Rule {
			return &mlp.General{LR: 30, Decay: .3, Horizon: "either", LearnedDecay: true, Outputs: true}
		}, 5e-5, matrices},
		"general of 4": {func() learnedopt.Rule { return &mlp.General{Hidden: 4, LR: 30, Decay: .3} }, 5e-5, matrices},
	} {
		t.Run(name, func(t *testing.T) {
			ruletest.RunWith(t, tt.rule, ruletest.Options{Weights: tt.weights, Tolerance: tt.tolerance})
		})
	}
}

// weights lays out a matrix, a vector and a number, and the filters of a convolution where there is room for them. A number
// is never alone: in units of its own size it is its sign, and what is left of its derivative is lost in a float32.
func weights(n int) params.Layout {
	n = max(n, 6)
	rows := n / 6
	l := params.Layout{{Name: "w", Shape: []int{rows, 2}}, {Name: "s", Shape: []int{1}}}
	if n >= 30 {
		l = append(l, params.Spec{Name: "k", Shape: []int{2, 3, 3}})
	}
	return append(l, params.Spec{Name: "b", Shape: []int{n - l.Len()}})
}

// matrices lays out what there are kernels for: wide and tall matrices, a long row, and vectors.
func matrices(n int) params.Layout {
	n = max(n, 30)
	rows := n / 10
	l := params.Layout{{Name: "w", Shape: []int{3, 5}}, {Name: "b", Shape: []int{5}}, {Name: "tall", Shape: []int{rows, 4}}}
	return append(l, params.Spec{Name: "row", Shape: []int{2, 2 * rows}}, params.Spec{Name: "v", Shape: []int{2*rows + 3}})
}
