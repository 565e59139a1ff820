package learnedopt

import (
	"encoding/json"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// Adam moves by the ratio of two unbiased running averages, of the gradient and of its square (Kingma and Ba 2015,
// algorithm 1):
//
//	m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²
//	step = −LR·m̂/(√v̂ + ε),  m̂ = m/(1−β₁^t),  v̂ = v/(1−β₂^t)
//
// It serves as a baseline, as a rule whose four hyperparameters are learned, and as the outer optimizer of meta-training.
type Adam struct {
	LR    float64 `json:"lr"`    // 0.001 if zero
	Beta1 float64 `json:"beta1"` // β₁, above 0 and below 1; 0.9 if zero
	Beta2 float64 `json:"beta2"` // β₂, above 0 and below 1; 0.999 if zero
	Eps   float64 `json:"eps"`   // ε; 1e-8 if zero
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
	_ Coordinatewise = (*Adam)(nil)
	_ Coordinatewise = (*AdamW)(nil)
)

func (*Adam) Name() string       { return "adam" }
func (*Adam) Reads() Vars        { return Grad }
func (*Adam) Coordinatewise()    {}
func (*Adam) Phi() params.Layout { return scalars("log_lr", "logit_beta1", "logit_beta2", "log_eps") }

func (r *Adam) Init(phi []float32, _ uint64) {
	f := r.filled()
	phi[0], phi[1], phi[2], phi[3] = logOf(f.LR), logit(f.Beta1), logit(f.Beta2), logOf(f.Eps)
}

// filled returns r with every default in its place.
func (r *Adam) filled() Adam {
	return Adam{
		LR: orDefault(r.LR, 0.001), Beta1: orDefault(r.Beta1, 0.9), Beta2: orDefault(r.Beta2, 0.999), Eps: orDefault(r.Eps, 1e-8),
	}
}

// Validate reports a field out of its range.
func (r *Adam) Validate() error {
	f := r.filled()
	return checkHyper("adam", positive("lr", f.LR), fraction("beta1", f.Beta1), fraction("beta2", f.Beta2), positive("eps", f.Eps))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Adam) MarshalJSON() ([]byte, error) {
	type plain Adam
	return json.Marshal(plain(r.filled()))
}

// State holds both averages and t, the number of steps taken.
func (*Adam) State(theta params.Layout) params.Layout {
	return append(vectors(theta, "m", "v"), scalars("t")...)
}

func (*Adam) Update(in Inputs) (*G.Node, map[string]*G.Node, error) {
	b := new(graph.Builder)
	lr, eps := b.Exp(in.Phi["log_lr"]), b.Exp(in.Phi["log_eps"])
	t := b.Shift(1, in.State["t"])
	m := average(b, in.Phi["logit_beta1"], in.State["m"], in.Grad)
	v := average(b, in.Phi["logit_beta2"], in.State["v"], b.Square(in.Grad))
	mHat := unbias(b, in.Phi["logit_beta1"], m, t)
	vHat := unbias(b, in.Phi["logit_beta2"], v, t)
	step := b.Neg(b.Mul(lr, b.Div(mHat, b.Add(b.RootOrZero(vHat), eps))))
	return step, map[string]*G.Node{"m": m, "v": v, "t": t}, b.Err()
}

func (*AdamW) Name() string         { return "adamw" }
func (*AdamW) Reads() Vars          { return Grad | Theta }
func (r *AdamW) Phi() params.Layout { return append(r.Adam.Phi(), scalars("log_decay")...) }

func (r *AdamW) Init(phi []float32, key uint64) {
	r.Adam.Init(phi[:4], key)
	phi[4] = logOf(r.decay())
}

func (r *AdamW) decay() float64 { return orDefault(r.Decay, 0.01) }

// Validate reports a field out of its range.
func (r *AdamW) Validate() error {
	if err := r.Adam.Validate(); err != nil {
		return err
	}
	return checkHyper("adamw", positive("decay", r.decay()))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *AdamW) MarshalJSON() ([]byte, error) {
	type adam Adam
	return json.Marshal(struct {
		adam
		Decay float64 `json:"decay"`
	}{adam(r.Adam.filled()), r.decay()})
}

func (r *AdamW) Update(in Inputs) (*G.Node, map[string]*G.Node, error) {
	step, next, err := r.Adam.Update(in)
	if err != nil {
		return nil, nil, err
	}
	b := new(graph.Builder)
	decay := b.Mul(b.Exp(in.Phi["log_lr"]), b.Exp(in.Phi["log_decay"]))
	return b.Sub(step, b.Mul(decay, in.Theta)), next, b.Err()
}

// An adamPass is Adam's step on its kernel.
type adamPass struct{ kernel.AdamFactors[float32] }

// An adamwPass is AdamW's step on its kernel.
type adamwPass struct{ adamPass }

func (a *adamPass) begin(p Point[float32], next []float32) {
	clock := len(next) - 1
	t := p.State[clock] + 1
	next[clock] = t
	lr, beta1, beta2 := exp(p.Phi[0]), p.Phi[1], p.Phi[2]
	a.Rate, a.Eps = float32(-lr/bias(beta1, t)), float32(exp(p.Phi[3]))
	a.Beta1, a.Rest1 = float32(sigmoid(beta1)), float32(sigmoid(-beta1))
	a.Beta2, a.Rest2 = float32(sigmoid(beta2)), float32(sigmoid(-beta2))
	a.Unbias2 = float32(1 / bias(beta2, t))
}

func (a *adamPass) run(step, next []float32, p Point[float32], b block) {
	n := len(p.Grad)
	kernel.Adam(step, b.rows(next, n, 0), b.rows(next, n, 1),
		p.Grad[b.from:b.to], b.rows(p.State, n, 0), b.rows(p.State, n, 1), &a.AdamFactors)
}

func (a *adamwPass) begin(p Point[float32], next []float32) {
	a.adamPass.begin(p, next)
	a.Decay = float32(exp(p.Phi[0]) * exp(p.Phi[4]))
}

func (a *adamwPass) run(step, next []float32, p Point[float32], b block) {
	n := len(p.Grad)
	kernel.AdamW(step, b.rows(next, n, 0), b.rows(next, n, 1),
		p.Grad[b.from:b.to], b.rows(p.State, n, 0), b.rows(p.State, n, 1), p.Theta[b.from:b.to], &a.AdamFactors)
}
