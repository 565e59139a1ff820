// Package compose holds rules that are made of rules: a sum, the direction of one with the length of another, one rule for each
// group of tensors; and around any rule a decay of the weights, a schedule, clipping, Mechanic's search for the rate, or a learned
// controller of it.
//
// A composition is a rule like any other, and may be inside of another one. Its configuration names the rules in it, as in
//
//	{"rule": {"name": "adam", "config": {"lr": 0.01}}, "decay": 0.001}
//
// and a rule left out is one of package handmade. What it learns is what they learn together, and some numbers of its own; so
// for what it remembers. The names are theirs with a word and a point before them, as in rule.log_lr. Its scope is the widest of
// theirs, or wider where a formula asks for it. A rule that moves coordinates, each by itself, works on one tensor at a time in
// there, as on a block of so many coordinates. Starts that a rule has for its memory are kept.
//
// Decay, Schedule and Rated run on the kernel of the rule in them, if it has one; the others have none, and their expressions run lowered.
package compose

import "github.com/seed1498fded/unroll/learnedopt/rule"

// All returns one of each composition, with its defaults.
func All() []rule.Rule {
	return []rule.Rule{new(Mechanic), new(Sum), new(Graft), new(Groups), new(Decay), new(Schedule), new(Clip), new(Controlled), new(Rated)}
}
