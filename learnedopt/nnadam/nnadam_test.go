package nnadam_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/nnadam"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLaws(t *testing.T) {
	ruletest.RunWith(t, func() learnedopt.Rule { return &nnadam.Rule{LSTM: 3, LR: 0.01, Decay: 0.1} }, ruletest.Options{Tolerance: 5e-5})
}

// The weights at every step are those of the implementation that the rule is from.
func TestGolden(t *testing.T) {
	for _, g := range ruletest.ReadGolden(t, "testdata/nn_adam.json.gz") {
		t.Run(g.Name, func(t *testing.T) { g.Run(t, new(nnadam.Rule)) })
	}
}
