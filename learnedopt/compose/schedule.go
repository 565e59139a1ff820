package compose

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Schedule takes the step of any rule times a factor that follows from the number of the step t, from 0 on. Over w steps of
// warm-up it is (t+1)/w. Then it goes from 1 to e, the End, by the part p = (t−w)/(T−w) of the rest of T steps:
//
//	constant: 1
//	linear:   1 − (1−e)·p
//	cosine:   e + (1−e)·(1 + cos πp)/2
//
// After T steps it stays where it is. T is the horizon, unless Steps says another number; where nobody knows the horizon the
// factor stays 1, and so does a warm-up that is a part of it.
type Schedule struct {
	Rule   Inner   `json:"rule"`   // Adam if left out
	Shape  string  `json:"shape"`  // constant, linear or cosine; cosine if empty
	Warmup float64 `json:"warmup"` // w, a whole number of steps; below 1 the part of T that these are; none if zero
	Steps  int     `json:"steps"`  // T, at least 1; the horizon if zero
	End    float64 `json:"end"`    // e, from 0 to 1; 0 if zero
}

var (
	_ composition  = (*Schedule)(nil)
	_ rule.Kernels = (*Schedule)(nil)
)

// The shapes of a Schedule.
const (
	Constant = "constant"
	Linear   = "linear"
	Cosine   = "cosine"
)

// Shapes returns the names of what a Schedule can be shaped like.
func Shapes() []string { return []string{Constant, Linear, Cosine} }

// maxScheduled is the largest number of steps that float32 counts one by one.
const maxScheduled = 1 << 24

// Name implements rule.Rule.
func (*Schedule) Name() string { return "schedule" }

func (r *Schedule) filled() Schedule {
	f := *r
	f.Rule, f.Shape = r.Rule.or(new(handmade.Adam)), cmp.Or(r.Shape, Cosine)
	return f
}

func (r *Schedule) parts() []part { return alone(r.filled().Rule) }

// Spec implements rule.Rule. It reads step and horizon as far as the factor depends on them.
func (r *Schedule) Spec() rule.Spec {
	s := join(rule.Coordinates, r.parts())
	falls := r.filled().Shape != Constant
	if falls || r.Warmup > 0 {
		s.Reads |= rule.Step
	}
	if r.Steps == 0 && (falls || r.Warmup > 0 && r.Warmup < 1) {
		s.Reads |= rule.Horizon
	}
	return s
}

// Init implements rule.Rule.
func (r *Schedule) Init(phi []float32, key uint64) { initParts(r.parts(), phi, key) }

// Validate reports a field out of its range.
func (r *Schedule) Validate() error {
	f := r.filled()
	return hyper.Check("schedule", f.Rule.check(), f.checkShape(), f.checkWarmup(), f.checkSteps(), f.checkEnd())
}

func (r Schedule) checkShape() error {
	if !slices.Contains(Shapes(), r.Shape) {
		return fmt.Errorf("shape is %.30q, want one of %s", r.Shape, strings.Join(Shapes(), ", "))
	}
	return nil
}

func (r Schedule) checkWarmup() error {
	if v := r.Warmup; !(v >= 0 && v <= maxScheduled) || v > 1 && v != math.Trunc(v) {
		return fmt.Errorf("warmup is %v, want a part of all steps from 0 to below 1, or a whole number of at most %d", v, maxScheduled)
	}
	return nil
}

func (r Schedule) checkSteps() error {
	if r.Steps < 0 || r.Steps > maxScheduled {
		return fmt.Errorf("steps is %d, want a number from 1 to %d, or 0 for the horizon", r.Steps, maxScheduled)
	}
	return nil
}

func (r Schedule) checkEnd() error {
	if !(r.End >= 0 && r.End <= 1) {
		return fmt.Errorf("end is %v, want a number from 0 to 1", r.End)
	}
	return nil
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Schedule) MarshalJSON() ([]byte, error) {
	type plain Schedule
	return json.Marshal(plain(r.filled()))
}

// Update implements rule.Rule.
func (r *Schedule) Update(in rule.Inputs) (rule.Outputs, error) {
	b, f := new(graph.Builder), r.filled()
	out := r.parts()[0].update(b, in)
	factor := f.factor(b, in)
	if factor == nil {
		return out, b.Err()
	}
	for i := range out.Tensors {
		out.Tensors[i].Step = b.Mul(factor, out.Tensors[i].Step)
	}
	return out, b.Err()
}

// factor writes what steps are multiplied with, nil where it is 1.
func (r Schedule) factor(b *graph.Builder, in rule.Inputs) *G.Node {
	if r.Shape == Constant && r.Warmup == 0 || b.Err() != nil {
		return nil
	}
	t, warmup := in.Step, r.warmup(b, in)
	rises := b.Min(b.Div(b.Shift(1, t), b.AtLeast(warmup, 1)), b.Const(t, 1))
	if r.Shape == Constant {
		return rises
	}
	part := b.Div(b.Sub(t, warmup), b.AtLeast(b.Sub(r.steps(b, in), warmup), 1))
	part = b.Min(b.AtLeast(part, 0), b.Const(t, 1))
	if r.Steps == 0 {
		part = b.Mul(b.Greater(in.Horizon, b.Const(t, 0)), part) // 0 where nobody knows it
	}
	return b.Mul(rises, b.Shift(1, b.Scale(r.End-1, r.fallen(b, part))))
}

// steps is T.
func (r Schedule) steps(b *graph.Builder, in rule.Inputs) *G.Node {
	if r.Steps > 0 {
		return b.Const(in.Step, float64(r.Steps))
	}
	return in.Horizon
}

// warmup is w.
func (r Schedule) warmup(b *graph.Builder, in rule.Inputs) *G.Node {
	if r.Warmup > 0 && r.Warmup < 1 {
		return b.Scale(r.Warmup, r.steps(b, in))
	}
	return b.Const(in.Step, r.Warmup)
}

// fallen is how much of the way from 1 to e lies behind.
func (r Schedule) fallen(b *graph.Builder, part *G.Node) *G.Node {
	if r.Shape == Linear || b.Err() != nil {
		return part
	}
	cos, err := G.Cos(b.Scale(math.Pi, part))
	if err != nil {
		b.Fail(err)
	}
	return b.Scale(0.5, b.Shift(1, b.Neg(cos)))
}

// InitState implements rule.InitialState.
func (r *Schedule) InitState(in rule.Inputs) (rule.Outputs, error) { return start(r.parts(), in) }
