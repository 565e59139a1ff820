package plastic

import (
	"cmp"
	"encoding/json"

	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Delta is the delta rule (Widrow and Hoff 1960), where the modulator is what the neuron's activity lacks of its target, and
// gradient descent, where it is minus the derivative of the loss by the neuron's potential; the rate is learned:
//
//	Δw(i,j) = η·y(i)·m(j)
type Delta struct {
	Rate float64 `json:"rate"` // η at the start of meta-training, above 0; 0.1 if zero
}

var _ rule.Kernels = (*Delta)(nil)

func (*Delta) polynomial() polynomial {
	return polynomial{terms: []term{{pre: true, post: rule.Mod}}, gate: gate{logRate: "log_rate"}}
}

func (r *Delta) filled() Delta { return Delta{Rate: cmp.Or(r.Rate, 0.1)} }

// Validate reports a field out of its range.
func (r *Delta) Validate() error { return hyper.Check("delta", size("rate", r.filled().Rate)) }

// Init implements rule.Rule.
func (r *Delta) Init(phi []float32, _ uint64) { phi[0] = hyper.Log(r.filled().Rate) }

// Name implements rule.Rule.
func (*Delta) Name() string { return "delta" }

// Spec implements rule.Rule. Phi holds the logarithm of η.
func (r *Delta) Spec() rule.Spec { return r.polynomial().spec() }

// Update implements rule.Rule.
func (r *Delta) Update(in rule.Inputs) (rule.Outputs, error) { return r.polynomial().update(in) }

// Kernel implements rule.Kernels.
func (r *Delta) Kernel(bound rule.Rule, b rule.Binding, _ int) rule.Kernel {
	return r.polynomial().kernel(r, bound, b)
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Delta) MarshalJSON() ([]byte, error) {
	type plain Delta
	return json.Marshal(plain(r.filled()))
}
