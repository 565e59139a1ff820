package handmade

import (
	"encoding/json"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// LAMB takes Adam's direction and moves every tensor by a part LR of its own length (You et al. 2020, Large Batch Optimization
// for Deep Learning, arXiv 1904.00962, algorithm 2 with the length itself for φ):
//
//	u = m̂/(√v̂ + ε) + λ·theta,  step = −LR·‖theta‖/‖u‖·u
//
// with norms over the tensor, and a quotient of 1 where one of them is 0.
type LAMB struct {
	LR    float64 `json:"lr"`    // 0.001 if zero
	Beta1 float64 `json:"beta1"` // β₁, above 0 and below 1; 0.9 if zero
	Beta2 float64 `json:"beta2"` // β₂, above 0 and below 1; 0.999 if zero
	Eps   float64 `json:"eps"`   // ε; 1e-6 if zero
	Decay float64 `json:"decay"` // λ; no decay if zero
}

var _ rule.Rule = (*LAMB)(nil)

// Name implements rule.Rule.
func (*LAMB) Name() string { return "lamb" }

// Spec implements rule.Rule.
func (r *LAMB) Spec() rule.Spec {
	s := new(Adam).Spec()
	s.Reads, s.Scope = rule.Grad|rule.Theta, rule.Tensor
	return decay(r.Decay).spec(s)
}

// Init implements rule.Rule.
func (r *LAMB) Init(phi []float32, key uint64) {
	f := r.adam()
	f.Init(phi, key)
	decay(r.Decay).init(phi)
}

func (r *LAMB) adam() Adam {
	return (&Adam{LR: r.LR, Beta1: r.Beta1, Beta2: r.Beta2, Eps: r.Eps}).or(0.001, 1e-6)
}

// Validate reports a field out of its range.
func (r *LAMB) Validate() error { return r.adam().check("lamb", decay(r.Decay).check()) }

// MarshalJSON writes the configuration with every default in its place.
func (r *LAMB) MarshalJSON() ([]byte, error) {
	type plain LAMB
	f := r.adam()
	return json.Marshal(plain{f.LR, f.Beta1, f.Beta2, f.Eps, r.Decay})
}

// Update implements rule.Rule.
func (r *LAMB) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	a := newAdaptive(b, in)
	a.average("m", "logit_beta1", a.grad)
	a.average("v", "logit_beta2", b.Square(a.grad))
	theta := in.Tensors[0].Theta
	u := decay(r.Decay).add(b, in, b.Div(a.unbiased("m", "logit_beta1"), a.root()), theta)
	return a.step(b.Mul(quotientOrOne(b, hyper.Norm(b, theta), hyper.Norm(b, u)), u))
}

// quotientOrOne returns x/y of numbers that are not negative, and 1 where one is 0.
func quotientOrOne(b *graph.Builder, x, y *G.Node) *G.Node {
	zero := b.Const(x, 0)
	both := b.Mul(b.Greater(x, zero), b.Greater(y, zero))
	neither := b.Sub(b.Const(both, 1), both)
	return b.Add(neither, b.Div(b.Mul(both, x), b.Add(y, neither)))
}
