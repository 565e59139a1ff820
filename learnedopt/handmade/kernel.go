package handmade

import (
	"github.com/seed1498fded/unroll/learnedopt/internal/engine"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// vectorKernel returns the kernel of r's pass, or none where what is bound is not r itself but a rule that embeds it.
func vectorKernel(r, bound rule.Rule, pass engine.Pass, b rule.Binding, workers int) rule.Kernel {
	if r != bound {
		return nil
	}
	return engine.NewVector(pass, b, workers)
}
