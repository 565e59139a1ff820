package learnedopt

import (
	"encoding/json"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
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
	_ Coordinatewise = (*Momentum)(nil)
	_ Coordinatewise = (*NAG)(nil)
)

func (*Momentum) Name() string    { return "momentum" }
func (*Momentum) Reads() Vars     { return Grad }
func (*Momentum) Coordinatewise() {}
func (*NAG) Name() string         { return "nag" }
func (*NAG) Reads() Vars          { return Grad }
func (*NAG) Coordinatewise()      {}

func (*Momentum) Phi() params.Layout { return scalars("log_lr", "logit_momentum") }
func (*NAG) Phi() params.Layout      { return scalars("log_lr", "logit_momentum") }

func (r *Momentum) Init(phi []float32, _ uint64) {
	f := r.filled()
	phi[0], phi[1] = logOf(f.LR), logit(f.Momentum)
}

func (r *NAG) Init(phi []float32, _ uint64) { (*Momentum)(r).Init(phi, 0) }

// filled returns r with every default in its place.
func (r *Momentum) filled() Momentum {
	return Momentum{LR: orDefault(r.LR, 0.01), Momentum: orDefault(r.Momentum, 0.9)}
}

// Validate reports a field out of its range.
func (r *Momentum) Validate() error {
	f := r.filled()
	return checkHyper("momentum", positive("lr", f.LR), fraction("momentum", f.Momentum))
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

func (*Momentum) State(theta params.Layout) params.Layout { return vectors(theta, "v") }
func (*NAG) State(theta params.Layout) params.Layout      { return vectors(theta, "v") }

func (*Momentum) Update(in Inputs) (*G.Node, map[string]*G.Node, error) {
	b := new(graph.Builder)
	lr, mu := b.Exp(in.Phi["log_lr"]), b.Sigmoid(in.Phi["logit_momentum"])
	v := b.Add(b.Mul(mu, in.State["v"]), in.Grad)
	return b.Neg(b.Mul(lr, v)), map[string]*G.Node{"v": v}, b.Err()
}

func (*NAG) Update(in Inputs) (*G.Node, map[string]*G.Node, error) {
	b := new(graph.Builder)
	lr, mu := b.Exp(in.Phi["log_lr"]), b.Sigmoid(in.Phi["logit_momentum"])
	v := b.Add(b.Mul(mu, in.State["v"]), in.Grad)
	return b.Neg(b.Mul(lr, b.Add(in.Grad, b.Mul(mu, v)))), map[string]*G.Node{"v": v}, b.Err()
}

// A momentumPass is Momentum's step on its kernel.
type momentumPass struct{ rate, mu float32 }

// A nagPass is NAG's step on its kernel.
type nagPass struct{ momentumPass }

func (m *momentumPass) begin(p Point[float32], _ []float32) {
	m.rate, m.mu = float32(-exp(p.Phi[0])), float32(sigmoid(p.Phi[1]))
}

func (m *momentumPass) run(step, next []float32, p Point[float32], b block) {
	kernel.Momentum(step, next[b.from:b.to], p.Grad[b.from:b.to], p.State[b.from:b.to], m.rate, m.mu)
}

func (m *nagPass) run(step, next []float32, p Point[float32], b block) {
	kernel.NAG(step, next[b.from:b.to], p.Grad[b.from:b.to], p.State[b.from:b.to], m.rate, m.mu)
}

// vectors lays out one number a coordinate for each name.
func vectors(theta params.Layout, names ...string) params.Layout {
	l := make(params.Layout, len(names))
	for i, name := range names {
		l[i] = params.Spec{Name: name, Shape: []int{theta.Len()}}
	}
	return l
}
