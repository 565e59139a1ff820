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
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLaws(t *testing.T) {
	for i, r := range handmade.All() {
		t.Run(r.Name(), func(t *testing.T) { ruletest.Run(t, func() learnedopt.Rule { return handmade.All()[i] }) })
	}
	for i, r := range others() { // with other hyperparameters than the defaults
		t.Run(fmt.Sprintf("%s not of the defaults %d", r.Name(), i), func(t *testing.T) {
			ruletest.Run(t, func() learnedopt.Rule {
				again := reflect.New(reflect.TypeOf(r).Elem())
				again.Elem().Set(reflect.ValueOf(r).Elem())
				return again.Interface().(learnedopt.Rule)
			})
		})
	}
}

// others returns every hand-made rule with other hyperparameters than the defaults.
func others() []learnedopt.Rule {
	rules := []learnedopt.Rule{
		&handmade.Lion{LR: 0.03, Beta1: 0.8, Beta2: 0.7, Decay: 0.2},
		&handmade.Adafactor{LR: 0.03, Exponent: 0.6, Momentum: 0.8, Decay: 0.2, MinFactored: 2},
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
