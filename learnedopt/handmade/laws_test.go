package handmade_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLaws(t *testing.T) {
	for i, r := range handmade.All() {
		if r.Name() == "dog" {
			continue // at LR = 1 its first step is as long as r, which is where the greater of both has no derivative
		}
		t.Run(r.Name(), func(t *testing.T) {
			ruletest.RunWith(t, func() learnedopt.Rule { return handmade.All()[i] }, special[r.Name()])
		})
	}
	for i, r := range others() { // with other hyperparameters than the defaults
		t.Run(fmt.Sprintf("%s not of the defaults %d", r.Name(), i), func(t *testing.T) {
			ruletest.RunWith(t, func() learnedopt.Rule {
				again := reflect.New(reflect.TypeOf(r).Elem())
				again.Elem().Set(reflect.ValueOf(r).Elem())
				return again.Interface().(learnedopt.Rule)
			}, special[r.Name()])
		})
	}
}

// special is what the laws must know of some rules. Where a step's length is given, a tensor of one weight has a derivative of
// zero, of which float32 keeps rounding errors only. RAdam's ρ at β₂ = 0.999 is a small difference of large numbers.
var special = map[string]ruletest.Options{"lamb": {Weights: several}, "radam": {Tolerance: 2e-5}}

// several lays out about n weights, no tensor with one alone.
func several(n int) params.Layout {
	if n < 8 {
		return params.Layout{{Name: "theta", Shape: []int{n + 1}}}
	}
	rows := n / 3
	return params.Layout{{Name: "w", Shape: []int{rows, 2}}, {Name: "b", Shape: []int{n - 2*rows}}}
}

// others returns every hand-made rule with other hyperparameters than the defaults.
func others() []learnedopt.Rule {
	rules := []learnedopt.Rule{
		&handmade.Lion{LR: 0.03, Beta1: 0.8, Beta2: 0.7, Decay: 0.2},
		&handmade.Adafactor{LR: 0.03, Exponent: 0.6, Momentum: 0.8, Decay: 0.2, MinFactored: 2},
		&handmade.Adam{LR: 0.03, Beta1: 0.8, Beta2: 0.9, Eps: 1e-6, EpsRoot: 1e-4},
		&handmade.NAdam{LR: 0.03, Beta1: 0.8, Beta2: 0.9, Eps: 1e-6},
		&handmade.Yogi{LR: 0.03, Beta1: 0.8, Beta2: 0.9, Eps: 1e-6},
		&handmade.AdaBelief{LR: 0.03, Beta1: 0.8, Beta2: 0.9, Eps: 1e-6},
		&handmade.LAMB{LR: 0.03, Beta1: 0.8, Beta2: 0.9, Eps: 1e-5, Decay: 0.2},
		&handmade.ScheduleFree{LR: 0.03, Beta1: 0.8, Beta2: 0.9, Eps: 1e-6, Decay: 0.2, Warmup: 9},
		&handmade.Muon{LR: 0.03, Momentum: 0.7, Beta1: 0.8, Beta2: 0.9, Eps: 1e-6, Decay: 0.2, Plain: true},
		&handmade.DoG{LR: 0.3, Start: "distance", First: 0.2, Eps: 1e-6, Decay: 0.2},
		&handmade.DoG{LR: 0.3, First: 0.2, Eps: 1e-6},
		&handmade.DoG{LR: 0.3, Start: "rate", First: 0.2, Eps: 1e-6},
		&handmade.DoWG{LR: 0.3, First: 0.2, Eps: 1e-6},
		&handmade.Prodigy{LR: 0.3, Beta1: 0.8, Beta2: 0.9, Eps: 1e-6, First: 0.01, Growth: 2, Decay: 0.2},
		&handmade.Prodigy{LR: 0.3, Beta1: 0.8, Beta2: 0.9, Eps: 1e-6, First: 0.01, Growth: 2, Safeguard: true},
	}
	for _, f := range formulas {
		rules = append(rules, f.rule)
	}
	return rules
}

// Every rule is tested by its formula or by a trajectory of another implementation, and with other hyperparameters.
func TestEveryHandMadeRuleHasAWitness(t *testing.T) {
	witness, other := make(map[string]bool), make(map[string]bool)
	for _, f := range formulas {
		witness[f.rule.Name()] = true
	}
	for _, g := range goldens {
		witness[g.rule.Name()] = true
	}
	for _, r := range others() {
		other[r.Name()] = true
	}
	for _, r := range handmade.All() {
		require.True(t, witness[r.Name()] && other[r.Name()], r.Name())
	}
}
