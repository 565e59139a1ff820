package handmade

import (
	"encoding/json"
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// ScheduleFree is the schedule-free form of AdamW, which takes the place of a falling rate by an average of the weights
// (Defazio et al. 2024, The Road Less Scheduled, arXiv 2405.15682, algorithm 1; in the form of Optax):
//
//	z ← z − LR·(g/(√v̂ + ε) + λy),  v ← β₂v + (1−β₂)g²
//	x ← (1−c)x + cz,  c = w²/Σw²,  y ← β₁x + (1−β₁)z
//
// where theta is y, at which gradients are taken, and v̂ = v/(1−β₂^t). With a warm-up of W steps LR is multiplied by t/W at
// step t = 0, 1, ... < W, so that the first moves nothing, and w = min(1, (t+1)/W); without one, w is 1.
//
// The state holds z − y. The average x is the one to use in the end: x = y − (1−β₁)/β₁·(z − y).
type ScheduleFree struct {
	LR     float64 `json:"lr"`     // 0.0025 if zero
	Beta1  float64 `json:"beta1"`  // β₁, above 0 and below 1; 0.9 if zero
	Beta2  float64 `json:"beta2"`  // β₂, above 0 and below 1; 0.999 if zero
	Eps    float64 `json:"eps"`    // ε; 1e-8 if zero
	Decay  float64 `json:"decay"`  // λ; no decay if zero
	Warmup int     `json:"warmup"` // W, in steps; no warm-up if zero
}

var _ rule.Rule = (*ScheduleFree)(nil)

// Name implements rule.Rule.
func (*ScheduleFree) Name() string { return "schedulefree" }

// Spec implements rule.Rule.
func (r *ScheduleFree) Spec() rule.Spec {
	s := new(Adam).Spec()
	s.State.PerCoordinate = hyper.Rows("z", "v").PerCoordinate
	return decay(r.Decay).spec(s)
}

// Init implements rule.Rule.
func (r *ScheduleFree) Init(phi []float32, key uint64) {
	f := r.adam()
	f.Init(phi, key)
	decay(r.Decay).init(phi)
}

func (r *ScheduleFree) adam() Adam {
	return (&Adam{LR: r.LR, Beta1: r.Beta1, Beta2: r.Beta2, Eps: r.Eps}).or(0.0025, 1e-8)
}

// Validate reports a field out of its range.
func (r *ScheduleFree) Validate() error {
	var warmup error
	if r.Warmup < 0 {
		warmup = fmt.Errorf("warmup is %d, want at least 0", r.Warmup)
	}
	return r.adam().check("schedulefree", decay(r.Decay).check(), warmup)
}

// MarshalJSON writes the configuration with every default in its place.
func (r *ScheduleFree) MarshalJSON() ([]byte, error) {
	type plain ScheduleFree
	f := r.adam()
	return json.Marshal(plain{f.LR, f.Beta1, f.Beta2, f.Eps, r.Decay, r.Warmup})
}

// Update implements rule.Rule. All but theta, in the decay, is relative to y.
func (r *ScheduleFree) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	a := newAdaptive(b, in)
	x := in.Tensors[0]
	a.average("v", "logit_beta2", b.Square(a.grad))
	direction := decay(r.Decay).add(b, in, b.Div(a.grad, a.root()), x.Theta)
	z := b.Sub(a.old["z"], b.Mul(b.Mul(a.lr, r.ramp(b, in.Shared["t"])), direction))

	c := b.Div(b.Square(r.ramp(b, a.t)), r.weights(b, a.t))
	beta, rest := b.Sigmoid(in.Phi["logit_beta1"]), b.Sigmoid(b.Neg(in.Phi["logit_beta1"]))
	average := b.Neg(b.Mul(b.Div(rest, beta), a.old["z"]))
	average = b.Add(b.Mul(b.Sub(b.Const(c, 1), c), average), b.Mul(c, z))
	step := b.Add(b.Mul(beta, average), b.Mul(rest, z))
	a.next["z"] = b.Mul(beta, b.Sub(z, average)) // z − y, where y has moved on by step

	out := rule.One(step, a.next)
	out.Shared = map[string]*G.Node{"t": a.t}
	return out, b.Err()
}

// ramp returns what the rate is multiplied by at step t.
func (r *ScheduleFree) ramp(b *graph.Builder, t *G.Node) *G.Node {
	if r.Warmup == 0 {
		return b.Const(t, 1)
	}
	return b.Scale(1/float64(r.Warmup), r.warming(b, t))
}

// warming returns how many of the steps 1 to t are of the warm-up.
func (r *ScheduleFree) warming(b *graph.Builder, t *G.Node) *G.Node {
	return b.Neg(b.Max(b.Neg(t), b.Const(t, -float64(r.Warmup))))
}

// weights returns the sum of the squares of the ramp at 1 to t.
func (r *ScheduleFree) weights(b *graph.Builder, t *G.Node) *G.Node {
	if r.Warmup == 0 {
		return t
	}
	n, w := r.warming(b, t), float64(r.Warmup)
	squares := b.Mul(b.Mul(n, b.Shift(1, n)), b.Shift(1, b.Scale(2, n))) // six times 1² to n²
	return b.Add(b.Scale(1/(6*w*w), squares), b.Sub(t, n))
}
