package compose

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Clip limits the gradient that a rule sees, and the step that it takes. What is longer than allowed keeps its direction and is as
// long as allowed (Pascanu, Mikolov and Bengio 2013, arXiv 1211.5063, algorithm 1); values are limited one by one, and before
// lengths. Lengths are Euclidean, of each tensor or of all. Without any limit the gradients of all tensors are limited to length 1.
type Clip struct {
	Rule      Inner   `json:"rule"`       // Adam if left out
	GradValue float64 `json:"grad_value"` // the largest absolute value of a gradient's numbers; no limit if zero
	GradNorm  float64 `json:"grad_norm"`  // the greatest length of a gradient; no limit if zero
	StepNorm  float64 `json:"step_norm"`  // the greatest length of a step; no limit if zero
	StepRMS   float64 `json:"step_rms"`   // the greatest root mean square of a step; no limit if zero
	Per       string  `json:"per"`        // whose lengths: tensor or all; all if empty
}

var _ composition = (*Clip)(nil)

// Name implements rule.Rule.
func (*Clip) Name() string { return "clip" }

func (r *Clip) filled() Clip {
	f := *r
	f.Rule, f.Per = r.Rule.or(new(handmade.Adam)), cmp.Or(r.Per, perAll)
	if f.GradValue == 0 && f.GradNorm == 0 && f.StepNorm == 0 && f.StepRMS == 0 {
		f.GradNorm = 1
	}
	return f
}

func (r *Clip) parts() []part { return alone(r.filled().Rule) }

// Spec implements rule.Rule. Values are limited in any scope.
func (r *Clip) Spec() rule.Spec {
	f, scope := r.filled(), rule.Coordinates
	if f.GradNorm > 0 || f.StepNorm > 0 || f.StepRMS > 0 {
		scope = scopeOf(f.Per)
	}
	return join(scope, r.parts())
}

// Init implements rule.Rule.
func (r *Clip) Init(phi []float32, key uint64) { initParts(r.parts(), phi, key) }

// Validate reports a field out of its range.
func (r *Clip) Validate() error {
	f := r.filled()
	return hyper.Check("clip", f.Rule.check(), limit("grad_value", f.GradValue), limit("grad_norm", f.GradNorm),
		limit("step_norm", f.StepNorm), limit("step_rms", f.StepRMS), checkPer(f.Per))
}

// limit reports what is no limit.
func limit(name string, v float64) error {
	if v == 0 {
		return nil
	}
	return hyper.Positive(name, v)
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Clip) MarshalJSON() ([]byte, error) {
	type plain Clip
	return json.Marshal(plain(r.filled()))
}

// Update implements rule.Rule.
func (r *Clip) Update(in rule.Inputs) (rule.Outputs, error) {
	b, f, p := new(graph.Builder), r.filled(), r.parts()[0]
	if p.spec.Reads&rule.Grad != 0 {
		in.Tensors = f.grads(b, in.Tensors)
	}
	out := p.update(b, in)
	f.steps(b, out)
	return out, b.Err()
}

// grads returns the tensors with limited gradients.
func (r Clip) grads(b *graph.Builder, in []rule.TensorInputs) []rule.TensorInputs {
	in = slices.Clone(in)
	grads := make([]*G.Node, len(in))
	for i, x := range in {
		if grads[i] = x.Grad; r.GradValue > 0 {
			grads[i] = b.Clamp(x.Grad, r.GradValue)
		}
	}
	if r.GradNorm > 0 {
		grads = shortened(b, grads, lengths(b, grads, r.Per), r.GradNorm)
	}
	for i := range in {
		in[i].Grad = grads[i]
	}
	return in
}

// steps limits the steps.
func (r Clip) steps(b *graph.Builder, out rule.Outputs) {
	list := steps(out)
	if r.StepNorm > 0 {
		list = shortened(b, list, lengths(b, list, r.Per), r.StepNorm)
	}
	if r.StepRMS > 0 {
		list = shortened(b, list, sizes(b, list, r.Per), r.StepRMS)
	}
	for i := range out.Tensors {
		out.Tensors[i].Step = list[i]
	}
}

// shortened multiplies what is larger than allowed with what makes it as large.
func shortened(b *graph.Builder, list, sizes []*G.Node, most float64) []*G.Node {
	short := make([]*G.Node, len(list))
	for i, x := range list {
		short[i] = b.Div(x, b.AtLeast(b.Scale(1/most, sizes[i]), 1))
	}
	return short
}

// sizes returns for each tensor the root of the mean of its squares, or that of all.
func sizes(b *graph.Builder, tensors []*G.Node, per string) []*G.Node {
	if b.Err() != nil {
		return make([]*G.Node, len(tensors))
	}
	list, total := lengths(b, tensors, per), 0
	for _, x := range tensors {
		total += x.Shape().TotalSize()
	}
	for i, x := range tensors {
		n := x.Shape().TotalSize()
		if per == perAll {
			n = total
		}
		list[i] = b.Scale(1/math.Sqrt(float64(n)), list[i])
	}
	return list
}

// InitState implements rule.InitialState.
func (r *Clip) InitState(in rule.Inputs) (rule.Outputs, error) { return start(r.parts(), in) }
