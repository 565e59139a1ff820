// Package rnnprop holds RNNprop, a recurrent network a coordinate whose inputs are in the units of Adam and RMSprop.
package rnnprop

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// All returns one of each rule, with its defaults.
func All() []rule.Rule { return []rule.Rule{new(Rule)} }

// Rule is RNNprop (Lv, Jiang and Li 2017, arXiv 1703.03633): a layer of exponential-linear units, two LSTM layers and a
// linear one, whose inputs do not change with the scale of the loss and whose steps are bounded:
//
//	m̂, v̂ = averages of g and g², corrected for their start at 0
//	g/(√v̂ + 1e-8), m̂/(√v̂ + 1e-8) → units → LSTMs → a
//	step = −0.1·tanh(a)
type Rule struct {
	Hidden int     `json:"hidden"` // units of each layer, 1 to 1024; 20 if zero
	Layers int     `json:"layers"` // LSTM layers, 1 to 16; 2 if zero
	Beta   float64 `json:"beta"`   // decay of both averages, above 0 and below 1; 0.95 if zero
	Step   float64 `json:"step"`   // the longest step, above 0; 0.1 if zero
}

// eps keeps the inputs finite where there has been no gradient.
const eps = 1e-8

var _ rule.Rule = (*Rule)(nil)

// Name implements rule.Rule.
func (*Rule) Name() string { return "rnnprop" }

func (r *Rule) filled() Rule {
	return Rule{Hidden: cmp.Or(r.Hidden, 20), Layers: cmp.Or(r.Layers, 2), Beta: cmp.Or(r.Beta, 0.95), Step: cmp.Or(r.Step, 0.1)}
}

// Validate reports a field out of its range.
func (r *Rule) Validate() error {
	f := r.filled()
	var hidden, layers error
	if f.Hidden < 1 || f.Hidden > 1024 {
		hidden = fmt.Errorf("hidden is %d, want 1 to 1024", f.Hidden)
	}
	if f.Layers < 1 || f.Layers > 16 {
		layers = fmt.Errorf("layers is %d, want 1 to 16", f.Layers)
	}
	return hyper.Check("rnnprop", hidden, layers, hyper.Fraction("beta", f.Beta), hyper.Positive("step", f.Step))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Rule) MarshalJSON() ([]byte, error) {
	type plain Rule
	return json.Marshal(plain(r.filled()))
}

func (r *Rule) cell(l int) features.Cell {
	return features.Cell{Name: fmt.Sprintf("lstm%d", l), In: r.filled().Hidden, Units: r.filled().Hidden}
}

// Spec implements rule.Rule. A coordinate has the averages m and v and the LSTMs' h0, c0, h1, c1, ..., of Hidden numbers each; all
// share t, the number of steps.
func (r *Rule) Spec() rule.Spec {
	f := r.filled()
	s := rule.Spec{Reads: rule.Grad, State: hyper.Rows("m", "v")}
	s.State.Shared = hyper.Scalars("t")
	s.Phi = params.Layout{{Name: "fc.w", Shape: []int{2, f.Hidden}}, {Name: "fc.b", Shape: []int{f.Hidden}}}
	for l := range f.Layers {
		s.Phi = append(s.Phi, r.cell(l).Phi()...)
		for _, name := range []string{"h", "c"} {
			s.State.PerCoordinate = append(s.State.PerCoordinate, rule.Row{Name: fmt.Sprintf("%s%d", name, l), Width: f.Hidden})
		}
	}
	s.Phi = append(s.Phi, params.Spec{Name: "out.w", Shape: []int{f.Hidden, 1}}, params.Spec{Name: "out.b", Shape: []int{1}})
	return s
}

// Init implements rule.Rule: the linear layers from a truncated normal distribution of deviation 0.1, the LSTMs from a
// uniform one on ±√(3/(2·Hidden)), biases of 0.
func (r *Rule) Init(phi []float32, key uint64) {
	f := r.filled()
	clear(phi)
	features.TruncatedNormal(phi[:2*f.Hidden], rng.Split(key, 0), 0.1)
	at := 3 * f.Hidden
	for l := range f.Layers {
		n := r.cell(l).Phi().Len()
		r.cell(l).Init(phi[at:at+n], rng.Split(key, uint64(1+l)), math.Sqrt(1.5/float64(f.Hidden)))
		at += n
	}
	features.TruncatedNormal(phi[at:at+f.Hidden], rng.Split(key, uint64(1+f.Layers)), 0.1)
}

// Update implements rule.Rule.
func (r *Rule) Update(in rule.Inputs) (rule.Outputs, error) {
	c := r.filled()
	t := features.NewTensor(new(graph.Builder), in.Tensors[0])
	n := t.Len()
	beta := t.Const(t.Grad, c.Beta)
	count := t.Shift(1, in.Shared["t"])
	unbias := t.Neg(t.Expm1(t.Scale(math.Log(c.Beta), count))) // 1 − β^t
	m := t.Div(t.Average("m", beta, t.Grad), unbias)
	root := t.Shift(eps, t.RootOrZero(t.Div(t.Average("v", beta, t.Square(t.Grad)), unbias)))
	x := t.Transpose(t.Rows(t.Div(t.Grad, root), t.Div(m, root)))
	x = elu(t, t.Add(t.MatMul(x, t.Reshape(in.Phi["fc.w"], 2, c.Hidden)), t.RepeatRows(t.Reshape(in.Phi["fc.b"], c.Hidden), n)))
	for l := range c.Layers {
		h, cell := fmt.Sprintf("h%d", l), fmt.Sprintf("c%d", l)
		matrix := func(name string) *G.Node { return t.Reshape(t.State[name], n, c.Hidden) }
		nextH, nextCell := r.cell(l).Apply(t.Builder, in.Phi, x, matrix(h), matrix(cell))
		t.Keep(h, nextH)
		t.Keep(cell, nextCell)
		x = nextH
	}
	a := t.Add(t.MatMul(x, t.Reshape(in.Phi["out.w"], c.Hidden, 1)), in.Phi["out.b"])
	o := rule.One(t.Scale(-c.Step, t.Tanh(t.Reshape(a, t.Grad.Shape()...))), t.Next)
	o.Shared = map[string]*G.Node{"t": count}
	return o, t.Err()
}

// elu is x above 0 and e^x − 1 below.
func elu(t *features.Tensor, x *G.Node) *G.Node {
	above := t.Relu(x)
	return t.Add(above, t.Expm1(t.Sub(x, above)))
}
