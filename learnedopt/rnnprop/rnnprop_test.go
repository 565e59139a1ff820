package rnnprop_test

import (
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/rnnprop"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Of sizes with kernels, and without.
func TestLaws(t *testing.T) {
	for _, r := range []rnnprop.Rule{{}, {Hidden: 8, Layers: 1, Step: 0.5}, {Hidden: 3, Layers: 1, Beta: 0.9, Step: 0.3}} {
		t.Run(fmt.Sprintf("%d layers of %d", r.Layers, r.Hidden), func(t *testing.T) {
			ruletest.Run(t, func() learnedopt.Rule { r := r; return &r })
		})
	}
}

// The weights at every step are those of an independent derivation.
func TestGolden(t *testing.T) {
	for _, g := range ruletest.ReadGolden(t, "testdata/rnnprop.json.gz") {
		t.Run(g.Name, func(t *testing.T) { g.Run(t, new(rnnprop.Rule)) })
	}
}
