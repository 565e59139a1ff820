package mlp

import (
	"cmp"
	"encoding/json"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// LOLv2 is the perceptron of Metz et al. (2019, arXiv 1810.10180) in the form in which the library learned_optimization has
// it. It sees of each coordinate the gradient, the weight and six running averages of the gradient, each divided by its
// root mean square over the tensor, and eleven features of time:
//
//	step = −0.001·d·e^(0.001·m)
//
// with d and m the perceptron's outputs.
type LOLv2 struct {
	Hidden int     `json:"hidden"` // units of each of two hidden layers, 1 to 1024; 32 if zero
	Step   float64 `json:"step"`   // what all steps are multiplied with, above 0; 0.001 if zero
}

var _ rule.Rule = (*LOLv2)(nil)

var lolDecays = []float64{.1, .5, .9, .99, .999, .9999}

// Name implements rule.Rule.
func (*LOLv2) Name() string { return "lolv2" }

func (r *LOLv2) filled() LOLv2 {
	return LOLv2{Hidden: cmp.Or(r.Hidden, 32), Step: cmp.Or(r.Step, 0.001)}
}

func (r *LOLv2) net() features.Perceptron {
	return features.Perceptron{In: 2 + len(lolDecays) + features.Times, Hidden: r.filled().Hidden, Out: 2}
}

// Spec implements rule.Rule. Phi is the perceptron's; the state of a coordinate is its averages m0, ... m5.
func (r *LOLv2) Spec() rule.Spec {
	return rule.Spec{
		Reads: rule.Grad | rule.Theta | rule.Step, Scope: rule.Tensor, Phi: r.net().Phi(),
		State: rule.State{PerCoordinate: features.MomentRows(len(lolDecays), 0)},
	}
}

// Validate reports a field out of its range.
func (r *LOLv2) Validate() error {
	f := r.filled()
	return hyper.Check("lolv2", hyper.Units("hidden", f.Hidden), hyper.Positive("step", f.Step))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *LOLv2) MarshalJSON() ([]byte, error) {
	type plain LOLv2
	return json.Marshal(plain(r.filled()))
}

// Init implements rule.Rule: weights from truncated normal distributions of deviation 1/√inputs.
func (r *LOLv2) Init(phi []float32, key uint64) { r.net().Init(phi, key) }

// Update implements rule.Rule.
func (r *LOLv2) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	t := features.NewTensor(b, in.Tensors[0])
	m := t.Averages("m", features.Decays(b, t.Grad, nil, false, lolDecays...), t.Grad)
	rows := t.Rows(append([]*G.Node{t.Grad, t.Theta}, m...)...)
	out := r.net().Apply(b, in.Phi, features.Seen{Rows: rows, Scale: t.Sizes(rows, 1e-5), Same: features.Time(b, in.Step)})
	return rule.One(b.Scale(-r.filled().Step, direction(t, out)), t.Next), b.Err()
}

// direction is d·e^(0.001·m) of a perceptron's first two outputs.
func direction(t *features.Tensor, out *G.Node) *G.Node {
	return t.Mul(t.Row(out, 0), t.Exp(t.Scale(0.001, t.Row(out, 1))))
}
