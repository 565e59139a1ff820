package stepsize

import (
	"cmp"
	"encoding/json"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// RMSMomentum moves a tensor along its momentum, in units of the size that the tensor's gradient has had of late, by a rate
// that is learned as a function of the tensor's size:
//
//	m ← βm + (1−β)g,  r ← βr + (1−β)·mean(g²)
//	step = −α·m/(√r + ε),  log α = a₀ + a₁·log(n)/10 + a₂·[more than one dimension]
//
// with n the number of the tensor's elements, ε = 1e-8 and, at the start, r = e^ρ with ρ learned. NovoGrad (Ginsburg et al.
// 2019, arXiv 1905.11286) normalises a tensor's gradient in this way; there the rate is one for all tensors.
type RMSMomentum struct {
	LR   float64 `json:"lr"`   // α for all tensors at the start of meta-training; 0.01 if zero
	Beta float64 `json:"beta"` // β, above 0 and below 1; 0.9 if zero
}

var (
	_ rule.Rule         = (*RMSMomentum)(nil)
	_ rule.InitialState = (*RMSMomentum)(nil)
)

// Name implements rule.Rule.
func (*RMSMomentum) Name() string { return "rmsmomentum" }

// Spec implements rule.Rule. Phi holds a₀, a₁ and a₂, the logit of β, and ρ.
func (*RMSMomentum) Spec() rule.Spec {
	return rule.Spec{
		Reads: rule.Grad, Scope: rule.Tensor,
		Phi: hyper.Scalars("a0", "a1", "a2", "logit_beta", "log_r"),
		State: rule.State{
			PerCoordinate: []rule.Row{{Name: "m"}},
			PerTensor:     func(params.Spec) params.Layout { return hyper.Scalars("r") },
		},
	}
}

func (r *RMSMomentum) filled() RMSMomentum {
	return RMSMomentum{LR: cmp.Or(r.LR, 0.01), Beta: cmp.Or(r.Beta, 0.9)}
}

// Validate reports a field out of its range.
func (r *RMSMomentum) Validate() error {
	f := r.filled()
	return hyper.Check("rmsmomentum", hyper.Positive("lr", f.LR), hyper.Fraction("beta", f.Beta))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *RMSMomentum) MarshalJSON() ([]byte, error) {
	type plain RMSMomentum
	return json.Marshal(plain(r.filled()))
}

// Init implements rule.Rule: one rate for all tensors, and r = 1 at the start.
func (r *RMSMomentum) Init(phi []float32, _ uint64) {
	f := r.filled()
	clear(phi)
	phi[0], phi[3] = hyper.Log(f.LR), hyper.Logit(f.Beta)
}

// InitState implements rule.InitialState.
func (*RMSMomentum) InitState(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	return rule.One(nil, map[string]*G.Node{"r": b.Exp(in.Phi["log_r"])}), b.Err()
}

// Update implements rule.Rule.
func (*RMSMomentum) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	x := in.Tensors[0]
	n := float64(x.Spec.Len())
	m := hyper.Average(b, in.Phi["logit_beta"], x.State["m"], x.Grad)
	r := hyper.Average(b, in.Phi["logit_beta"], x.State["r"], b.Scale(1/n, b.Sum(b.Square(x.Grad))))
	log := b.Add(in.Phi["a0"], b.Scale(math.Log(n)/10, in.Phi["a1"]))
	if len(x.Spec.Shape) > 1 {
		log = b.Add(log, in.Phi["a2"])
	}
	rate := b.Div(b.Exp(log), b.Shift(1e-8, b.RootOrZero(r)))
	return rule.One(b.Neg(b.Mul(rate, m)), map[string]*G.Node{"m": m, "r": r}), b.Err()
}
