package plastic

import (
	"cmp"
	"encoding/json"

	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Hebb is Hebb's rule (The Organization of Behavior, 1949) in its plainest form, the product of the activities before and behind;
// the rate is learned:
//
//	Δw(i,j) = η·y(i)·y(j)
type Hebb struct {
	Rate float64 `json:"rate"` // η at the start of meta-training, above 0; 0.01 if zero
}

var _ rule.Kernels = (*Hebb)(nil)

func (*Hebb) polynomial() polynomial {
	return polynomial{terms: []term{{pre: true, post: rule.Post}}, gate: gate{logRate: "log_rate"}}
}

func (r *Hebb) filled() Hebb { return Hebb{Rate: cmp.Or(r.Rate, 0.01)} }

// Validate reports a field out of its range.
func (r *Hebb) Validate() error { return hyper.Check("hebb", size("rate", r.filled().Rate)) }

// Init implements rule.Rule.
func (r *Hebb) Init(phi []float32, _ uint64) { phi[0] = hyper.Log(r.filled().Rate) }

// Name implements rule.Rule.
func (*Hebb) Name() string { return "hebb" }

// Spec implements rule.Rule. Phi holds the logarithm of η.
func (r *Hebb) Spec() rule.Spec { return r.polynomial().spec() }

// Update implements rule.Rule.
func (r *Hebb) Update(in rule.Inputs) (rule.Outputs, error) { return r.polynomial().update(in) }

// Kernel implements rule.Kernels.
func (r *Hebb) Kernel(bound rule.Rule, b rule.Binding, _ int) rule.Kernel {
	return r.polynomial().kernel(r, bound, b)
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Hebb) MarshalJSON() ([]byte, error) {
	type plain Hebb
	return json.Marshal(plain(r.filled()))
}
