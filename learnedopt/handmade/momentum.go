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

// Momentum is gradient descent with a heavy ball (Polyak 1964), in the form of Torch and PyTorch:
//
//	v ← μv + g,  step = −LR·v
type Momentum struct {
	LR       float64 `json:"lr"`       // 0.01 if zero
	Momentum float64 `json:"momentum"` // μ, above 0 and below 1; 0.9 if zero
}

// NAG is Nesterov's accelerated gradient (Sutskever et al. 2013), in the form of Torch and PyTorch, which takes the
// gradient at the weights and looks ahead in the step:
//
//	v ← μv + g,  step = −LR·(g + μv)
type NAG struct {
	LR       float64 `json:"lr"`       // 0.01 if zero
	Momentum float64 `json:"momentum"` // μ, above 0 and below 1; 0.9 if zero
}

var (
	_ rule.Rule    = (*Momentum)(nil)
	_ rule.Rule    = (*NAG)(nil)
	_ rule.Kernels = (*Momentum)(nil)
	_ rule.Kernels = (*NAG)(nil)
)

// Name implements rule.Rule.
func (*Momentum) Name() string { return "momentum" }

// Name implements rule.Rule.
func (*NAG) Name() string { return "nag" }

// Spec implements rule.Rule.
func (*Momentum) Spec() rule.Spec {
	return rule.Spec{Reads: rule.Grad, Phi: hyper.Scalars("log_lr", "logit_momentum"), State: hyper.Rows("v")}
}

// Spec implements rule.Rule.
func (r *NAG) Spec() rule.Spec { return (*Momentum)(r).Spec() }

// Init implements rule.Rule.
func (r *Momentum) Init(phi []float32, _ uint64) {
	f := r.filled()
	phi[0], phi[1] = hyper.Log(f.LR), hyper.Logit(f.Momentum)
}

// Init implements rule.Rule.
func (r *NAG) Init(phi []float32, _ uint64) { (*Momentum)(r).Init(phi, 0) }

// filled returns r with every default in its place.
func (r *Momentum) filled() Momentum {
	return Momentum{LR: cmp.Or(r.LR, 0.01), Momentum: cmp.Or(r.Momentum, 0.9)}
}

// Validate reports a field out of its range.
func (r *Momentum) Validate() error {
	f := r.filled()
	return hyper.Check("momentum", hyper.Positive("lr", f.LR), hyper.Fraction("momentum", f.Momentum))
}

// Validate reports a field out of its range.
func (r *NAG) Validate() error { return (*Momentum)(r).Validate() }

// MarshalJSON writes the configuration with every default in its place.
func (r *Momentum) MarshalJSON() ([]byte, error) {
	type plain Momentum
	return json.Marshal(plain(r.filled()))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *NAG) MarshalJSON() ([]byte, error) { return (*Momentum)(r).MarshalJSON() }

func (*Momentum) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	lr, mu := b.Exp(in.Phi["log_lr"]), b.Sigmoid(in.Phi["logit_momentum"])
	x := in.Tensors[0]
	v := b.Add(b.Mul(mu, x.State["v"]), x.Grad)
	return rule.One(b.Neg(b.Mul(lr, v)), map[string]*G.Node{"v": v}), b.Err()
}

func (*NAG) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	lr, mu := b.Exp(in.Phi["log_lr"]), b.Sigmoid(in.Phi["logit_momentum"])
	x := in.Tensors[0]
	v := b.Add(b.Mul(mu, x.State["v"]), x.Grad)
	return rule.One(b.Neg(b.Mul(lr, b.Add(x.Grad, b.Mul(mu, v)))), map[string]*G.Node{"v": v}), b.Err()
}

// A momentumPass is Momentum's step on its kernel.
type momentumPass struct{ rate, mu float32 }

// A nagPass is NAG's step on its kernel.
type nagPass struct{ momentumPass }

func (m *momentumPass) Begin(p rule.Point[float32], _ []float32) {
	m.rate, m.mu = float32(-hyper.Exp(p.Phi[0])), float32(hyper.Sigmoid(p.Phi[1]))
}

func (m *momentumPass) Run(step, next []float32, p rule.Point[float32], b engine.Block) {
	kernel.Momentum(step, next[b.From:b.To], p.Grad[b.From:b.To], p.State[b.From:b.To], m.rate, m.mu)
}

func (m *nagPass) Run(step, next []float32, p rule.Point[float32], b engine.Block) {
	kernel.NAG(step, next[b.From:b.To], p.Grad[b.From:b.To], p.State[b.From:b.To], m.rate, m.mu)
}

// Kernel implements rule.Kernels.
func (r *Momentum) Kernel(of rule.Rule, b rule.Binding, workers int) rule.Kernel {
	return vectorKernel(r, of, new(momentumPass), b, workers)
}

// Kernel implements rule.Kernels.
func (r *NAG) Kernel(of rule.Rule, b rule.Binding, workers int) rule.Kernel {
	return vectorKernel(r, of, new(nagPass), b, workers)
}
