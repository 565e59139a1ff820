package compose

import (
	"cmp"
	"encoding/json"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Rated takes the steps of any rule times a rate, and may keep from it how long a run is:
//
//	step = rate · rule's step
//
// A learned rule that was bound to be used as it is can be looked at with it: what it does at twice its step size, or where nobody
// knows the number of steps. The rate is not learned.
type Rated struct {
	Rule   Inner   `json:"rule"`   // Adam if left out
	Rate   float64 `json:"rate"`   // above 0; 1 if zero
	Untold bool    `json:"untold"` // the rule reads a horizon of 0
}

var (
	_ composition  = (*Rated)(nil)
	_ rule.Kernels = (*Rated)(nil)
)

// Name implements rule.Rule.
func (*Rated) Name() string { return "rated" }

func (r *Rated) filled() Rated {
	return Rated{r.Rule.or(new(handmade.Adam)), cmp.Or(r.Rate, 1), r.Untold}
}

func (r *Rated) parts() []part { return alone(r.filled().Rule) }

// Spec implements rule.Rule. Phi and the state are the rule's.
func (r *Rated) Spec() rule.Spec { return join(rule.Coordinates, r.parts()) }

// Init implements rule.Rule.
func (r *Rated) Init(phi []float32, key uint64) { initParts(r.parts(), phi, key) }

// Validate reports a field out of its range.
func (r *Rated) Validate() error {
	f := r.filled()
	return hyper.Check("rated", f.Rule.check(), hyper.Positive("rate", f.Rate))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Rated) MarshalJSON() ([]byte, error) {
	type plain Rated
	return json.Marshal(plain(r.filled()))
}

// Update implements rule.Rule.
func (r *Rated) Update(in rule.Inputs) (rule.Outputs, error) {
	b, f := new(graph.Builder), r.filled()
	if f.Untold && in.Horizon != nil {
		in.Horizon = b.Scale(0, in.Horizon)
	}
	out := r.parts()[0].update(b, in)
	for i := range out.Tensors {
		out.Tensors[i].Step = b.Scale(f.Rate, out.Tensors[i].Step)
	}
	return out, b.Err()
}

// InitState implements rule.InitialState.
func (r *Rated) InitState(in rule.Inputs) (rule.Outputs, error) { return start(r.parts(), in) }

// Kernel implements rule.Kernels.
func (r *Rated) Kernel(of rule.Rule, b rule.Binding, workers int) rule.Kernel {
	f := r.filled()
	if of != rule.Rule(r) {
		return nil
	}
	inner := finishKernel(f.Rule, rated{float32(f.Rate)}, b, workers)
	if inner == nil || !f.Untold {
		return inner
	}
	if back, ok := inner.(rule.PullbackKernel); ok {
		return untoldBack{untold{inner}, back}
	}
	return untold{inner}
}

// A rated is the finish of a Rated.
type rated struct{ rate float32 }

func (x rated) step(step []float32, _ rule.Point[float32]) {
	if x.rate != 1 {
		kernel.SGD(step, step, x.rate)
	}
}

func (x rated) cotangent(d []float32, p rule.Point[float32]) { x.step(d, p) }

func (rated) rest(rule.Cotangents[float32], rule.Point[float32]) {}

// An untold is the kernel of a rule that is not told how long a run is.
type untold struct{ of rule.Kernel }

// Step implements rule.Kernel.
func (k untold) Step(step, next []float32, p rule.Point[float32]) error {
	p.Horizon = 0
	return k.of.Step(step, next, p)
}

// An untoldBack is one with a backward pass.
type untoldBack struct {
	untold
	back rule.PullbackKernel
}

// Pullback implements rule.PullbackKernel.
func (k untoldBack) Pullback(d rule.Cotangents[float32], p rule.Point[float32]) error {
	p.Horizon = 0
	return k.back.Pullback(d, p)
}
