package handmade

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// DoG moves all tensors by distance over gradients (Ivgi, Hinder and Carmon 2023, DoG is SGD's Best Friend, arXiv 2302.12022):
// the longest distance that the weights have been from their start, over the length of all gradients together,
//
//	r ← max(r, ‖theta − theta₀‖),  G ← G + ‖g‖²,  step = −LR·r·g/√(G + ε)
//
// with norms over all tensors, and g + λ·theta in the place of g with a Decay. What r is at first comes from First, by Start:
//
//	heuristic   First·(1 + ‖theta₀‖), as in the paper
//	distance    First
//	rate        First·√(G + ε), which makes LR·First the rate of the first step
//
// The state holds how far every weight has been moved; DoWG and Prodigy do likewise. What else moves weights than
// these steps does not count.
type DoG struct {
	LR    float64 `json:"lr"`    // 1 if zero
	Start string  `json:"start"` // heuristic, distance or rate; heuristic if empty
	First float64 `json:"first"` // 1e-6 if zero
	Eps   float64 `json:"eps"`   // ε; 1e-8 if zero
	Decay float64 `json:"decay"` // λ; no decay if zero
}

var _ rule.Rule = (*DoG)(nil)

var dogStarts = []string{"heuristic", "distance", "rate"}

// Name implements rule.Rule.
func (*DoG) Name() string { return "dog" }

// Spec implements rule.Rule. The state shared by all is r and G.
func (r *DoG) Spec() rule.Spec {
	s := rule.Spec{
		Reads: rule.Grad | rule.Step, Scope: rule.Whole,
		Phi: hyper.Scalars("log_lr", "log_first", "log_eps"), State: hyper.Rows("moved"),
	}
	if r.filled().Start == "heuristic" {
		s.Reads |= rule.Theta
	}
	s.State.Shared = hyper.Scalars("distance", "gradients")
	return decay(r.Decay).spec(s)
}

// Init implements rule.Rule.
func (r *DoG) Init(phi []float32, _ uint64) {
	f := r.filled()
	phi[0], phi[1], phi[2] = hyper.Log(f.LR), hyper.Log(f.First), hyper.Log(f.Eps)
	decay(f.Decay).init(phi)
}

func (r *DoG) filled() DoG {
	return DoG{
		LR: cmp.Or(r.LR, 1), Start: cmp.Or(r.Start, dogStarts[0]), First: cmp.Or(r.First, 1e-6), Eps: cmp.Or(r.Eps, 1e-8), Decay: r.Decay,
	}
}

// Validate reports a field out of its range.
func (r *DoG) Validate() error {
	f := r.filled()
	var start error
	if !slices.Contains(dogStarts, f.Start) {
		start = fmt.Errorf("start is %s, want one of %s", brief.Quote(f.Start), strings.Join(dogStarts, ", "))
	}
	return hyper.Check("dog", hyper.Positive("lr", f.LR), start, hyper.Positive("first", f.First), hyper.Positive("eps", f.Eps), decay(f.Decay).check())
}

// MarshalJSON writes the configuration with every default in its place.
func (r *DoG) MarshalJSON() ([]byte, error) {
	type plain DoG
	return json.Marshal(plain(r.filled()))
}

// Update implements rule.Rule.
func (r *DoG) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	var directions, thetas, moved []*G.Node
	for _, x := range in.Tensors {
		directions = append(directions, decay(r.Decay).add(b, in, x.Grad, x.Theta))
		thetas, moved = append(thetas, x.Theta), append(moved, x.State["moved"])
	}
	gradients := b.Add(in.Shared["gradients"], hyper.SquaredNorm(b, directions...))
	root := b.Sqrt(b.Add(gradients, b.Exp(in.Phi["log_eps"])))
	first := b.Exp(in.Phi["log_first"])
	switch r.filled().Start {
	case "heuristic":
		first = b.Mul(first, b.Shift(1, hyper.Norm(b, thetas...)))
	case "rate":
		first = b.Mul(first, root)
	}
	distance := b.Max(hyper.Norm(b, moved...), b.Add(in.Shared["distance"], b.Mul(atFirst(b, in), first)))
	rate := b.Mul(b.Exp(in.Phi["log_lr"]), b.Div(distance, root))

	out := rule.Outputs{Shared: map[string]*G.Node{"distance": distance, "gradients": gradients}}
	for i, d := range directions {
		out.Tensors = append(out.Tensors, movedOn(b, moved[i], b.Neg(b.Mul(rate, d)), nil))
	}
	return out, b.Err()
}

// atFirst is 1 at the first step of a run and 0 later. State that starts at zero can take its start from it.
func atFirst(b *graph.Builder, in rule.Inputs) *G.Node {
	return b.Greater(b.Const(in.Step, 0.5), in.Step)
}

// movedOn is a tensor's step, with how far that moves it from its start among the next state.
func movedOn(b *graph.Builder, moved, step *G.Node, next map[string]*G.Node) rule.TensorOutputs {
	if next == nil {
		next = make(map[string]*G.Node)
	}
	next["moved"] = b.Add(moved, step)
	return rule.TensorOutputs{Step: step, State: next}
}
