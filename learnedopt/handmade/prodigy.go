package handmade

import (
	"cmp"
	"encoding/json"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Prodigy is Adam with a rate that grows as gradients tell how far away the minimum is at least (Mishchenko and Defazio 2023,
// Prodigy, arXiv 2306.06101, algorithm 4, in the form of Optax):
//
//	m ← β₁m + (1−β₁)dg,  v ← β₂v + (1−β₂)d²g²
//	p ← β₃p + (d/d₀)·ρ·⟨g, theta₀ − theta⟩,  s ← β₃s + (d/d₀)·ρ·g,  ρ = LR·d·√(1−β₂^t)/(1−β₁^t),  β₃ = √β₂
//	step = −ρ·(m/(√v + d⁺ε) + λ·theta),  d ← d⁺ = max(d, Growth·p/‖s‖₁)
//
// with d = d₀ at first, and sums over all tensors. With Safeguard, which warm-ups need, s counts g by d in the place of ρ.
type Prodigy struct {
	LR        float64 `json:"lr"`        // 1 if zero
	Beta1     float64 `json:"beta1"`     // β₁, above 0 and below 1; 0.9 if zero
	Beta2     float64 `json:"beta2"`     // β₂, above 0 and below 1; 0.999 if zero
	Eps       float64 `json:"eps"`       // ε; 1e-8 if zero
	First     float64 `json:"first"`     // d₀; 1e-6 if zero
	Growth    float64 `json:"growth"`    // 1 if zero
	Decay     float64 `json:"decay"`     // λ; no decay if zero
	Safeguard bool    `json:"safeguard"` // as above
}

var (
	_ rule.Rule         = (*Prodigy)(nil)
	_ rule.InitialState = (*Prodigy)(nil)
)

// Name implements rule.Rule.
func (*Prodigy) Name() string { return "prodigy" }

// Spec implements rule.Rule. The state shared by all is t, d and p.
func (r *Prodigy) Spec() rule.Spec {
	s := rule.Spec{
		Reads: rule.Grad, Scope: rule.Whole, State: hyper.Rows("m", "v", "s", "moved"),
		Phi: hyper.Scalars("log_lr", "logit_beta1", "logit_beta2", "log_eps", "log_first", "log_growth"),
	}
	s.State.Shared = hyper.Scalars("t", "distance", "along")
	return decay(r.Decay).spec(s)
}

// Init implements rule.Rule.
func (r *Prodigy) Init(phi []float32, key uint64) {
	f := r.filled()
	a := f.adam()
	a.Init(phi, key)
	phi[4], phi[5] = hyper.Log(f.First), hyper.Log(f.Growth)
	decay(f.Decay).init(phi)
}

func (r *Prodigy) adam() Adam {
	return (&Adam{LR: r.LR, Beta1: r.Beta1, Beta2: r.Beta2, Eps: r.Eps}).or(1, 1e-8)
}

func (r *Prodigy) filled() Prodigy {
	f, a := *r, r.adam()
	f.LR, f.Beta1, f.Beta2, f.Eps = a.LR, a.Beta1, a.Beta2, a.Eps
	f.First, f.Growth = cmp.Or(r.First, 1e-6), cmp.Or(r.Growth, 1)
	return f
}

// Validate reports a field out of its range.
func (r *Prodigy) Validate() error {
	f := r.filled()
	return f.adam().check("prodigy", hyper.Positive("first", f.First), hyper.Positive("growth", f.Growth), decay(f.Decay).check())
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Prodigy) MarshalJSON() ([]byte, error) {
	type plain Prodigy
	return json.Marshal(plain(r.filled()))
}

// InitState implements rule.InitialState.
func (*Prodigy) InitState(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	out := rule.Outputs{Tensors: make([]rule.TensorOutputs, len(in.Tensors))}
	out.Shared = map[string]*G.Node{"distance": b.Exp(in.Phi["log_first"])}
	return out, b.Err()
}

// Update implements rule.Rule.
func (r *Prodigy) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	t, d := b.Shift(1, in.Shared["t"]), in.Shared["distance"]
	one := b.Const(d, 1)
	beta1, beta2 := in.Phi["logit_beta1"], in.Phi["logit_beta2"]
	beta3 := b.Sqrt(b.Sigmoid(beta2))
	unbias := b.Div(hyper.Unbias(b, beta1, one, t), b.Sqrt(hyper.Unbias(b, beta2, one, t)))
	rate := b.Mul(b.Mul(b.Exp(in.Phi["log_lr"]), d), unbias) // ρ
	weight := b.Div(d, b.Exp(in.Phi["log_first"]))
	counts := b.Mul(weight, rate)
	if r.Safeguard {
		counts = b.Mul(weight, d)
	}

	out := rule.Outputs{}
	var along, length *G.Node
	for _, x := range in.Tensors {
		g := b.Mul(d, x.Grad)
		next := map[string]*G.Node{
			"m": hyper.Average(b, beta1, x.State["m"], g), "v": hyper.Average(b, beta2, x.State["v"], b.Square(g)),
			"s": b.Add(b.Mul(beta3, x.State["s"]), b.Mul(counts, x.Grad)),
		}
		along = sum(b, along, b.Sum(b.Mul(x.Grad, x.State["moved"])))
		length = sum(b, length, b.Sum(b.Abs(next["s"])))
		out.Tensors = append(out.Tensors, rule.TensorOutputs{State: next})
	}
	along = b.Sub(b.Mul(beta3, in.Shared["along"]), b.Mul(b.Mul(weight, rate), along))
	estimate := b.Mul(b.Exp(in.Phi["log_growth"]), b.Div(along, b.Max(length, b.Const(length, 1e-30))))
	next := b.Max(d, estimate)
	eps := b.Mul(next, b.Exp(in.Phi["log_eps"]))

	for i, x := range in.Tensors {
		state := out.Tensors[i].State
		direction := decay(r.Decay).add(b, in, b.Div(state["m"], b.Add(b.RootOrZero(state["v"]), eps)), x.Theta)
		out.Tensors[i] = movedOn(b, x.State["moved"], b.Neg(b.Mul(rate, direction)), state)
	}
	out.Shared = map[string]*G.Node{"t": t, "distance": next, "along": along}
	return out, b.Err()
}

// sum returns x + y, or y where there is no x yet.
func sum(b *graph.Builder, x, y *G.Node) *G.Node {
	if x == nil {
		return y
	}
	return b.Add(x, y)
}
