package compose

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// Mechanic finds the rate of any rule while it runs (Cutkosky, Defazio and Mehta 2023, Mechanic: A Learning Rate Tuner, arXiv
// 2306.00144, algorithm 1, in the form of Optax). The rule's own step is u, x is theta, and D is the sum of those steps; a rule with
// a rate should have one of 1. S is the sum of six rates s, each of which bets with another memory, β = 1 − 10⁻¹ to 1 − 10⁻⁶, which
// are learned too:
//
//	S = Σs,  D = (x − x₀)/(S + ε),  h = −⟨g + λS‖g‖/(‖x‖ + ε)·x, D⟩
//	r ← βr + s·clip(h, ±m),  m ← max(βm, |h| + ε),  v ← β²v + h²
//	s ← (First/6·m + max(0, r))/(√v + ε)
//	x ← x₀ + Σs·(D + u)
//
// with products and norms over all tensors, and the old m and s on the line of r; ε is 1e-8.
type Mechanic struct {
	Rule  Inner   `json:"rule"`  // Adam with a rate of 1 if left out
	First float64 `json:"first"` // about the least rate, above 0; 1e-6 if zero
	Decay float64 `json:"decay"` // λ, at least 0; no decay if zero
}

const (
	mechanicBets = 6
	mechanicEps  = 1e-8
)

var _ composition = (*Mechanic)(nil)

// Name implements rule.Rule.
func (*Mechanic) Name() string { return "mechanic" }

func (r *Mechanic) filled() Mechanic {
	return Mechanic{r.Rule.or(&handmade.Adam{LR: 1}), cmp.Or(r.First, 1e-6), r.Decay}
}

func (r *Mechanic) parts() []part { return alone(r.filled().Rule) }

// Spec implements rule.Rule. Phi is the rule's, log_first, logit_memories and, with a decay, log_decay. A coordinate also has how
// far it has been moved, and what all share are six each of s, r, m and v.
func (r *Mechanic) Spec() rule.Spec {
	s := join(rule.Whole, r.parts())
	s.Reads |= rule.Grad
	s.Phi = append(append(s.Phi, hyper.Scalars("log_first")...), params.Spec{Name: "logit_memories", Shape: []int{mechanicBets}})
	if r.Decay > 0 {
		s.Reads |= rule.Theta
		s.Phi = append(s.Phi, hyper.Scalars("log_decay")...)
	}
	s.State.PerCoordinate = append(s.State.PerCoordinate, rule.Row{Name: "moved"})
	for _, name := range []string{"rates", "wealth", "largest", "squares"} {
		s.State.Shared = append(s.State.Shared, params.Spec{Name: name, Shape: []int{mechanicBets}})
	}
	return s
}

// Init implements rule.Rule.
func (r *Mechanic) Init(phi []float32, key uint64) {
	f := r.filled()
	n := f.Rule.Rule.Spec().Phi.Len()
	initParts(r.parts(), phi[:n], key)
	phi[n] = hyper.Log(f.First)
	rest := 1.0
	for i := range mechanicBets {
		rest /= 10
		phi[n+1+i] = hyper.Logit(1 - rest)
	}
	if r.Decay > 0 {
		phi[len(phi)-1] = hyper.Log(r.Decay)
	}
}

// Validate reports a field out of its range.
func (r *Mechanic) Validate() error {
	f := r.filled()
	return hyper.Check("mechanic", f.Rule.check(), hyper.Positive("first", f.First), checkDecay("decay", f.Decay))
}

func checkDecay(name string, v float64) error {
	if !(v >= 0) || math.IsInf(v, 1) {
		return fmt.Errorf("%s is %v, want 0 or a number above 0", name, v)
	}
	return nil
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Mechanic) MarshalJSON() ([]byte, error) {
	type plain Mechanic
	return json.Marshal(plain(r.filled()))
}

// Update implements rule.Rule.
func (r *Mechanic) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	out := r.parts()[0].update(b, in)
	eps := b.Const(in.Phi["log_first"], mechanicEps)
	before := b.Sum(in.Shared["rates"])
	h := b.Neg(b.Div(r.along(b, in, before), b.Add(before, eps)))

	collect(&out, rule.Outputs{Shared: bets(b, in, h)})
	next := b.Sum(out.Shared["rates"])
	grown := b.Div(next, b.Add(before, eps))
	for i, x := range in.Tensors {
		moved := x.State["moved"]
		to := b.Add(b.Mul(grown, moved), b.Mul(next, out.Tensors[i].Step))
		out.Tensors[i].Step, out.Tensors[i].State["moved"] = b.Sub(to, moved), to
	}
	return out, b.Err()
}

// along returns the product of the gradient, with the decay, and of how far all weights have been moved.
func (r *Mechanic) along(b *graph.Builder, in rule.Inputs, rates *G.Node) *G.Node {
	var pull *G.Node
	if r.Decay > 0 {
		var grads, thetas []*G.Node
		for _, x := range in.Tensors {
			grads, thetas = append(grads, x.Grad), append(thetas, x.Theta)
		}
		pull = b.Div(b.Mul(rates, hyper.Norm(b, grads...)), b.Shift(mechanicEps, hyper.Norm(b, thetas...)))
		pull = b.Mul(b.Exp(in.Phi["log_decay"]), pull)
	}
	var total *G.Node
	for i, x := range in.Tensors {
		g := x.Grad
		if pull != nil {
			g = b.Add(g, b.Mul(pull, x.Theta))
		}
		along := b.Sum(b.Mul(g, x.State["moved"]))
		if i > 0 {
			along = b.Add(total, along)
		}
		total = along
	}
	return total
}

// bets moves the six rates on, each of which sees the same gain h.
func bets(b *graph.Builder, in rule.Inputs, h *G.Node) map[string]*G.Node {
	rates, old := in.Shared["rates"], in.Shared["largest"]
	beta := b.Sigmoid(in.Phi["logit_memories"])
	clipped := b.Max(b.Neg(old), b.Min(h, old))
	wealth := b.Add(b.Mul(beta, in.Shared["wealth"]), b.Mul(rates, clipped))
	largest := b.Max(b.Mul(beta, old), b.Shift(mechanicEps, b.Abs(h)))
	squares := b.Add(b.Mul(b.Square(beta), in.Shared["squares"]), b.Square(h))

	start := b.Mul(b.Scale(1./mechanicBets, b.Exp(in.Phi["log_first"])), largest)
	next := b.Div(b.Add(start, b.Max(wealth, b.Const(wealth, 0))), b.Shift(mechanicEps, b.RootOrZero(squares)))
	return map[string]*G.Node{"rates": next, "wealth": wealth, "largest": largest, "squares": squares}
}

// InitState implements rule.InitialState.
func (r *Mechanic) InitState(in rule.Inputs) (rule.Outputs, error) { return start(r.parts(), in) }
