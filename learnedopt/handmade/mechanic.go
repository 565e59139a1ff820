package handmade

import (
	"encoding/json"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// Mechanic finds Adam's rate while it runs (Cutkosky, Defazio and Mehta 2023, Mechanic: A Learning Rate Tuner, arXiv 2306.00144,
// algorithm 1, in the form of Optax). Adam's step with a rate of 1 is u, x is theta, and D is the sum of those steps. S is the sum of
// six rates s, each of which bets with another memory, β = 1 − 10⁻¹ to 1 − 10⁻⁶, which are learned too:
//
//	S = Σs,  D = (x − x₀)/(S + ε),  h = −⟨g + λS‖g‖/(‖x‖ + ε)·x, D⟩
//	r ← βr + s·clip(h, ±m),  m ← max(βm, |h| + ε),  v ← β²v + h²
//	s ← (First/6·m + max(0, r))/(√v + ε)
//	x ← x₀ + Σs·(D + u)
//
// with products and norms over all tensors, and the old m and s on the line of r.
type Mechanic struct {
	First float64 `json:"first"` // about the least rate; 1e-6 if zero
	Beta1 float64 `json:"beta1"` // Adam's β₁, above 0 and below 1; 0.9 if zero
	Beta2 float64 `json:"beta2"` // Adam's β₂, above 0 and below 1; 0.999 if zero
	Eps   float64 `json:"eps"`   // Adam's ε; 1e-8 if zero
	Decay float64 `json:"decay"` // λ; no decay if zero
}

const (
	mechanicBets = 6
	mechanicEps  = 1e-8 // ε of all that is not Adam's
)

var _ rule.Rule = (*Mechanic)(nil)

// Name implements rule.Rule.
func (*Mechanic) Name() string { return "mechanic" }

// Spec implements rule.Rule. The state shared by all is t and six each of s, r, m and v.
func (r *Mechanic) Spec() rule.Spec {
	s := rule.Spec{
		Reads: rule.Grad, Scope: rule.Whole, State: hyper.Rows("m", "v", "moved"),
		Phi: hyper.Scalars("log_first", "logit_beta1", "logit_beta2", "log_eps"),
	}
	s.Phi = append(s.Phi, params.Spec{Name: "logit_memories", Shape: []int{mechanicBets}})
	s.State.Shared = hyper.Scalars("t")
	for _, name := range []string{"rates", "wealth", "largest", "squares"} {
		s.State.Shared = append(s.State.Shared, params.Spec{Name: name, Shape: []int{mechanicBets}})
	}
	return decay(r.Decay).spec(s)
}

// Init implements rule.Rule.
func (r *Mechanic) Init(phi []float32, key uint64) {
	a := r.adam()
	a.Init(phi, key)
	rest := 1.0
	for i := range mechanicBets {
		rest /= 10
		phi[4+i] = hyper.Logit(1 - rest)
	}
	decay(r.Decay).init(phi)
}

// adam is the rule within, with First in the place of its rate.
func (r *Mechanic) adam() Adam {
	return (&Adam{LR: r.First, Beta1: r.Beta1, Beta2: r.Beta2, Eps: r.Eps}).or(1e-6, 1e-8)
}

// Validate reports a field out of its range.
func (r *Mechanic) Validate() error {
	f := r.adam()
	first := hyper.Positive("first", f.LR)
	f.LR = 1
	return f.check("mechanic", first, decay(r.Decay).check())
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Mechanic) MarshalJSON() ([]byte, error) {
	type plain Mechanic
	f := r.adam()
	return json.Marshal(plain{f.LR, f.Beta1, f.Beta2, f.Eps, r.Decay})
}

// Update implements rule.Rule.
func (r *Mechanic) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	eps := b.Const(in.Phi["log_eps"], mechanicEps)
	before := b.Sum(in.Shared["rates"])
	h := b.Neg(b.Div(r.along(b, in, before), b.Add(before, eps)))

	out := rule.Outputs{Shared: bets(b, in, h)}
	t := b.Shift(1, in.Shared["t"])
	out.Shared["t"] = t
	next := b.Sum(out.Shared["rates"])
	grown := b.Div(next, b.Add(before, eps))
	for _, x := range in.Tensors {
		m := hyper.Average(b, in.Phi["logit_beta1"], x.State["m"], x.Grad)
		v := hyper.Average(b, in.Phi["logit_beta2"], x.State["v"], b.Square(x.Grad))
		root := b.RootOrZero(hyper.Unbias(b, in.Phi["logit_beta2"], v, t))
		u := b.Neg(b.Div(hyper.Unbias(b, in.Phi["logit_beta1"], m, t), b.Add(root, b.Exp(in.Phi["log_eps"]))))
		moved := x.State["moved"]
		to := b.Add(b.Mul(grown, moved), b.Mul(next, u))
		out.Tensors = append(out.Tensors, rule.TensorOutputs{
			Step: b.Sub(to, moved), State: map[string]*G.Node{"m": m, "v": v, "moved": to},
		})
	}
	return out, b.Err()
}

// along returns the product of the gradient, with the decay, and of how far all weights have been moved.
func (r *Mechanic) along(b *graph.Builder, in rule.Inputs, rates *G.Node) *G.Node {
	var grads, thetas []*G.Node
	for _, x := range in.Tensors {
		grads, thetas = append(grads, x.Grad), append(thetas, x.Theta)
	}
	var pull *G.Node
	if r.Decay > 0 {
		pull = b.Div(b.Mul(rates, norm(b, grads...)), b.Shift(mechanicEps, norm(b, thetas...)))
	}
	var total *G.Node
	for _, x := range in.Tensors {
		g := x.Grad
		if r.Decay > 0 {
			g = decay(r.Decay).add(b, in, g, b.Mul(pull, x.Theta))
		}
		total = sum(b, total, b.Sum(b.Mul(g, x.State["moved"])))
	}
	return total
}

// bets moves the six rates on, each of which sees the same gain h.
func bets(b *graph.Builder, in rule.Inputs, h *G.Node) map[string]*G.Node {
	rates, old := in.Shared["rates"], in.Shared["largest"]
	beta := b.Sigmoid(in.Phi["logit_memories"])
	clipped := b.Max(b.Neg(old), b.Neg(b.Max(b.Neg(h), b.Neg(old))))
	wealth := b.Add(b.Mul(beta, in.Shared["wealth"]), b.Mul(rates, clipped))
	largest := b.Max(b.Mul(beta, old), b.Shift(mechanicEps, b.Abs(h)))
	squares := b.Add(b.Mul(b.Square(beta), in.Shared["squares"]), b.Square(h))

	start := b.Mul(b.Scale(1./mechanicBets, b.Exp(in.Phi["log_first"])), largest)
	next := b.Div(b.Add(start, b.Max(wealth, b.Const(wealth, 0))), b.Shift(mechanicEps, b.RootOrZero(squares)))
	return map[string]*G.Node{"rates": next, "wealth": wealth, "largest": largest, "squares": squares}
}
