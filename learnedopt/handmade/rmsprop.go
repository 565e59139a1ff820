package handmade

import (
	"cmp"
	"encoding/json"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/engine"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// RMSprop divides the gradient by a running average of its size (Tieleman and Hinton 2012, lecture 6.5):
//
//	v ← αv + (1−α)g²,  step = −LR·g/(√v + ε)
type RMSprop struct {
	LR    float64 `json:"lr"`    // 0.01 if zero
	Alpha float64 `json:"alpha"` // α, above 0 and below 1; 0.99 if zero
	Eps   float64 `json:"eps"`   // ε; 1e-8 if zero
}

var (
	_ rule.Rule    = (*RMSprop)(nil)
	_ rule.Kernels = (*RMSprop)(nil)
)

// Name implements rule.Rule.
func (*RMSprop) Name() string { return "rmsprop" }

// Spec implements rule.Rule.
func (*RMSprop) Spec() rule.Spec {
	return rule.Spec{Reads: rule.Grad, Phi: hyper.Scalars("log_lr", "logit_alpha", "log_eps"), State: hyper.Rows("v")}
}

// Init implements rule.Rule.
func (r *RMSprop) Init(phi []float32, _ uint64) {
	f := r.filled()
	phi[0], phi[1], phi[2] = hyper.Log(f.LR), hyper.Logit(f.Alpha), hyper.Log(f.Eps)
}

// filled returns r with every default in its place.
func (r *RMSprop) filled() RMSprop {
	return RMSprop{LR: cmp.Or(r.LR, 0.01), Alpha: cmp.Or(r.Alpha, 0.99), Eps: cmp.Or(r.Eps, 1e-8)}
}

// Validate reports a field out of its range.
func (r *RMSprop) Validate() error {
	f := r.filled()
	return hyper.Check("rmsprop", hyper.Positive("lr", f.LR), hyper.Fraction("alpha", f.Alpha), hyper.Positive("eps", f.Eps))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *RMSprop) MarshalJSON() ([]byte, error) {
	type plain RMSprop
	return json.Marshal(plain(r.filled()))
}

func (*RMSprop) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	lr, eps := b.Exp(in.Phi["log_lr"]), b.Exp(in.Phi["log_eps"])
	x := in.Tensors[0]
	v := hyper.Average(b, in.Phi["logit_alpha"], x.State["v"], b.Square(x.Grad))
	step := b.Neg(b.Mul(lr, b.Div(x.Grad, b.Add(b.RootOrZero(v), eps))))
	return rule.One(step, map[string]*G.Node{"v": v}), b.Err()
}

// An rmspropPass is RMSprop's step on its kernel.
type rmspropPass struct{ kernel.RMSpropFactors[float32] }

func (r *rmspropPass) Begin(p rule.Point[float32], _ []float32) {
	r.Rate, r.Eps = float32(-hyper.Exp(p.Phi[0])), float32(hyper.Exp(p.Phi[2]))
	r.Alpha, r.Rest = float32(hyper.Sigmoid(p.Phi[1])), float32(hyper.Sigmoid(-p.Phi[1]))
}

func (r *rmspropPass) Run(step, next []float32, p rule.Point[float32], b engine.Block) {
	kernel.RMSprop(step, next[b.From:b.To], p.Grad[b.From:b.To], p.State[b.From:b.To], &r.RMSpropFactors)
}

// Kernel implements rule.Kernels.
func (r *RMSprop) Kernel(of rule.Rule, b rule.Binding, workers int) rule.Kernel {
	return vectorKernel(r, of, new(rmspropPass), b, workers)
}
