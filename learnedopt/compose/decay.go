package compose

import (
	"cmp"
	"encoding/json"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Decay lets the weights decay beside the step of any rule (decoupled weight decay, Loshchilov and Hutter 2019):
//
//	step = rule's step − λ·theta
//
// λ is a part of a weight a step, whatever the rate of the rule: λ of AdamW is this one divided by its rate. Inside of a Schedule
// the decay follows it like the step, as in AdamW's algorithm; around one it does not.
type Decay struct {
	Rule  Inner   `json:"rule"`  // Adam if left out
	Decay float64 `json:"decay"` // λ, above 0; 1e-4 if zero
}

var (
	_ composition  = (*Decay)(nil)
	_ rule.Kernels = (*Decay)(nil)
)

// Name implements rule.Rule.
func (*Decay) Name() string { return "decay" }

func (r *Decay) filled() Decay {
	return Decay{r.Rule.or(new(handmade.Adam)), cmp.Or(r.Decay, 1e-4)}
}

func (r *Decay) parts() []part { return alone(r.filled().Rule) }

// Spec implements rule.Rule. Phi is the rule's and log_decay.
func (r *Decay) Spec() rule.Spec {
	s := join(rule.Coordinates, r.parts())
	s.Reads |= rule.Theta
	s.Phi = append(s.Phi, hyper.Scalars("log_decay")...)
	return s
}

// Init implements rule.Rule.
func (r *Decay) Init(phi []float32, key uint64) {
	last := len(phi) - 1
	initParts(r.parts(), phi[:last], key)
	phi[last] = hyper.Log(r.filled().Decay)
}

// Validate reports a field out of its range.
func (r *Decay) Validate() error {
	f := r.filled()
	return hyper.Check("decay", f.Rule.check(), hyper.Positive("decay", f.Decay))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Decay) MarshalJSON() ([]byte, error) {
	type plain Decay
	return json.Marshal(plain(r.filled()))
}

// Update implements rule.Rule.
func (r *Decay) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	out := r.parts()[0].update(b, in)
	decay := b.Exp(in.Phi["log_decay"])
	for i, x := range in.Tensors {
		out.Tensors[i].Step = b.Sub(out.Tensors[i].Step, b.Mul(decay, x.Theta))
	}
	return out, b.Err()
}

// InitState implements rule.InitialState.
func (r *Decay) InitState(in rule.Inputs) (rule.Outputs, error) { return start(r.parts(), in) }
