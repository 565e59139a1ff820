// Package rnnmlp holds a perceptron a coordinate that is told by a recurrent network a tensor what to do.
package rnnmlp

import (
	"cmp"
	"encoding/json"
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

// Rule is the optimizer of Metz et al. 2020, Tasks, stability, architecture, and compute (arXiv 2009.11243), in the form of
// the library learned_optimization, 35,799 weights by default. A tensor has an LSTM that sees statistics of its averages
// and weights, its shape and how the loss stands; a coordinate has a perceptron that sees averages of its gradient, its
// weight, the time, and 17 numbers from the tensor's LSTM:
//
//	step = −Step·d·e^(0.001·m)
//
// with d and m the first two of the perceptron's outputs. The means over the tensor of its other 16 are what the LSTM sees
// at the next step, and so is the mean over all tensors of 18 numbers from each LSTM.
//
// Gradients are clipped to ten times the average of their root mean square, which starts at 1. The averages have decays of
// 0.5, 0.9, 0.99, 0.999 and 0.9999 and are not corrected for their start at 0. There is no validation loss here; the rule
// sees in its place what the original sees until it is told one, the mean of none, 0.
type Rule struct {
	LSTM   int     `json:"lstm"`   // units of the LSTM, 1 to 1024; 64 if zero
	Hidden int     `json:"hidden"` // units of each of the perceptron's two hidden layers, 1 to 1024; 32 if zero
	Step   float64 `json:"step"`   // what the steps are multiplied with, above 0; 0.001 if zero

	// Scalars says that a tensor of shape [1] stands for one without dimensions, which there are none of here, and not for a
	// vector of one number. It is all that the two differ in.
	Scalars bool `json:"scalars"`
}

var (
	_ rule.Rule         = (*Rule)(nil)
	_ rule.InitialState = (*Rule)(nil)
)

const (
	fromLSTM = 18 // numbers that the LSTMs tell each other
	fromMLP  = 16 // numbers that a tensor's perceptrons tell its LSTM
	toMLP    = 17 // numbers that the LSTM tells the perceptrons

	statistics = 18 // that the LSTM sees beside what it is told
	own        = 23 // numbers that a perceptron sees of its coordinate
)

var decays = []float64{.5, .9, .99, .999, .9999}

// Name implements rule.Rule.
func (*Rule) Name() string { return "rnnmlp" }

func (r *Rule) filled() Rule {
	return Rule{LSTM: cmp.Or(r.LSTM, 64), Hidden: cmp.Or(r.Hidden, 32), Step: cmp.Or(r.Step, 0.001), Scalars: r.Scalars}
}

// Validate reports a field out of its range.
func (r *Rule) Validate() error {
	f := r.filled()
	return hyper.Check("rnnmlp", hyper.Units("lstm", f.LSTM), hyper.Units("hidden", f.Hidden), hyper.Positive("step", f.Step))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Rule) MarshalJSON() ([]byte, error) {
	type plain Rule
	return json.Marshal(plain(r.filled()))
}

func (r *Rule) cell() features.Cell {
	return features.Cell{Name: "lstm", In: fromLSTM + fromMLP + statistics, Units: r.filled().LSTM}
}

func (r *Rule) net() features.Perceptron {
	return features.Perceptron{In: own + features.Times + 3 + toMLP, Hidden: r.filled().Hidden, Out: 2 + fromMLP}
}

// The layers that read the LSTM's hidden state.
func (r *Rule) toMLP() features.Linear {
	return features.Linear{Name: "to_mlp", In: r.filled().LSTM, Out: toMLP}
}
func (r *Rule) toLSTM() features.Linear {
	return features.Linear{Name: "to_lstm", In: r.filled().LSTM, Out: fromLSTM}
}

// start lays out what is learned of the state at the start of a run.
func (r *Rule) start() params.Layout {
	n := r.filled().LSTM
	return params.Layout{
		{Name: "hidden", Shape: []int{1, n}}, {Name: "cell", Shape: []int{1, n}},
		{Name: "from_mlp", Shape: []int{fromMLP}}, {Name: "from_lstm", Shape: []int{fromLSTM}},
	}
}

// Spec implements rule.Rule. Phi is the perceptron's weights, the LSTM's, those of the two layers that read it, and where
// the state starts. The state is the averages m0 to m4 of the gradient and v0 to v4 of its square a coordinate; the LSTM's
// state and what the perceptrons tell it a tensor; and shared, what the LSTMs tell each other, mean and variance of the
// loss, and the size of gradients.
func (r *Rule) Spec() rule.Spec {
	s := rule.Spec{Reads: rule.Grad | rule.Theta | rule.Loss | rule.Step, Scope: rule.Whole}
	for _, l := range []params.Layout{r.net().Phi(), r.cell().Phi(), r.toMLP().Phi(), r.toLSTM().Phi(), r.start()} {
		s.Phi = append(s.Phi, l...)
	}
	start := r.start()
	s.State.PerCoordinate = features.MomentRows(len(decays), len(decays))
	s.State.PerTensor = func(params.Spec) params.Layout { return start[:3:3] }
	s.State.Shared = append(start[3:4:4], hyper.Scalars("loss_mean", "loss_var", "size")...)
	return s
}

// Init implements rule.Rule: matrices from truncated normal distributions of deviation 1/√inputs, and what the perceptrons
// and the LSTMs tell at the start likewise, of deviation 1/√n of n numbers; all else is 0.
func (r *Rule) Init(phi []float32, key uint64) {
	clear(phi)
	n, layout := r.net().Phi().Len(), r.Spec().Phi
	r.net().Init(phi[:n], rng.Split(key, 0))
	for i, random := range []struct {
		name   string
		inputs int
	}{
		{"lstm.w", r.cell().In + r.cell().Units}, {"to_mlp.w", r.cell().Units}, {"to_lstm.w", r.cell().Units},
		{"from_mlp", fromMLP}, {"from_lstm", fromLSTM},
	} {
		w := params.Slice(layout, phi, random.name)
		features.TruncatedNormal(w, rng.Split(key, uint64(1+i)), 1/math.Sqrt(float64(random.inputs)))
	}
}

// InitState implements rule.InitialState.
func (r *Rule) InitState(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	out := rule.Outputs{Shared: map[string]*G.Node{
		"from_lstm": in.Phi["from_lstm"], "size": b.Const(in.Phi["from_lstm"], 1-sizeDecay),
	}}
	for range in.Tensors {
		out.Tensors = append(out.Tensors, rule.TensorOutputs{
			State: map[string]*G.Node{"hidden": in.Phi["hidden"], "cell": in.Phi["cell"], "from_mlp": in.Phi["from_mlp"]},
		})
	}
	return out, b.Err()
}

// Update implements rule.Rule.
func (r *Rule) Update(in rule.Inputs) (rule.Outputs, error) {
	c, b := r.filled(), new(graph.Builder)
	out := rule.Outputs{Shared: make(map[string]*G.Node)}
	train, valid := losses(b, in, out.Shared)
	grads := clipped(b, in, out.Shared)

	tensors, averages := make([]*features.Tensor, len(in.Tensors)), make([]moments, len(in.Tensors))
	var seen, hidden, cells []*G.Node
	for i, x := range in.Tensors {
		t := features.NewTensor(b, x)
		tensors[i], averages[i] = t, average(t, grads[i])
		told := []*G.Node{in.Shared["from_lstm"], t.State["from_mlp"]}
		seen = append(seen, features.Join(b, append(told, c.describe(t, averages[i], train, valid)...)...))
		hidden, cells = append(hidden, t.State["hidden"]), append(cells, t.State["cell"])
	}
	h, cell := r.cell().Apply(b, in.Phi, b.Stack(seen...), b.Stack(hidden...), b.Stack(cells...))
	out.Shared["from_lstm"] = b.Scale(1/float64(len(tensors)), b.SumAlong(r.toLSTM().Apply(b, in.Phi, h), 0))
	told := r.toMLP().Apply(b, in.Phi, h)
	for i, t := range tensors {
		t.Keep("hidden", b.Rows(h, i, i+1))
		t.Keep("cell", b.Rows(cell, i, i+1))
		rows := averages[i].rows(t)
		all := r.net().Apply(b, in.Phi, features.Seen{
			Rows: rows, Scale: t.Sizes(rows, 1e-5), Same: same(t, in.Step, len(tensors), b.Rows(told, i, i+1)),
		})
		t.Keep("from_mlp", t.Scale(1/float64(t.Len()), t.SumAlong(b.Rows(all, 2, 2+fromMLP), 1)))
		step := t.Scale(-c.Step, t.Mul(t.Row(all, 0), t.Exp(t.Scale(0.001, t.Row(all, 1)))))
		out.Tensors = append(out.Tensors, rule.TensorOutputs{Step: step, State: t.Next})
	}
	return out, b.Err()
}
