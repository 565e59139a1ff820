// Package hyper holds what rules with a few hyperparameters share. Their hyperparameters are learnable like any phi. They are
// kept in a form in which every real number is allowed, so that a gradient step can't leave their range: a rate as its
// logarithm, a decay β as its logit x, β = σ(x).
package hyper

import (
	"errors"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// Scalars lays out one number for each name.
func Scalars(names ...string) params.Layout {
	l := make(params.Layout, len(names))
	for i, name := range names {
		l[i] = params.Spec{Name: name, Shape: []int{1}}
	}
	return l
}

// Logit returns the x with σ(x) = p, for p above 0 and below 1.
func Logit(p float64) float32 { return float32(math.Log(p) - math.Log1p(-p)) }

// Log returns the natural logarithm of a number above 0.
func Log(v float64) float32 { return float32(math.Log(v)) }

// Average returns the decaying average βm + (1−β)x, where logit is β's.
func Average(b *graph.Builder, logit, m, x *G.Node) *G.Node {
	return b.Add(b.Mul(b.Sigmoid(logit), m), b.Mul(b.Sigmoid(b.Neg(logit)), x))
}

// Unbias divides the average m of t draws by 1 − β^t, which undoes the pull of its start at zero. It needs neither β nor
// β^t as a rounded number: log β = −softplus(−logit).
func Unbias(b *graph.Builder, logit, m, t *G.Node) *G.Node {
	logBeta := b.Neg(b.Softplus(b.Neg(logit)))
	return b.Div(m, b.Neg(b.Expm1(b.Mul(t, logBeta))))
}

// Exp is e^x for a number of phi.
func Exp(x float32) float64 { return math.Exp(float64(x)) }

// Sigmoid is σ for a number of phi.
func Sigmoid(x float32) float64 { return 1 / (1 + Exp(-x)) }

// Bias returns 1 − β^t in the way of Unbias, where logit is β's.
func Bias(logit, t float32) float64 { return -math.Expm1(-float64(t) * math.Log1p(Exp(-logit))) }

// Positive reports a hyperparameter that is not a finite number above 0.
func Positive(name string, v float64) error {
	if !(v > 0) || math.IsInf(v, 1) {
		return fmt.Errorf("%s is %v, want a number above 0", name, v)
	}
	return nil
}

// Fraction reports a hyperparameter that is not above 0 and below 1.
func Fraction(name string, v float64) error {
	if !(v > 0 && v < 1) {
		return fmt.Errorf("%s is %v, want a number above 0 and below 1", name, v)
	}
	return nil
}

// Units reports a number of units of a layer that is not from 1 to 1024.
func Units(name string, n int) error {
	if n < 1 || n > 1024 {
		return fmt.Errorf("%s is %d, want 1 to 1024", name, n)
	}
	return nil
}

// Check joins what is wrong with a rule.
func Check(rule string, errs ...error) error {
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("learnedopt: %s: %w", rule, err)
	}
	return nil
}

// Rows is a state of one number a coordinate for each name.
func Rows(names ...string) rule.State {
	var s rule.State
	for _, name := range names {
		s.PerCoordinate = append(s.PerCoordinate, rule.Row{Name: name})
	}
	return s
}
