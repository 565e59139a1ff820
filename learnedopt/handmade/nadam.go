package handmade

import (
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// NAdam is Adam with Nesterov's momentum (Dozat 2016, Incorporating Nesterov Momentum into Adam), with a constant β₁:
//
//	m̂ = β₁m/(1−β₁^(t+1)) + (1−β₁)g/(1−β₁^t)
//
// where t counts this step too. All else is Adam.
type NAdam struct {
	LR    float64 `json:"lr"`    // 0.001 if zero
	Beta1 float64 `json:"beta1"` // β₁, above 0 and below 1; 0.9 if zero
	Beta2 float64 `json:"beta2"` // β₂, above 0 and below 1; 0.999 if zero
	Eps   float64 `json:"eps"`   // ε; 1e-8 if zero
}

var _ rule.Rule = (*NAdam)(nil)

// Name implements rule.Rule.
func (*NAdam) Name() string { return "nadam" }

// Spec implements rule.Rule.
func (*NAdam) Spec() rule.Spec { return new(Adam).Spec() }

// Init implements rule.Rule.
func (r *NAdam) Init(phi []float32, key uint64) { r.adam().Init(phi, key) }

func (r *NAdam) adam() *Adam { return &Adam{LR: r.LR, Beta1: r.Beta1, Beta2: r.Beta2, Eps: r.Eps} }

// Validate reports a field out of its range.
func (r *NAdam) Validate() error { return r.adam().filled().check("nadam") }

// MarshalJSON writes the configuration with every default in its place.
func (r *NAdam) MarshalJSON() ([]byte, error) { return r.adam().MarshalJSON() }

// Update implements rule.Rule.
func (*NAdam) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	a := newAdaptive(b, in)
	a.average("m", "logit_beta1", a.grad)
	a.average("v", "logit_beta2", b.Square(a.grad))
	return a.step(b.Div(a.ahead("m", "logit_beta1"), a.root()))
}
