// Package hierarchical holds an optimizer of recurrent networks on three levels: a small one a weight, one a tensor, and one
// for all.
package hierarchical

import (
	"cmp"
	"encoding/json"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// All returns one of each rule, with its defaults.
func All() []rule.Rule { return []rule.Rule{new(Rule)} }

// Rule is the hierarchical recurrent network of Wichrowska et al. 2017, Learned optimizers that scale and generalize (arXiv
// 1703.04813, section 3), with the settings of their code, learned_optimizer in tensorflow/models: 8,349 weights. Each
// weight has a GRU of a few units; each tensor has one that sees the means over its weights of what theirs see and of their
// states; and one for all sees the mean of the tensors' states. Each level biases those below it. From a weight's state h
//
//	direction = Wh + W'g̃, divided by its root mean square over the tensor
//	log α ← log α + Vh + b, within ±33
//	step = −α·e^offset·direction
//
// where g̃ are the averages of the gradient on four scales of time, each of twice the logarithm of the one before, by the
// root of an average of their squares and through the inverse hyperbolic sine. The decays of both kinds of averages are
// each weight's own, σ of a linear function of h, and 0 in the first step. The α that is remembered is between the one
// before and the one of the step, in a learned proportion. The GRUs see g̃, their products from one scale to the next, how
// far the logarithms of the average squares are from their mean over the scales, and log α from its mean over all weights.
//
// Two things are not as in that code. It draws α at the start log-uniformly from 1e-6 to 1e-2, each weight's and each
// tensor's; a rule has no randomness, and all start at LR. And there, the network for all sees the state of the last tensor
// alone, where the paper has their mean, as here. The derivative of log α beyond its limits is 0 here and 1 there.
type Rule struct {
	Parameter int     `json:"parameter"` // units of a weight's GRU, 1 to 1024; 10 if zero
	Tensor    int     `json:"tensor"`    // units of a tensor's, 1 to 1024; 20 if zero
	Global    int     `json:"global"`    // units of the one for all, 1 to 1024; 20 if zero
	LR        float64 `json:"lr"`        // α at the start, above 0; 1e-4 if zero, the middle of the paper's range
}

var (
	_ rule.Rule         = (*Rule)(nil)
	_ rule.InitialState = (*Rule)(nil)
)

const (
	scales = 4          // of time, on which gradients are averaged
	inputs = 3 * scales // of a weight's GRU: averages, their products, mean squares, and the rate
	most   = 33         // of the size of log α
)

// Name implements rule.Rule.
func (*Rule) Name() string { return "hierarchical" }

func (r *Rule) filled() Rule {
	return Rule{
		Parameter: cmp.Or(r.Parameter, 10), Tensor: cmp.Or(r.Tensor, 20), Global: cmp.Or(r.Global, 20), LR: cmp.Or(r.LR, 1e-4),
	}
}

// Validate reports a field out of its range.
func (r *Rule) Validate() error {
	f := r.filled()
	return hyper.Check("hierarchical", hyper.Units("parameter", f.Parameter), hyper.Units("tensor", f.Tensor),
		hyper.Units("global", f.Global), hyper.Positive("lr", f.LR))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Rule) MarshalJSON() ([]byte, error) {
	type plain Rule
	return json.Marshal(plain(r.filled()))
}

// Spec implements rule.Rule. Phi is the cells' weights, the layers by which higher levels bias lower ones, the layers that
// read a weight's state, and where the states of the cells start. The state is a weight's h, the averages m0 to m3 of its
// gradient and v0 to v3 of their squares, both decays, and the logarithm of its α less that of LR; a tensor's h; and
// shared, the h of the cell for all.
func (r *Rule) Spec() rule.Spec {
	n := r.nets()
	s := rule.Spec{Reads: rule.Grad, Scope: rule.Whole, Phi: n.phi()}
	s.State.PerCoordinate = append([]rule.Row{{Name: "h", Width: n.parameter.Units}}, features.MomentRows(scales, scales)...)
	s.State.PerCoordinate = append(s.State.PerCoordinate, hyper.Rows("grad_decay", "scale_decay", "rate").PerCoordinate...)
	s.State.PerTensor = func(params.Spec) params.Layout {
		return params.Layout{{Name: "tensor", Shape: []int{1, n.tensor.Units}}}
	}
	s.State.Shared = params.Layout{{Name: "global", Shape: []int{1, n.global.Units}}}
	return s
}

// Init implements rule.Rule: matrices from normal distributions of deviation 0.5/√inputs, but that of the change of α, which
// is 0; W' from one of deviation 0.05 around 1/4; the states' start from the uniform distribution on ±1. Gates are biased by
// 2.2 towards open, the decays are σ(2.2) of gradients and σ(3.2) of squares, as is the share of the α before; offset is −1.
func (r *Rule) Init(phi []float32, key uint64) { r.nets().init(phi, key) }

// InitState implements rule.InitialState: the states of the cells are learned.
func (r *Rule) InitState(in rule.Inputs) (rule.Outputs, error) {
	b, k := new(graph.Builder), r.filled().Parameter
	out := rule.Outputs{Shared: map[string]*G.Node{"global": in.Phi["global.start"]}}
	for _, x := range in.Tensors {
		h := b.RepeatRows(b.Reshape(in.Phi["parameter.start"], k), x.Spec.Len())
		out.Tensors = append(out.Tensors, rule.TensorOutputs{State: map[string]*G.Node{
			"h": b.Reshape(h, append(append([]int{}, x.Spec.Shape...), k)...), "tensor": in.Phi["tensor.start"],
		}})
	}
	return out, b.Err()
}

// Update implements rule.Rule.
func (r *Rule) Update(in rule.Inputs) (rule.Outputs, error) {
	b, n, out := new(graph.Builder), r.nets(), rule.Outputs{Shared: make(map[string]*G.Node)}
	global, mean := in.Shared["global"], meanRate(b, in)
	var states []*G.Node
	for _, x := range in.Tensors {
		t := features.NewTensor(b, x)
		s := see(t, mean)
		tensor := b.Reshape(t.State["tensor"], 1, n.tensor.Units)
		bias := b.Add(n.fromTensor.Apply(b, in.Phi, tensor), n.fromGlobal.Apply(b, in.Phi, global))
		h := n.parameter.Apply(b, in.Phi, s.all, b.Reshape(t.State["h"], t.Len(), n.parameter.Units), bias)
		t.Keep("h", h)

		below := b.Scale(1/float64(t.Len()), features.Join(b, b.SumAlong(h, 0), b.SumAlong(s.all, 0)))
		tensor = n.tensor.Apply(b, in.Phi, below, tensor, n.tensorFromGlobal.Apply(b, in.Phi, global))
		t.Keep("tensor", tensor)
		states = append(states, tensor)
		step := n.read(t, in.Phi, h, s.scaled, math.Log(r.filled().LR))
		out.Tensors = append(out.Tensors, rule.TensorOutputs{Step: step, State: t.Next})
	}
	k := n.tensor.Units
	above := b.Reshape(b.Scale(1/float64(len(states)), b.SumAlong(b.Stack(states...), 0)), 1, k)
	out.Shared["global"] = n.global.Apply(b, in.Phi, above, global, nil)
	return out, b.Err()
}

// meanRate is the mean of log α over all weights, less log LR.
func meanRate(b *graph.Builder, in rule.Inputs) *G.Node {
	var sum *G.Node
	n := 0
	for _, x := range in.Tensors {
		s := b.Sum(x.State["rate"])
		if sum != nil {
			s = b.Add(sum, s)
		}
		sum, n = s, n+x.Spec.Len()
	}
	return b.Scale(1/float64(n), sum)
}

// A view is what the GRUs of a tensor's weights see, a row a weight.
type view struct {
	scaled *G.Node // [n, scales], g̃
	all    *G.Node // [n, inputs], which begins with it
}

// see takes the averages of a tensor's gradient and what there is to see of them. mean is that of log α.
func see(t *features.Tensor, mean *G.Node) view {
	var scaled, products, logs []*G.Node
	decay := t.State["grad_decay"]
	for i, m := range features.Names("m", scales) {
		if i > 0 {
			decay = t.RootOrZero(decay)
		}
		g := t.Average(m, decay, t.Grad)
		v := t.Average(features.Names("v", scales)[i], t.State["scale_decay"], t.Shift(1e-12, t.Square(g)))
		scaled = append(scaled, t.Asinh(t.Mul(g, t.InverseRoot(v, 1e-16))))
		logs = append(logs, t.Log(t.Shift(1e-16, v)))
		if i > 0 {
			products = append(products, t.Mul(scaled[i-1], scaled[i]))
		}
	}
	level := logs[0]
	for _, x := range logs[1:] {
		level = t.Add(level, x)
	}
	level = t.Scale(1./scales, level)
	list := append(append([]*G.Node{}, scaled...), products...)
	for _, x := range logs {
		list = append(list, t.Sub(x, level))
	}
	list = append(list, t.Sub(t.State["rate"], mean))
	return view{t.Transpose(t.Rows(scaled...)), t.Transpose(t.Rows(list...))}
}
