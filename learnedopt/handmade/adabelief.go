package handmade

import (
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// AdaBelief is Adam that measures how far a gradient is from its average, not from zero (Zhuang et al. 2020, AdaBelief
// Optimizer, arXiv 2010.07468, algorithm 2):
//
//	v ← β₂v + (1−β₂)(g − m)² + 1e-16
//
// with m already moved on. All else is Adam.
type AdaBelief struct {
	LR    float64 `json:"lr"`    // 0.001 if zero
	Beta1 float64 `json:"beta1"` // β₁, above 0 and below 1; 0.9 if zero
	Beta2 float64 `json:"beta2"` // β₂, above 0 and below 1; 0.999 if zero
	Eps   float64 `json:"eps"`   // ε; 1e-16 if zero
}

var _ rule.Rule = (*AdaBelief)(nil)

// Name implements rule.Rule.
func (*AdaBelief) Name() string { return "adabelief" }

// Spec implements rule.Rule.
func (*AdaBelief) Spec() rule.Spec { return new(Adam).Spec() }

// Init implements rule.Rule.
func (r *AdaBelief) Init(phi []float32, key uint64) {
	f := r.filled()
	f.Init(phi, key)
}

func (r *AdaBelief) filled() Adam {
	return (&Adam{LR: r.LR, Beta1: r.Beta1, Beta2: r.Beta2, Eps: r.Eps}).or(0.001, 1e-16)
}

// Validate reports a field out of its range.
func (r *AdaBelief) Validate() error { return r.filled().check("adabelief") }

// MarshalJSON writes the configuration with every default in its place.
func (r *AdaBelief) MarshalJSON() ([]byte, error) {
	f := r.filled()
	return f.MarshalJSON()
}

// Update implements rule.Rule.
func (*AdaBelief) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	a := newAdaptive(b, in)
	m := a.average("m", "logit_beta1", a.grad)
	a.next["v"] = b.Shift(1e-16, a.average("v", "logit_beta2", b.Square(b.Sub(a.grad, m))))
	return a.step(b.Div(a.unbiased("m", "logit_beta1"), a.root()))
}
