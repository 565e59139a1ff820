package handmade_test

import (
	"reflect"
	"testing"

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
	for _, f := range formulas { // with other hyperparameters than the defaults
		t.Run(f.rule.Name()+" of the formula", func(t *testing.T) {
			ruletest.Run(t, func() learnedopt.Rule {
				r := reflect.New(reflect.TypeOf(f.rule).Elem())
				r.Elem().Set(reflect.ValueOf(f.rule).Elem())
				return r.Interface().(learnedopt.Rule)
			})
		})
	}
}
