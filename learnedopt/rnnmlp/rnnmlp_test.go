package rnnmlp_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/rnnmlp"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLaws(t *testing.T) {
	ruletest.RunWith(t, func() learnedopt.Rule { return &rnnmlp.Rule{LSTM: 2, Hidden: 3, Step: 0.1, Scalars: true} },
		ruletest.Options{Tolerance: 5e-5})
}

// The paper's optimizer has 35,799 weights.
func TestSize(t *testing.T) {
	require.Equal(t, 35799, new(rnnmlp.Rule).Spec().Phi.Len())
}

// The weights at every step are those of the implementation that the rule is from.
func TestGolden(t *testing.T) {
	for _, g := range ruletest.ReadGolden(t, "testdata/rnn_mlp.json.gz") {
		t.Run(g.Name, func(t *testing.T) { g.Run(t, new(rnnmlp.Rule)) })
	}
}
