package handmade

import (
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Yogi is Adam whose v moves towards g² by an amount that does not depend on how far it is (Zaheer et al. 2018, Adaptive
// Methods for Nonconvex Optimization, algorithm 2):
//
//	v ← v − (1−β₂)·sign(v − g²)·g²
//
// with bias corrections as in Adam, and m and v starting at 1e-6, as in Optax.
type Yogi struct {
	LR    float64 `json:"lr"`    // 0.01 if zero
	Beta1 float64 `json:"beta1"` // β₁, above 0 and below 1; 0.9 if zero
	Beta2 float64 `json:"beta2"` // β₂, above 0 and below 1; 0.999 if zero
	Eps   float64 `json:"eps"`   // ε; 0.001 if zero
}

var (
	_ rule.Rule         = (*Yogi)(nil)
	_ rule.InitialState = (*Yogi)(nil)
)

// Name implements rule.Rule.
func (*Yogi) Name() string { return "yogi" }

// Spec implements rule.Rule.
func (*Yogi) Spec() rule.Spec { return new(Adam).Spec() }

// Init implements rule.Rule.
func (r *Yogi) Init(phi []float32, key uint64) {
	f := r.filled()
	f.Init(phi, key)
}

func (r *Yogi) filled() Adam {
	return (&Adam{LR: r.LR, Beta1: r.Beta1, Beta2: r.Beta2, Eps: r.Eps}).or(0.01, 0.001)
}

// Validate reports a field out of its range.
func (r *Yogi) Validate() error { return r.filled().check("yogi") }

// MarshalJSON writes the configuration with every default in its place.
func (r *Yogi) MarshalJSON() ([]byte, error) {
	f := r.filled()
	return f.MarshalJSON()
}

// InitState implements rule.InitialState.
func (*Yogi) InitState(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	start := b.Const(in.Phi["log_lr"], 1e-6)
	if n := in.Tensors[0].Spec.Len(); n > 1 {
		start = b.Reshape(b.Spread(start, 0, n), in.Tensors[0].Spec.Shape...)
	}
	return rule.One(nil, map[string]*G.Node{"m": start, "v": start}), b.Err()
}

// Update implements rule.Rule.
func (*Yogi) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	a := newAdaptive(b, in)
	a.average("m", "logit_beta1", a.grad)
	square, v := b.Square(a.grad), a.old["v"]
	change := b.Mul(b.Sigmoid(b.Neg(in.Phi["logit_beta2"])), b.Mul(b.Sign(b.Sub(v, square)), square))
	a.next["v"] = b.Sub(v, change)
	return a.step(b.Div(a.unbiased("m", "logit_beta1"), a.root()))
}
