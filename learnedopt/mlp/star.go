package mlp

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Star is the stabilised rule of Harrison, Metz and Sohl-Dickstein (2022, arXiv 2209.11208): the perceptron of AdafacMLP moves
// weights beside a nominal term, the mean of Adam's directions of three decays, and weight decay, which keep the whole stable:
//
//	step = −α·d·e^(0.001·m)/√(v + 1e-6) − ν·e^(0.001·n)·mean(mᵢ/√(v + 1e-6)) − λ·e^(0.001·r)·θ
//
// with d, m, n and r the perceptron's outputs, and n = 1 and r = 0 where these are not used.
type Star struct {
	Hidden  int     `json:"hidden"`       // units of each of two hidden layers, 1 to 1024; 4 if zero
	Step    float64 `json:"step"`         // α, above 0; 0.001 if zero
	Nominal float64 `json:"nominal"`      // ν; 0.001 if zero, none if below zero
	Decay   float64 `json:"weight_decay"` // λ, at least 0; it is not multiplied with a rate

	Raw         bool `json:"raw"`         // the perceptron's part is not divided by √v
	Controllers bool `json:"controllers"` // n and r are the perceptron's
}

var _ rule.Rule = (*Star)(nil)

// Name implements rule.Rule.
func (*Star) Name() string { return "star" }

func (r *Star) filled() Star {
	f := *r
	f.Hidden, f.Step, f.Nominal = cmp.Or(r.Hidden, 4), cmp.Or(r.Step, 0.001), cmp.Or(r.Nominal, 0.001)
	return f
}

func (r *Star) net() features.Perceptron { return adafacNet(r.filled().Hidden, 4) }

// Spec implements rule.Rule. Phi and state are those of AdafacMLP, with two outputs more.
func (r *Star) Spec() rule.Spec { return adafacSpec(r.net()) }

// Validate reports a field out of its range.
func (r *Star) Validate() error {
	f := r.filled()
	return hyper.Check("star",
		hyper.Units("hidden", f.Hidden), hyper.Positive("step", f.Step), finite("nominal", f.Nominal), notNegative("weight_decay", f.Decay))
}

func finite(name string, v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("%s is %v, want a finite number", name, v)
	}
	return nil
}

func notNegative(name string, v float64) error {
	if !(v >= 0) || math.IsInf(v, 1) {
		return fmt.Errorf("%s is %v, want a number of at least 0", name, v)
	}
	return nil
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Star) MarshalJSON() ([]byte, error) {
	type plain Star
	return json.Marshal(plain(r.filled()))
}

// Init implements rule.Rule: as AdafacMLP.
func (r *Star) Init(phi []float32, key uint64) { initAdafac(r.net(), phi, key) }

// Update implements rule.Rule.
func (r *Star) Update(in rule.Inputs) (rule.Outputs, error) {
	c := r.filled()
	t := features.NewTensor(new(graph.Builder), in.Tensors[0])
	f := adafac(t, in)
	out := adafacOut(t, r.net(), in, f)
	step := t.Scale(c.Step, direction(t, out))
	if !c.Raw {
		step = t.Mul(step, f.Root)
	}
	if c.Nominal > 0 {
		step = t.Add(step, t.Mul(r.controlled(t, out, 2, 1, c.Nominal/3), t.Mul(f.Root, t.Add(f.M[0], t.Add(f.M[1], f.M[2])))))
	}
	if c.Decay > 0 {
		step = t.Add(step, t.Mul(r.controlled(t, out, 3, 0, c.Decay), t.Theta))
	}
	return rule.One(t.Neg(step), t.Next), t.Err()
}

// controlled is what·e^(0.001·x) with x an output of the perceptron, or what stands in its place.
func (r *Star) controlled(t *features.Tensor, out *G.Node, output int, instead, what float64) *G.Node {
	if !r.Controllers {
		return t.Const(t.Grad, what*math.Exp(0.001*instead))
	}
	return t.Scale(what, t.Exp(t.Scale(0.001, t.Row(out, output))))
}
