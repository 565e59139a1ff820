package compose_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/compose"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
	"github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// several lays out about n weights, no tensor with one alone: where a step's length is given, a tensor of one weight has a derivative
// of zero, of which float32 keeps rounding errors only.
func several(n int) params.Layout {
	if n < 8 {
		return params.Layout{{Name: "theta", Shape: []int{n + 1}}}
	}
	rows := n / 3
	return params.Layout{{Name: "w", Shape: []int{rows, 2}}, {Name: "b", Shape: []int{n - 2*rows}}}
}

// weights are about n in a matrix, a number and a vector.
func weights(n int) params.Layout {
	n = max(n, 6)
	rows := n / 3
	return params.Layout{{Name: "w", Shape: []int{rows, 2}}, {Name: "s", Shape: []int{1}}, {Name: "bias", Shape: []int{n - 2*rows}}}
}

func adam() compose.Inner {
	return compose.Of(&handmade.Adam{LR: 0.03, Beta1: 0.8, Beta2: 0.9, Eps: 1e-6})
}

func small() compose.Inner { return compose.Of(&lstm.Rule{Hidden: 3, Layers: 1, Scale: 0.5}) }

func perceptron() compose.Inner { return compose.Of(&mlp.AdafacMLP{Hidden: 3, Step: 0.1}) }

// compositions are of all kinds of scopes and states inside of all kinds.
var compositions = []struct {
	name    string
	make    func() learnedopt.Rule
	options ruletest.Options
}{
	{name: "sum of coordinates", make: func() learnedopt.Rule {
		return &compose.Sum{Terms: []compose.Term{{Rule: adam(), Weight: 0.5}, {Rule: small(), Weight: -0.3}}}
	}},
	{name: "sum of all scopes", options: ruletest.Options{Weights: several, Tolerance: 5e-5}, make: func() learnedopt.Rule {
		return &compose.Sum{Terms: []compose.Term{
			{Rule: small()}, {Rule: perceptron(), Weight: 2}, {Rule: compose.Of(&handmade.DoWG{LR: 0.3, First: 0.2, Eps: 1e-6})},
		}}
	}},
	{name: "sum with senses", make: func() learnedopt.Rule {
		return &compose.Sum{Terms: []compose.Term{{Rule: compose.Of(&plastic.Delta{Rate: 0.3})}, {Rule: compose.Of(&plastic.Hebb{Rate: 0.02})}}}
	}},
	{name: "graft of tensors", options: ruletest.Options{Weights: several, Tolerance: 5e-5}, make: func() learnedopt.Rule {
		return &compose.Graft{Direction: small(), Length: adam()}
	}},
	{name: "graft of all", options: ruletest.Options{Weights: several, Tolerance: 5e-5}, make: func() learnedopt.Rule {
		return &compose.Graft{Direction: adam(), Length: compose.Of(&handmade.Momentum{LR: 0.1}), Per: "all"}
	}},
	{name: "groups", options: ruletest.Options{Weights: weights, Tolerance: 5e-5}, make: func() learnedopt.Rule {
		return &compose.Groups{
			Groups: []compose.Group{{Names: "w*", MinDims: 2, Rule: perceptron()}, {Names: "?", Rule: small()}}, Rest: adam(),
		}
	}},
	{name: "groups with the whole", make: func() learnedopt.Rule {
		return &compose.Groups{
			Groups: []compose.Group{{MinDims: 2, Rule: compose.Of(&compose.Mechanic{Rule: adam(), First: 0.01})}}, Rest: small(),
		}
	}},
	{name: "decay", make: func() learnedopt.Rule { return &compose.Decay{Rule: small(), Decay: 0.2} }},
	{name: "cosine", make: func() learnedopt.Rule { return &compose.Schedule{Rule: adam(), Warmup: 0.1, End: 0.2} }},
	{name: "kernels in kernels", make: func() learnedopt.Rule {
		in := compose.Of(&lstm.Rule{Hidden: 4, Layers: 1, Scale: 0.5}) // of a width that has a kernel, with a backward pass
		in = compose.Of(&compose.Schedule{Rule: in, Warmup: 3, End: 0.2})
		return &compose.Decay{Rule: compose.Of(&compose.Decay{Rule: in, Decay: 0.1}), Decay: 0.2}
	}},
	{name: "kernel of Adam", make: func() learnedopt.Rule { return &compose.Decay{Rule: adam(), Decay: 0.2} }},
	{name: "linear", options: ruletest.Options{Weights: weights, Tolerance: 5e-5}, make: func() learnedopt.Rule {
		return &compose.Schedule{Rule: perceptron(), Shape: "linear", Warmup: 7, Steps: 20}
	}},
	{name: "clip values", make: func() learnedopt.Rule { return &compose.Clip{Rule: adam(), GradValue: 0.4} }},
	{name: "clip all", options: ruletest.Options{Weights: several, Tolerance: 5e-5}, make: func() learnedopt.Rule {
		return &compose.Clip{Rule: small(), GradValue: 0.4, GradNorm: 0.7, StepNorm: 0.1, StepRMS: 0.002}
	}},
	{name: "clip tensors", options: ruletest.Options{Weights: several, Tolerance: 5e-5}, make: func() learnedopt.Rule {
		return &compose.Clip{Rule: adam(), GradNorm: 0.5, StepRMS: 0.01, Per: "tensor"}
	}},
	{name: "controlled", options: ruletest.Options{Weights: several, Tolerance: 5e-5}, make: func() learnedopt.Rule {
		return &compose.Controlled{Rule: small(), LR: 30, Decay: 0.3, Horizon: "either"}
	}},
	{name: "controlled perceptron", options: ruletest.Options{Weights: several, Tolerance: 5e-5}, make: func() learnedopt.Rule {
		return &compose.Controlled{Rule: perceptron(), LR: 30, Horizon: "free"}
	}},
	{name: "rated", make: func() learnedopt.Rule {
		in := compose.Of(&compose.Schedule{Rule: compose.Of(&lstm.Rule{Hidden: 4, Layers: 1, Scale: 0.5}), Warmup: 3, End: 0.2})
		return &compose.Rated{Rule: in, Rate: 0.3, Untold: true}
	}},
	{name: "told", options: ruletest.Options{Weights: several, Tolerance: 5e-5}, make: func() learnedopt.Rule {
		return &compose.Rated{Rule: perceptron(), Rate: 30, Told: 2}
	}},
	{name: "mechanic", make: func() learnedopt.Rule { return &compose.Mechanic{Rule: adam(), First: 0.01, Decay: 0.2} }},
	{name: "nested", make: func() learnedopt.Rule {
		in := compose.Of(&compose.Graft{Direction: small(), Length: adam(), Per: "all"})
		in = compose.Of(&compose.Decay{Rule: in, Decay: 0.01})
		in = compose.Of(&compose.Schedule{Rule: in, Warmup: 3})
		return &compose.Groups{Groups: []compose.Group{{Names: "b", Rule: adam()}}, Rest: in}
	}, options: ruletest.Options{Weights: several, Tolerance: 5e-5}},
}

func TestLaws(t *testing.T) {
	for _, c := range compositions {
		t.Run(c.name, func(t *testing.T) { ruletest.RunWith(t, c.make, c.options) })
	}
	for i, r := range compose.All() {
		t.Run("default "+r.Name(), func(t *testing.T) {
			ruletest.RunWith(t, func() learnedopt.Rule { return compose.All()[i] }, ruletest.Options{Weights: wide(r), Tolerance: 5e-5})
		})
	}
}

// wide returns nil for rules that work on weights of any shape.
func wide(r learnedopt.Rule) func(int) params.Layout {
	if r.Name() == "graft" || r.Name() == "clip" || r.Name() == "controlled" {
		return several
	}
	return nil
}
