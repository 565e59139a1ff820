package stepsize_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/learnedopt/stepsize"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLaws(t *testing.T) {
	for i, r := range stepsize.All() {
		t.Run(r.Name(), func(t *testing.T) { ruletest.Run(t, func() learnedopt.Rule { return stepsize.All()[i] }) })
	}
	t.Run("rmsmomentum with settings", func(t *testing.T) {
		ruletest.Run(t, func() learnedopt.Rule { return &stepsize.RMSMomentum{LR: 0.3, Beta: 0.5} })
	})
	t.Run("polyak with settings", func(t *testing.T) {
		ruletest.Run(t, func() learnedopt.Rule { return &stepsize.Polyak{Scale: 0.5, Floor: 0.25, Beta: 0.7} })
	})
}
