package handmade

import (
	"cmp"
	"encoding/json"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Lion moves every weight by LR against the sign of a running average (Chen et al. 2023, Symbolic Discovery of Optimization
// Algorithms, arXiv 2302.06675):
//
//	step = −LR·(sign(β₁m + (1−β₁)g) + λ·theta),  m ← β₂m + (1−β₂)g
//
// with a sign of 0 at 0. The sign has a derivative of zero, so that of all of phi only LR and λ get a meta-gradient.
type Lion struct {
	LR    float64 `json:"lr"`    // 0.0001 if zero
	Beta1 float64 `json:"beta1"` // β₁, above 0 and below 1; 0.9 if zero
	Beta2 float64 `json:"beta2"` // β₂, above 0 and below 1; 0.99 if zero
	Decay float64 `json:"decay"` // λ; no decay if zero
}

var _ rule.Rule = (*Lion)(nil)

// Name implements rule.Rule.
func (*Lion) Name() string { return "lion" }

// Spec implements rule.Rule.
func (r *Lion) Spec() rule.Spec {
	return decay(r.Decay).spec(rule.Spec{
		Reads: rule.Grad, Phi: hyper.Scalars("log_lr", "logit_beta1", "logit_beta2"), State: hyper.Rows("m"),
	})
}

// Init implements rule.Rule.
func (r *Lion) Init(phi []float32, _ uint64) {
	f := r.filled()
	phi[0], phi[1], phi[2] = hyper.Log(f.LR), hyper.Logit(f.Beta1), hyper.Logit(f.Beta2)
	decay(f.Decay).init(phi)
}

func (r *Lion) filled() Lion {
	return Lion{LR: cmp.Or(r.LR, 1e-4), Beta1: cmp.Or(r.Beta1, 0.9), Beta2: cmp.Or(r.Beta2, 0.99), Decay: r.Decay}
}

// Validate reports a field out of its range.
func (r *Lion) Validate() error {
	f := r.filled()
	return hyper.Check("lion", hyper.Positive("lr", f.LR), hyper.Fraction("beta1", f.Beta1), hyper.Fraction("beta2", f.Beta2), decay(f.Decay).check())
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Lion) MarshalJSON() ([]byte, error) {
	type plain Lion
	return json.Marshal(plain(r.filled()))
}

// Update implements rule.Rule.
func (r *Lion) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	x := in.Tensors[0]
	direction := b.Sign(hyper.Average(b, in.Phi["logit_beta1"], x.State["m"], x.Grad))
	step := b.Neg(b.Mul(b.Exp(in.Phi["log_lr"]), decay(r.Decay).add(b, in, direction, x.Theta)))
	m := hyper.Average(b, in.Phi["logit_beta2"], x.State["m"], x.Grad)
	return rule.One(step, map[string]*G.Node{"m": m}), b.Err()
}
