package handmade

import (
	"errors"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// The hyperparameters of the hand-made rules are learnable like any phi. They are kept in a form in which every real
// number is allowed, so that a gradient step can't leave their range: a rate as its logarithm, a decay β as its logit
// x, β = σ(x).

// scalars lays out one number for each name.
func scalars(names ...string) params.Layout {
	l := make(params.Layout, len(names))
	for i, name := range names {
		l[i] = params.Spec{Name: name, Shape: []int{1}}
	}
	return l
}

func logit(p float64) float32 { return float32(math.Log(p) - math.Log1p(-p)) }

func logOf(v float64) float32 { return float32(math.Log(v)) }

// average returns the decaying average βm + (1−β)x, where logit is β's.
func average(b *graph.Builder, logit, m, x *G.Node) *G.Node {
	return b.Add(b.Mul(b.Sigmoid(logit), m), b.Mul(b.Sigmoid(b.Neg(logit)), x))
}

// unbias divides the average m of t draws by 1 − β^t, which undoes the pull of its start at zero. It needs neither β nor
// β^t as a rounded number: log β = −softplus(−logit).
func unbias(b *graph.Builder, logit, m, t *G.Node) *G.Node {
	logBeta := b.Neg(b.Softplus(b.Neg(logit)))
	return b.Div(m, b.Neg(b.Expm1(b.Mul(t, logBeta))))
}

// exp is e^x for a number of phi.
func exp(x float32) float64 { return math.Exp(float64(x)) }

// sigmoid is σ for a number of phi.
func sigmoid(x float32) float64 { return 1 / (1 + exp(-x)) }

// bias returns 1 − β^t in the way of unbias, where logit is β's.
func bias(logit, t float32) float64 { return -math.Expm1(-float64(t) * math.Log1p(exp(-logit))) }

// positive reports a hyperparameter that is not a finite number above 0.
func positive(name string, v float64) error {
	if !(v > 0) || math.IsInf(v, 1) {
		return fmt.Errorf("%s is %v, want a number above 0", name, v)
	}
	return nil
}

// fraction reports a hyperparameter that is not above 0 and below 1.
func fraction(name string, v float64) error {
	if !(v > 0 && v < 1) {
		return fmt.Errorf("%s is %v, want a number above 0 and below 1", name, v)
	}
	return nil
}

// checkHyper joins what is wrong with a rule.
func checkHyper(rule string, errs ...error) error {
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("learnedopt: %s: %w", rule, err)
	}
	return nil
}

// rows is a state of one number a coordinate for each name.
func rows(names ...string) rule.State {
	var s rule.State
	for _, name := range names {
		s.PerCoordinate = append(s.PerCoordinate, rule.Row{Name: name})
	}
	return s
}
