package ruletest_test

import (
	"testing"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
)

// The test of a rule of one's own, with settings that are not its defaults.
func ExampleRun() {
	_ = func(t *testing.T) { // TestMine
		ruletest.Run(t, func() learnedopt.Rule { return &handmade.Adam{LR: 0.02, Beta1: 0.8} })
	}
}
