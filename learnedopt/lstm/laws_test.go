package lstm_test

import (
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var lstms = []lstm.Rule{{}, {Hidden: 8, Layers: 1, Preprocess: -1}, {Hidden: 4, Layers: 3}, {Hidden: 5, Layers: 1, Scale: 0.5, Preprocess: 3}}

func TestLaws(t *testing.T) {
	for _, r := range lstms {
		t.Run(fmt.Sprintf("%d layers of %d", r.Layers, r.Hidden), func(t *testing.T) {
			ruletest.Run(t, func() learnedopt.Rule { r := r; return &r })
		})
	}
}
