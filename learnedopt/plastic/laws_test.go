package plastic_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rules make what the laws are run on, with settings that are not the defaults.
var rules = map[string]func() learnedopt.Rule{
	"static":           func() learnedopt.Rule { return new(plastic.Static) },
	"hebb":             func() learnedopt.Rule { return &plastic.Hebb{Rate: 0.3} },
	"delta":            func() learnedopt.Rule { return &plastic.Delta{Rate: 0.2} },
	"abcd":             func() learnedopt.Rule { return &plastic.ABCD{Rate: 0.5, Std: 0.3} },
	"abcd reward":      func() learnedopt.Rule { return &plastic.ABCD{Std: 0.4, Reward: true} },
	"abcd baseline":    func() learnedopt.Rule { return &plastic.ABCD{Reward: true, Baseline: true} },
	"bengio7":          func() learnedopt.Rule { return &plastic.Bengio7{Std: 0.2} },
	"bengio7 forgets":  func() learnedopt.Rule { return &plastic.Bengio7{Std: 0.2, Forget: true} },
	"bengio16":         func() learnedopt.Rule { return &plastic.Bengio16{Std: 0.2} },
	"runarsson":        func() learnedopt.Rule { return new(plastic.Runarsson) },
	"runarsson mod":    func() learnedopt.Rule { return &plastic.Runarsson{Hidden: 3, Inputs: "mod", Scale: 0.5, Std: 2} },
	"runarsson reward": func() learnedopt.Rule { return &plastic.Runarsson{Hidden: 1, Inputs: "reward"} },
}

// Every rule obeys the laws of its kind.
func TestLaws(t *testing.T) {
	for name, make := range rules {
		t.Run(name, func(t *testing.T) { ruletest.Run(t, make) })
	}
	// Weights with the biases of their neurons, and weights without.
	t.Run("orchard", func(t *testing.T) {
		ruletest.RunWith(t, func() learnedopt.Rule {
			return &plastic.Orchard{WeightScale: 0.3, BiasScale: 0.2, WeightLimit: 20, BiasLimit: 30, Std: 2}
		},
			ruletest.Options{Weights: layers})
	})
	t.Run("distributed", func(t *testing.T) {
		ruletest.RunWith(t, func() learnedopt.Rule { return &plastic.Distributed{Pre: 3, Post: 2, Hidden: 5, Scale: 0.5, Std: 2} },
			ruletest.Options{Weights: alike, Distributed: true})
	})
}

func layers(n int) params.Layout {
	if n < 4 {
		return params.Layout{{Name: "w", Shape: []int{1, n}}}
	}
	return params.Layout{{Name: "w0", Shape: []int{n / 4, 2}}, {Name: "b0", Shape: []int{2}}, {Name: "w1", Shape: []int{2, n / 4}}}
}

func alike(n int) params.Layout {
	l := params.Layout{{Name: "w0", Shape: []int{3, 2}}}
	if n >= 12 {
		l = append(l, params.Spec{Name: "w1", Shape: []int{3, 2}})
	}
	return l
}
