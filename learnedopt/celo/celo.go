package celo

import (
	"cmp"
	"encoding/json"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// Celo moves each coordinate by what a perceptron says, in units of the size that the tensor's weights have, as far as the
// scheduler has it:
//
//	step = −0.001·s·d·e^(0.001·m)·√(mean θ² + 1e-9)
//
// with d and m the first two of the perceptron's three outputs and s the scheduler's. The perceptron sees 30 features of a
// coordinate, each divided by its root mean square over the tensor: averages of gradient and square, and second moments by
// rows and columns. Gradients count up to ±1000.
type Celo struct {
	Hidden      int  `json:"hidden"`      // units of each of the perceptron's two hidden layers, 1 to 1024; 4 if zero
	LSTM        int  `json:"lstm"`        // units of the scheduler, 1 to 1024; 64 if zero
	Unscheduled bool `json:"unscheduled"` // s = 1, as where the perceptron is learned first
}

var (
	_ rule.Rule         = (*Celo)(nil)
	_ rule.InitialState = (*Celo)(nil)
)

// Name implements rule.Rule.
func (*Celo) Name() string { return "celo" }

func (r *Celo) filled() Celo {
	return Celo{Hidden: cmp.Or(r.Hidden, 4), LSTM: cmp.Or(r.LSTM, 64), Unscheduled: r.Unscheduled}
}

func (r *Celo) net() features.Perceptron {
	return features.Perceptron{In: features.CeloRows, Hidden: r.filled().Hidden, Out: 3}
}

func (r *Celo) scheduler() scheduler { return scheduler{r.filled().LSTM} }

// Spec implements rule.Rule. Phi is the perceptron's and then the scheduler's; the state is averages, m0, m1, m2 and v0 a
// coordinate and the factored ones of each tensor, and the scheduler's.
func (r *Celo) Spec() rule.Spec {
	return rule.Spec{
		Reads: rule.Grad | rule.Theta | rule.Loss | rule.Step | rule.Horizon, Scope: rule.Whole,
		Phi: append(r.net().Phi(), r.scheduler().phi()...),
		State: rule.State{
			PerCoordinate: features.MomentRows(3, 1), PerTensor: features.FactoredState(3), Shared: r.scheduler().shared(),
		},
	}
}

// Validate reports a field out of its range.
func (r *Celo) Validate() error {
	f := r.filled()
	return hyper.Check("celo", hyper.Units("hidden", f.Hidden), hyper.Units("lstm", f.LSTM))
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Celo) MarshalJSON() ([]byte, error) {
	type plain Celo
	return json.Marshal(plain(r.filled()))
}

// Init implements rule.Rule: weights from truncated normal distributions of deviation 1/√inputs, all else 0.
func (r *Celo) Init(phi []float32, key uint64) {
	n := r.net().Phi().Len()
	r.net().Init(phi[:n], rng.Split(key, 0))
	r.scheduler().init(phi[n:], rng.Split(key, 1))
}

// InitState implements rule.InitialState: the LSTM's state is learned.
func (r *Celo) InitState(in rule.Inputs) (rule.Outputs, error) {
	return r.scheduler().start(in), nil
}

// Update implements rule.Rule.
func (r *Celo) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	length, shared := r.scheduler().step(b, in)
	if r.Unscheduled {
		length = b.Const(in.Step, 1)
	}
	out := rule.Outputs{Shared: shared}
	for _, x := range in.Tensors {
		t := features.NewTensor(b, x)
		size := t.Sqrt(t.Shift(1e-9, t.Mean(t.Square(t.Theta))))
		step := t.Scale(-0.001, t.Mul(t.Mul(length, size), r.direction(t, in.Phi)))
		out.Tensors = append(out.Tensors, rule.TensorOutputs{Step: step, State: t.Next})
	}
	return out, b.Err()
}

func (r *Celo) direction(t *features.Tensor, phi map[string]*G.Node) *G.Node {
	g := t.Clamp(t.Grad, 1000)
	decays := func(from ...float64) []*G.Node { return features.Decays(t.Builder, g, nil, false, from...) }
	f := t.Factors(g, decays(.9, .99, .999), decays(.999)[0], decays(.9, .99, .999), 1e-6)
	rows := t.CeloRows(f, g, false)
	out := r.net().Apply(t.Builder, phi, features.Seen{Rows: rows, Scale: t.Sizes(rows, 1e-5)})
	return t.Mul(t.Row(out, 0), t.Exp(t.Scale(0.001, t.Row(out, 1))))
}
