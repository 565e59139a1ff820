// Package stepsize holds rules that choose how far a whole tensor, or all tensors together, shall move: the direction is
// that of the gradient or of its running average, what is learned is the length.
package stepsize

import (
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// All returns one of each rule, with its defaults.
func All() []rule.Rule { return []rule.Rule{new(RMSMomentum), new(Polyak)} }

// number is a spec of a single number.
func number(name string) params.Spec { return params.Spec{Name: name, Shape: []int{1}} }

func logit(p float64) float32 { return float32(math.Log(p) - math.Log1p(-p)) }

// positive reports a setting that is not a finite number above 0.
func positive(rule, name string, v float64) error {
	if !(v > 0) || math.IsInf(v, 1) {
		return fmt.Errorf("learnedopt: %s: %s is %v, want a number above 0", rule, name, v)
	}
	return nil
}

// fraction reports a setting that is not above 0 and below 1.
func fraction(rule, name string, v float64) error {
	if !(v > 0 && v < 1) {
		return fmt.Errorf("learnedopt: %s: %s is %v, want a number above 0 and below 1", rule, name, v)
	}
	return nil
}
