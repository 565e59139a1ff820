package handmade

import (
	"cmp"
	"encoding/json"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// DoWG is DoG with gradients weighed by the distance at which they were met (Khaled, Mishchenko and Jin 2023, DoWG Unleashed,
// arXiv 2305.16284):
//
//	r² ← max(r², ‖theta − theta₀‖²),  V ← V + r²‖g‖²,  step = −LR·r²·g/(√V + ε)
//
// with norms over all tensors.
type DoWG struct {
	LR    float64 `json:"lr"`    // 1 if zero
	First float64 `json:"first"` // r² at first; 1e-4 if zero
	Eps   float64 `json:"eps"`   // ε; 1e-4 if zero
}

var _ rule.Rule = (*DoWG)(nil)

// Name implements rule.Rule.
func (*DoWG) Name() string { return "dowg" }

// Spec implements rule.Rule. The state shared by all is r² and V.
func (*DoWG) Spec() rule.Spec {
	s := rule.Spec{
		Reads: rule.Grad | rule.Step, Scope: rule.Whole,
		Phi: hyper.Scalars("log_lr", "log_first", "log_eps"), State: hyper.Rows("moved"),
	}
	s.State.Shared = hyper.Scalars("distance", "gradients")
	return s
}

// Init implements rule.Rule.
func (r *DoWG) Init(phi []float32, _ uint64) {
	f := r.filled()
	phi[0], phi[1], phi[2] = hyper.Log(f.LR), hyper.Log(f.First), hyper.Log(f.Eps)
}

func (r *DoWG) filled() DoWG {
	return DoWG{LR: cmp.Or(r.LR, 1), First: cmp.Or(r.First, 1e-4), Eps: cmp.Or(r.Eps, 1e-4)}
}

// Validate reports a field out of its range.
func (r *DoWG) Validate() error {
	f := r.filled()
	return hyper.Check("dowg", hyper.Positive("lr", f.LR), hyper.Positive("first", f.First), hyper.Positive("eps", f.Eps))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *DoWG) MarshalJSON() ([]byte, error) {
	type plain DoWG
	return json.Marshal(plain(r.filled()))
}

// Update implements rule.Rule.
func (*DoWG) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	var grads, moved []*G.Node
	for _, x := range in.Tensors {
		grads, moved = append(grads, x.Grad), append(moved, x.State["moved"])
	}
	first := b.Mul(atFirst(b, in), b.Exp(in.Phi["log_first"]))
	distance := b.Max(hyper.SquaredNorm(b, moved...), b.Add(in.Shared["distance"], first))
	gradients := b.Add(in.Shared["gradients"], b.Mul(distance, hyper.SquaredNorm(b, grads...)))
	rate := b.Mul(b.Exp(in.Phi["log_lr"]), b.Div(distance, b.Add(b.RootOrZero(gradients), b.Exp(in.Phi["log_eps"]))))

	out := rule.Outputs{Shared: map[string]*G.Node{"distance": distance, "gradients": gradients}}
	for i, g := range grads {
		out.Tensors = append(out.Tensors, movedOn(b, moved[i], b.Neg(b.Mul(rate, g)), nil))
	}
	return out, b.Err()
}
