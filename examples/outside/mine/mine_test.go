package mine

import (
	"testing"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
)

// The laws that every rule obeys, in one line.
func TestBounded(t *testing.T) {
	ruletest.Run(t, func() learnedopt.Rule { return &Bounded{Bound: 0.3} })
}
