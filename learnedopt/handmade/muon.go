package handmade

import (
	"cmp"
	"encoding/json"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Muon moves matrices in the direction of their momentum with all singular values made about equal (Jordan et al. 2024, Muon:
// An optimizer for hidden layers in neural networks, https://kellerjordan.github.io/posts/muon/; in the form of Optax):
//
//	m ← βm + (1−β)g,  u = βm/(1−β^(t+1)) + (1−β)g/(1−β^t)
//	step = −LR·(√max(1, columns/rows)·NewtonSchulz(u) + λ·theta)
//
// where NewtonSchulz is X ← u/(‖u‖ + 1e-8) and five times X ← aX + (bA + cA²)X with A = XXᵀ and (a, b, c) = (3.4445, −4.7750,
// 2.0315). Tensors that are no matrices, with one axis or more than two, take NAdam's step with LR, β₁ = 0.9, β₂ = 0.999 and
// ε = 1e-8. With Plain, momentum is not Nesterov's: u = m/(1−β^t), and Adam in the place of NAdam.
type Muon struct {
	LR       float64 `json:"lr"`       // 0.02 if zero
	Momentum float64 `json:"momentum"` // β, above 0 and below 1; 0.95 if zero
	Beta1    float64 `json:"beta1"`    // β₁, above 0 and below 1; 0.9 if zero
	Beta2    float64 `json:"beta2"`    // β₂, above 0 and below 1; 0.999 if zero
	Eps      float64 `json:"eps"`      // ε; 1e-8 if zero
	Decay    float64 `json:"decay"`    // λ, of matrices; no decay if zero
	Plain    bool    `json:"plain"`    // without Nesterov's momentum
}

var _ rule.Rule = (*Muon)(nil)

// Name implements rule.Rule.
func (*Muon) Name() string { return "muon" }

// Spec implements rule.Rule. Matrices have no use for v.
func (r *Muon) Spec() rule.Spec {
	s := new(Adam).Spec()
	s.Scope = rule.Tensor
	s.Phi = append(s.Phi, hyper.Scalars("logit_momentum")...)
	return decay(r.Decay).spec(s)
}

// Init implements rule.Rule.
func (r *Muon) Init(phi []float32, key uint64) {
	a := r.adam()
	a.Init(phi, key)
	phi[4] = hyper.Logit(r.momentum())
	decay(r.Decay).init(phi)
}

func (r *Muon) adam() Adam {
	return (&Adam{LR: r.LR, Beta1: r.Beta1, Beta2: r.Beta2, Eps: r.Eps}).or(0.02, 1e-8)
}

func (r *Muon) momentum() float64 { return cmp.Or(r.Momentum, 0.95) }

// Validate reports a field out of its range.
func (r *Muon) Validate() error {
	return r.adam().check("muon", hyper.Fraction("momentum", r.momentum()), decay(r.Decay).check())
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Muon) MarshalJSON() ([]byte, error) {
	type plain Muon
	a := r.adam()
	return json.Marshal(plain{a.LR, r.momentum(), a.Beta1, a.Beta2, a.Eps, r.Decay, r.Plain})
}

// Update implements rule.Rule.
func (r *Muon) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	a, x := newAdaptive(b, in), in.Tensors[0]
	look := a.ahead
	if r.Plain {
		look = a.unbiased
	}
	shape := x.Spec.Shape
	if len(shape) != 2 {
		a.average("m", "logit_beta1", a.grad)
		a.average("v", "logit_beta2", b.Square(a.grad))
		return a.step(b.Div(look("m", "logit_beta1"), a.root()))
	}
	a.average("m", "logit_momentum", a.grad)
	a.next["v"] = a.old["v"]
	u := newtonSchulz(b, look("m", "logit_momentum"), shape[0], shape[1])
	stretch := math.Sqrt(max(1, float64(shape[1])/float64(shape[0])))
	return a.step(decay(r.Decay).add(b, in, b.Scale(stretch, u), x.Theta))
}

// newtonSchulz returns about UVᵀ of a matrix with the singular value decomposition USVᵀ.
func newtonSchulz(b *graph.Builder, x *G.Node, rows, columns int) *G.Node {
	x = b.Div(x, b.Shift(1e-8, hyper.Norm(b, x)))
	if rows > columns {
		x = b.Transpose(x)
	}
	for range 5 {
		square := b.MatMul(x, b.Transpose(x))
		curve := b.Add(b.Scale(-4.7750, square), b.Scale(2.0315, b.MatMul(square, square)))
		x = b.Add(b.Scale(3.4445, x), b.MatMul(curve, x))
	}
	if rows > columns {
		x = b.Transpose(x)
	}
	return x
}
