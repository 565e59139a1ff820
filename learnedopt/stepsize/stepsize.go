// Package stepsize holds rules that choose how far a whole tensor, or all tensors together, shall move: the direction is
// that of the gradient or of its running average, what is learned is the length.
package stepsize

import "github.com/seed1498fded/unroll/learnedopt/rule"

// All returns one of each rule, with its defaults.
func All() []rule.Rule { return []rule.Rule{new(RMSMomentum), new(Polyak)} }
