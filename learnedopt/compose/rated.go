package compose

import (
	"cmp"
	"encoding/json"
	"errors"
	"math"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Rated takes the steps of any rule times a rate, and may tell it a length of the run that is not the true one, or none:
//
//	step = rate · rule's step, where the rule reads told · horizon
//
// A learned rule that was bound to be used as it is can be looked at with it: what it does at twice its step size, where the run ends
// sooner or later than was said, or where nobody knows the number of steps. Neither number is learned. On a kernel the length is rounded
// up to a whole number of steps.
type Rated struct {
	Rule   Inner   `json:"rule"`   // Adam if left out
	Rate   float64 `json:"rate"`   // above 0; 1 if zero
	Told   float64 `json:"told"`   // of the true length, above 0; 1 if zero
	Untold bool    `json:"untold"` // the rule reads a horizon of 0; not with a Told other than 1
}

var (
	_ composition  = (*Rated)(nil)
	_ rule.Kernels = (*Rated)(nil)
)

// Name implements rule.Rule.
func (*Rated) Name() string { return "rated" }

func (r *Rated) filled() Rated {
	return Rated{r.Rule.or(new(handmade.Adam)), cmp.Or(r.Rate, 1), cmp.Or(r.Told, 1), r.Untold}
}

func (r *Rated) parts() []part { return alone(r.filled().Rule) }

// Spec implements rule.Rule. Phi and the state are the rule's.
func (r *Rated) Spec() rule.Spec { return join(rule.Coordinates, r.parts()) }

// Init implements rule.Rule.
func (r *Rated) Init(phi []float32, key uint64) { initParts(r.parts(), phi, key) }

// Validate reports a field out of its range.
func (r *Rated) Validate() error {
	f := r.filled()
	var both error
	if f.Untold && f.Told != 1 {
		both = errors.New("untold, and told: a rule is told a length or it is not")
	}
	return hyper.Check("rated", f.Rule.check(), hyper.Positive("rate", f.Rate), hyper.Positive("told", f.Told), both)
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Rated) MarshalJSON() ([]byte, error) {
	type plain Rated
	return json.Marshal(plain(r.filled()))
}

// Update implements rule.Rule.
func (r *Rated) Update(in rule.Inputs) (rule.Outputs, error) {
	b, f := new(graph.Builder), r.filled()
	switch {
	case in.Horizon == nil:
	case f.Untold:
		in.Horizon = b.Scale(0, in.Horizon)
	case f.Told != 1:
		in.Horizon = b.Scale(f.Told, in.Horizon)
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
	if f.Untold {
		f.Told = 0
	}
	if inner == nil || f.Told == 1 {
		return inner
	}
	if back, ok := inner.(rule.PullbackKernel); ok {
		return toldBack{told{inner, f.Told}, back}
	}
	return told{inner, f.Told}
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

// A told is the kernel of a rule that is told so many times a run's length.
type told struct {
	of    rule.Kernel
	times float64
}

// horizon returns what the rule is told.
func (k told) horizon(steps int) int { return int(math.Ceil(k.times * float64(steps))) }

// Step implements rule.Kernel.
func (k told) Step(step, next []float32, p rule.Point[float32]) error {
	p.Horizon = k.horizon(p.Horizon)
	return k.of.Step(step, next, p)
}

// A toldBack is one with a backward pass.
type toldBack struct {
	told
	back rule.PullbackKernel
}

// Pullback implements rule.PullbackKernel.
func (k toldBack) Pullback(d rule.Cotangents[float32], p rule.Point[float32]) error {
	p.Horizon = k.horizon(p.Horizon)
	return k.back.Pullback(d, p)
}
