package handmade

import (
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// RAdam is Adam that does not divide by √v̂ while too few gradients have been seen to tell its variance (Liu et al. 2020, On
// the Variance of the Adaptive Learning Rate and Beyond, arXiv 1908.03265, algorithm 2):
//
//	ρ∞ = 2/(1−β₂) − 1,  ρ = ρ∞ − 2tβ₂^t/(1−β₂^t)
//	step = −LR·r·m̂/(√v̂ + ε),  r² = (ρ−4)(ρ−2)ρ∞/((ρ∞−4)(ρ∞−2)ρ),  if ρ is at least 5
//	step = −LR·m̂                                                   otherwise
//
// with m̂ and v̂ as in Adam. Where β₂ is so small that ρ∞ is below 5, there never are enough.
type RAdam struct {
	LR    float64 `json:"lr"`    // 0.001 if zero
	Beta1 float64 `json:"beta1"` // β₁, above 0 and below 1; 0.9 if zero
	Beta2 float64 `json:"beta2"` // β₂, above 0 and below 1; 0.999 if zero
	Eps   float64 `json:"eps"`   // ε; 1e-8 if zero
}

var _ rule.Rule = (*RAdam)(nil)

// Name implements rule.Rule.
func (*RAdam) Name() string { return "radam" }

// Spec implements rule.Rule.
func (*RAdam) Spec() rule.Spec { return new(Adam).Spec() }

// Init implements rule.Rule.
func (r *RAdam) Init(phi []float32, key uint64) {
	f := r.filled()
	f.Init(phi, key)
}

func (r *RAdam) filled() Adam {
	return (&Adam{LR: r.LR, Beta1: r.Beta1, Beta2: r.Beta2, Eps: r.Eps}).or(0.001, 1e-8)
}

// Validate reports a field out of its range.
func (r *RAdam) Validate() error { return r.filled().check("radam") }

// MarshalJSON writes the configuration with every default in its place.
func (r *RAdam) MarshalJSON() ([]byte, error) {
	f := r.filled()
	return f.MarshalJSON()
}

// Update implements rule.Rule.
func (*RAdam) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	a := newAdaptive(b, in)
	a.average("m", "logit_beta1", a.grad)
	a.average("v", "logit_beta2", b.Square(a.grad))
	m := a.unbiased("m", "logit_beta1")
	r, enough := a.rectification()
	adaptive := b.Mul(b.Mul(enough, r), b.Div(m, a.root()))
	return a.step(b.Add(adaptive, b.Mul(b.Sub(b.Const(enough, 1), enough), m)))
}

// rectification returns r, and whether there are enough gradients, 1 or 0. Where there are not, r is some positive number.
func (a *adaptive) rectification() (r, enough *G.Node) {
	const least = 5
	b := a.b
	x := b.Scale(0.5, b.Softplus(b.Neg(a.in.Phi["logit_beta2"]))) // −½log β₂
	rho, long := averaged(b, x, a.t), b.Div(b.Const(x, 1), b.Tanh(x))
	enough = b.Sub(b.Const(rho, 1), b.Greater(b.Const(rho, least), rho))
	rho, long = b.Max(rho, b.Const(rho, least)), b.Max(long, b.Const(long, least))
	over := b.Mul(b.Mul(b.Shift(-4, rho), b.Shift(-2, rho)), long)
	under := b.Mul(b.Mul(b.Shift(-4, long), b.Shift(-2, long)), rho)
	return b.Sqrt(b.Div(over, under)), enough
}

// averaged returns ρ after t gradients, where x is −½log β. As it is written in the paper, ρ = coth x − 2tβ^t/(1−β^t) is a
// small difference of large numbers. With coth y = 1/y + L(y) it is t·(1 − L(tx)) + L(x).
func averaged(b *graph.Builder, x, t *G.Node) *G.Node {
	y := b.Mul(t, x)
	one := b.Const(y, 1)
	double := b.Scale(-2, y)
	far := b.Add(b.Div(one, y), b.Div(b.Scale(2, b.Exp(double)), b.Expm1(double))) // 1 − L(y), for y above 1
	beyond := b.Greater(y, one)
	rest := b.Add(b.Mul(beyond, far), b.Mul(b.Sub(one, beyond), b.Sub(one, langevin(b, y))))
	return b.Add(b.Mul(t, rest), langevin(b, x))
}

// langevin returns L(y) = coth y − 1/y by its continued fraction, y/(3 + y²/(5 + y²/(7 + ...))), which is exact to a float64
// for y up to 2 or so.
func langevin(b *graph.Builder, y *G.Node) *G.Node {
	square, fraction := b.Square(y), b.Const(y, 23)
	for odd := 21.0; odd >= 3; odd -= 2 {
		fraction = b.Shift(odd, b.Div(square, fraction))
	}
	return b.Div(y, fraction)
}
