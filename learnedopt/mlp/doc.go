// Package mlp holds learned rules that are a small multilayer perceptron of each coordinate: it sees running averages of the
// gradient and of its square, each in units of its size over the tensor, and says how far the coordinate moves.
package mlp

import "github.com/seed1498fded/unroll/learnedopt/rule"

// All returns one of each rule, with its defaults.
func All() []rule.Rule {
	return []rule.Rule{new(LOLv2), new(AdafacMLP), new(Star), new(Celo2), new(General)}
}
