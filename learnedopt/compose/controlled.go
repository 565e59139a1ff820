package compose

import (
	"cmp"
	"encoding/json"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Controlled moves in the direction of any rule's step at rates that a learned controller sets, that of mlp.General: with the step u of
// a tensor, weights θ, and the controller's rate, which goes by where the run is, by shapes, depth and size of the weights, and by how
// much of the gradient is signal,
//
//	step = α·rate·(u/√(mean u² + 1e-12) − λθ)
//
// A rule that is learned in this frame does not depend on the unit that the weights are measured in if its direction does not, and on a
// run's length only through the controller.
type Controlled struct {
	Rule    Inner   `json:"rule"`         // Adam if left out
	LR      float64 `json:"lr"`           // α, above 0; 1 if zero
	Decay   float64 `json:"weight_decay"` // λ, at least 0
	Horizon string  `json:"horizon"`      // known, free of a rule that need not know a run's length, or either; known if empty
}

var _ composition = (*Controlled)(nil)

// Name implements rule.Rule.
func (*Controlled) Name() string { return "controlled" }

func (r *Controlled) filled() Controlled {
	return Controlled{
		r.Rule.or(new(handmade.Adam)), cmp.Or(r.LR, 1), r.Decay, cmp.Or(r.Horizon, features.Known),
	}
}

func (r *Controlled) parts() []part { return alone(r.filled().Rule) }

func (r *Controlled) controller() features.Controller { return features.Controller{Horizon: r.Horizon} }

// signalRows are the averages of the gradient that a coordinate has for the controller.
var signalRows = [...]string{"fast", "slow"}

// Spec implements rule.Rule. Phi is the rule's, then the controller's: schedule, with "either" untold, and controls. A coordinate has
// two averages of its gradient beside what the rule remembers.
func (r *Controlled) Spec() rule.Spec {
	s := join(rule.Tensor, r.parts())
	s.Reads |= r.controller().Reads()
	s.Phi = append(s.Phi, r.controller().Phi()...)
	for _, name := range signalRows {
		s.State.PerCoordinate = append(s.State.PerCoordinate, rule.Row{Name: name})
	}
	return s
}

// Init implements rule.Rule.
func (r *Controlled) Init(phi []float32, key uint64) {
	n := len(phi) - r.controller().Phi().Len()
	initParts(r.parts(), phi[:n], key)
	r.controller().Init(phi[n:], features.FallingRates)
}

// Validate reports a field out of its range.
func (r *Controlled) Validate() error {
	f := r.filled()
	return hyper.Check("controlled", f.Rule.check(), hyper.Positive("lr", f.LR), checkDecay("weight_decay", f.Decay), r.controller().Check())
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Controlled) MarshalJSON() ([]byte, error) {
	type plain Controlled
	return json.Marshal(plain(r.filled()))
}

// Update implements rule.Rule.
func (r *Controlled) Update(in rule.Inputs) (rule.Outputs, error) {
	b, f := new(graph.Builder), r.filled()
	out := r.parts()[0].update(b, in)
	for i, x := range in.Tensors {
		t := features.NewTensor(b, x)
		rate := r.controller().Rate(t, in, squares(t))
		u := out.Tensors[i].Step
		step := b.Mul(t.InverseRoot(t.Mean(b.Square(u)), 1e-12), u)
		if f.Decay > 0 {
			step = b.Sub(step, b.Scale(f.Decay, x.Theta))
		}
		out.Tensors[i].Step = b.Mul(b.Scale(f.LR, rate), step)
		for name, next := range t.Next {
			out.Tensors[i].State[name] = next
		}
	}
	return out, b.Err()
}

// squares takes the averages of the gradient on, and returns what the controller goes by.
func squares(t *features.Tensor) features.Squares {
	mean := func(x *G.Node) *G.Node { return t.Mean(t.Square(x)) }
	s := features.Squares{Grad: mean(t.Grad), Theta: mean(t.Theta)}
	for k, name := range signalRows {
		s.Averages[k] = mean(t.Average(name, t.Const(t.Grad, features.SignalDecays[k]), t.Grad))
	}
	return s
}

// InitState implements rule.InitialState.
func (r *Controlled) InitState(in rule.Inputs) (rule.Outputs, error) { return start(r.parts(), in) }
