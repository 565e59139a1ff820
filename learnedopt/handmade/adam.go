package handmade

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/engine"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Adam moves by the ratio of two unbiased running averages, of the gradient and of its square (Kingma and Ba 2015,
// algorithm 1):
//
//	m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²
//	step = −LR·m̂/(√(v̂ + ε₀) + ε),  m̂ = m/(1−β₁^t),  v̂ = v/(1−β₂^t)
//
// with ε₀ = 0 in the paper and in common use; Optax calls it eps_root. It keeps the derivative through the root finite where
// gradients are tiny, and makes this the LearnableAdam of the library learned_optimization with its value there, 1e-8.
//
// It serves as a baseline, as a rule whose four hyperparameters are learned, and as the outer optimizer of meta-training.
type Adam struct {
	LR    float64 `json:"lr"`    // 0.001 if zero
	Beta1 float64 `json:"beta1"` // β₁, above 0 and below 1; 0.9 if zero
	Beta2 float64 `json:"beta2"` // β₂, above 0 and below 1; 0.999 if zero
	Eps   float64 `json:"eps"`   // ε; 1e-8 if zero

	// EpsRoot is ε₀, 0 or above; it is not learned. With one above 0 steps run on the expression, without a kernel.
	EpsRoot float64 `json:"eps_root,omitempty"`
}

// AdamW is Adam with a decay of the weights that does not pass through the averages (Loshchilov and Hutter 2019,
// algorithm 2, with the schedule multiplier at 1 and PyTorch's convention that the decay is multiplied by LR):
//
//	step = Adam's step − LR·λ·theta
type AdamW struct {
	Adam
	Decay float64 `json:"decay"` // λ; 0.01 if zero
}

var (
	_ rule.Rule    = (*Adam)(nil)
	_ rule.Rule    = (*AdamW)(nil)
	_ rule.Kernels = (*Adam)(nil)
	_ rule.Kernels = (*AdamW)(nil)
)

// Name implements rule.Rule.
func (*Adam) Name() string { return "adam" }

// Spec implements rule.Rule. The state holds both averages and t, the number of steps taken.
func (*Adam) Spec() rule.Spec {
	s := rule.Spec{Reads: rule.Grad, Phi: hyper.Scalars("log_lr", "logit_beta1", "logit_beta2", "log_eps"), State: hyper.Rows("m", "v")}
	s.State.Shared = hyper.Scalars("t")
	return s
}

// Init implements rule.Rule.
func (r *Adam) Init(phi []float32, _ uint64) {
	f := r.filled()
	phi[0], phi[1], phi[2], phi[3] = hyper.Log(f.LR), hyper.Logit(f.Beta1), hyper.Logit(f.Beta2), hyper.Log(f.Eps)
}

// filled returns r with every default in its place.
func (r *Adam) filled() Adam { return r.or(0.001, 1e-8) }

// or returns r with defaults in place of zeros: these, and the decays of all of Adam's kin.
func (r *Adam) or(lr, eps float64) Adam {
	return Adam{
		LR: cmp.Or(r.LR, lr), Beta1: cmp.Or(r.Beta1, 0.9), Beta2: cmp.Or(r.Beta2, 0.999), Eps: cmp.Or(r.Eps, eps), EpsRoot: r.EpsRoot,
	}
}

// Validate reports a field out of its range.
func (r *Adam) Validate() error { return r.filled().check("adam") }

// check reports a field out of its range, to a rule of that name.
func (r Adam) check(name string, more ...error) error {
	var root error
	if !(r.EpsRoot >= 0) || math.IsInf(r.EpsRoot, 1) {
		root = fmt.Errorf("eps_root is %v, want 0 or a number above 0", r.EpsRoot)
	}
	return hyper.Check(name, append([]error{hyper.Positive("lr", r.LR), hyper.Fraction("beta1", r.Beta1),
		hyper.Fraction("beta2", r.Beta2), hyper.Positive("eps", r.Eps), root}, more...)...)
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Adam) MarshalJSON() ([]byte, error) {
	type plain Adam
	return json.Marshal(plain(r.filled()))
}

func (r *Adam) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	lr, eps := b.Exp(in.Phi["log_lr"]), b.Exp(in.Phi["log_eps"])
	x, t := in.Tensors[0], b.Shift(1, in.Shared["t"])
	m := hyper.Average(b, in.Phi["logit_beta1"], x.State["m"], x.Grad)
	v := hyper.Average(b, in.Phi["logit_beta2"], x.State["v"], b.Square(x.Grad))
	mHat := hyper.Unbias(b, in.Phi["logit_beta1"], m, t)
	vHat := hyper.Unbias(b, in.Phi["logit_beta2"], v, t)
	root := b.RootOrZero(vHat)
	if r.EpsRoot > 0 {
		root = b.Sqrt(b.Shift(r.EpsRoot, vHat))
	}
	step := b.Neg(b.Mul(lr, b.Div(mHat, b.Add(root, eps))))
	out := rule.One(step, map[string]*G.Node{"m": m, "v": v})
	out.Shared = map[string]*G.Node{"t": t}
	return out, b.Err()
}

// Name implements rule.Rule.
func (*AdamW) Name() string { return "adamw" }

// Spec implements rule.Rule.
func (r *AdamW) Spec() rule.Spec {
	s := r.Adam.Spec()
	s.Reads |= rule.Theta
	s.Phi = append(s.Phi, hyper.Scalars("log_decay")...)
	return s
}

// Init implements rule.Rule.
func (r *AdamW) Init(phi []float32, key uint64) {
	r.Adam.Init(phi[:4], key)
	phi[4] = hyper.Log(r.decay())
}

func (r *AdamW) decay() float64 { return cmp.Or(r.Decay, 0.01) }

// Validate reports a field out of its range.
func (r *AdamW) Validate() error {
	if err := r.Adam.Validate(); err != nil {
		return err
	}
	return hyper.Check("adamw", hyper.Positive("decay", r.decay()))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *AdamW) MarshalJSON() ([]byte, error) {
	type adam Adam
	return json.Marshal(struct {
		adam
		Decay float64 `json:"decay"`
	}{adam(r.Adam.filled()), r.decay()})
}

func (r *AdamW) Update(in rule.Inputs) (rule.Outputs, error) {
	out, err := r.Adam.Update(in)
	if err != nil {
		return out, err
	}
	b := new(graph.Builder)
	decay := b.Mul(b.Exp(in.Phi["log_lr"]), b.Exp(in.Phi["log_decay"]))
	x := &out.Tensors[0]
	x.Step = b.Sub(x.Step, b.Mul(decay, in.Tensors[0].Theta))
	return out, b.Err()
}

// An adamPass is Adam's step on its kernel.
type adamPass struct{ kernel.AdamFactors[float32] }

// An adamwPass is AdamW's step on its kernel.
type adamwPass struct{ adamPass }

func (a *adamPass) Begin(p rule.Point[float32], next []float32) {
	last := len(next) - 1 // where t is
	t := p.State[last] + 1
	next[last] = t
	lr, beta1, beta2 := hyper.Exp(p.Phi[0]), p.Phi[1], p.Phi[2]
	a.Rate, a.Eps = float32(-lr/hyper.Bias(beta1, t)), float32(hyper.Exp(p.Phi[3]))
	a.Beta1, a.Rest1 = float32(hyper.Sigmoid(beta1)), float32(hyper.Sigmoid(-beta1))
	a.Beta2, a.Rest2 = float32(hyper.Sigmoid(beta2)), float32(hyper.Sigmoid(-beta2))
	a.Unbias2 = float32(1 / hyper.Bias(beta2, t))
}

func (a *adamPass) Run(step, next []float32, p rule.Point[float32], b engine.Block) {
	n := len(p.Grad)
	kernel.Adam(step, b.Rows(next, n, 0), b.Rows(next, n, 1),
		p.Grad[b.From:b.To], b.Rows(p.State, n, 0), b.Rows(p.State, n, 1), &a.AdamFactors)
}

func (a *adamwPass) Begin(p rule.Point[float32], next []float32) {
	a.adamPass.Begin(p, next)
	a.Decay = float32(hyper.Exp(p.Phi[0]) * hyper.Exp(p.Phi[4]))
}

func (a *adamwPass) Run(step, next []float32, p rule.Point[float32], b engine.Block) {
	n := len(p.Grad)
	kernel.AdamW(step, b.Rows(next, n, 0), b.Rows(next, n, 1),
		p.Grad[b.From:b.To], b.Rows(p.State, n, 0), b.Rows(p.State, n, 1), p.Theta[b.From:b.To], &a.AdamFactors)
}

// Kernel implements rule.Kernels.
func (r *Adam) Kernel(of rule.Rule, b rule.Binding, workers int) rule.Kernel {
	if r.EpsRoot > 0 {
		return nil
	}
	return vectorKernel(r, of, new(adamPass), b, workers)
}

// Kernel implements rule.Kernels.
func (r *AdamW) Kernel(of rule.Rule, b rule.Binding, workers int) rule.Kernel {
	if r.EpsRoot > 0 {
		return nil
	}
	return vectorKernel(r, of, new(adamwPass), b, workers)
}
