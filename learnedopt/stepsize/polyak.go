package stepsize

import (
	"cmp"
	"encoding/json"
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Polyak moves all tensors together by the step size of Polyak (1987, Introduction to Optimization, section 5.3), which asks
// how far the loss is from its least value, with the gradient's squared length averaged over steps for minibatches:
//
//	s ← βs + (1−β)·‖g‖²,  ŝ = s/(1−β^(t+1))
//	step = −c·(f − f*)/(ŝ + ε)·g
//
// with ‖g‖ over all tensors, t the steps taken before and ε = 1e-8. c, f* and β are learned.
type Polyak struct {
	Scale float64 `json:"scale"` // c; 0.1 if zero
	Floor float64 `json:"floor"` // f*, the least value that the loss can have
	Beta  float64 `json:"beta"`  // β, above 0 and below 1; 0.9 if zero
}

var _ rule.Rule = (*Polyak)(nil)

// Name implements rule.Rule.
func (*Polyak) Name() string { return "polyak" }

// Spec implements rule.Rule. Phi holds the logarithm of c, f*, and the logit of β.
func (*Polyak) Spec() rule.Spec {
	return rule.Spec{
		Reads: rule.Grad | rule.Loss | rule.Step, Scope: rule.Whole,
		Phi:   hyper.Scalars("log_scale", "floor", "logit_beta"),
		State: rule.State{Shared: hyper.Scalars("s")},
	}
}

func (r *Polyak) filled() Polyak {
	return Polyak{Scale: cmp.Or(r.Scale, 0.1), Floor: r.Floor, Beta: cmp.Or(r.Beta, 0.9)}
}

// Validate reports a field out of its range.
func (r *Polyak) Validate() error {
	f := r.filled()
	var floor error
	if f.Floor-f.Floor != 0 {
		floor = fmt.Errorf("floor is %v, want a finite number", f.Floor)
	}
	return hyper.Check("polyak", hyper.Positive("scale", f.Scale), floor, hyper.Fraction("beta", f.Beta))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Polyak) MarshalJSON() ([]byte, error) {
	type plain Polyak
	return json.Marshal(plain(r.filled()))
}

// Init implements rule.Rule.
func (r *Polyak) Init(phi []float32, _ uint64) {
	f := r.filled()
	phi[0], phi[1], phi[2] = hyper.Log(f.Scale), float32(f.Floor), hyper.Logit(f.Beta)
}

// Update implements rule.Rule.
func (*Polyak) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	var square *G.Node
	for _, x := range in.Tensors {
		if s := b.Sum(b.Square(x.Grad)); square == nil {
			square = s
		} else {
			square = b.Add(square, s)
		}
	}
	s := hyper.Average(b, in.Phi["logit_beta"], in.Shared["s"], square)
	unbiased := hyper.Unbias(b, in.Phi["logit_beta"], s, b.Shift(1, in.Step))
	rate := b.Mul(b.Exp(in.Phi["log_scale"]), b.Div(b.Sub(in.Loss, in.Phi["floor"]), b.Shift(1e-8, unbiased)))
	out := rule.Outputs{Shared: map[string]*G.Node{"s": s}}
	for _, x := range in.Tensors {
		out.Tensors = append(out.Tensors, rule.TensorOutputs{Step: b.Neg(b.Mul(rate, x.Grad))})
	}
	return out, b.Err()
}
