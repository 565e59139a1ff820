package celo

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// A scheduler says how long the steps of a whole run are: an LSTM that sees how much of the run is over and how the loss has
// fallen, on ten scales of time. It sees the same for every tensor, and so gives the same number for all.
type scheduler struct{ units int }

const (
	timeScales = 10                 // of the running averages of the loss
	inputs     = 9 + timeScales - 1 // of the LSTM
)

func (s scheduler) cell() features.Cell {
	return features.Cell{Name: "rnn.linear", In: s.units, Units: s.units}
}

// phi lays out the weights. The names are those of the released files; hidden and cell are the LSTM's state at the start.
func (s scheduler) phi() params.Layout {
	l := params.Layout{
		{Name: "linear_1.w", Shape: []int{inputs, s.units}}, {Name: "linear_1.b", Shape: []int{s.units}},
		{Name: "linear_2.w", Shape: []int{inputs, s.units}}, {Name: "linear_2.b", Shape: []int{s.units}},
	}
	l = append(l, s.cell().Phi()...)
	return append(l,
		params.Spec{Name: "step_size.w", Shape: []int{s.units, 1}}, params.Spec{Name: "step_size.b", Shape: []int{1}},
		params.Spec{Name: "hidden", Shape: []int{1, s.units}}, params.Spec{Name: "cell", Shape: []int{1, s.units}},
	)
}

// init draws the matrices from truncated normal distributions of deviation 1/√inputs; all else is 0.
func (s scheduler) init(phi []float32, key uint64) {
	clear(phi)
	l := s.phi()
	for i, spec := range l {
		if n := len(spec.Name); spec.Name[n-2:] == ".w" {
			features.TruncatedNormal(params.Slice(l, phi, spec.Name), rng.Split(key, uint64(i)), 1/math.Sqrt(float64(spec.Shape[0])))
		}
	}
}

// shared lays out the state: averages of the loss, the least that they have been, and the LSTM's.
func (s scheduler) shared() params.Layout {
	return params.Layout{
		{Name: "mean", Shape: []int{timeScales}}, {Name: "min", Shape: []int{timeScales}},
		{Name: "hidden", Shape: []int{1, s.units}}, {Name: "cell", Shape: []int{1, s.units}},
	}
}

// start is the LSTM's state at the start of a run.
func (s scheduler) start(in rule.Inputs) rule.Outputs {
	return rule.Outputs{Shared: map[string]*G.Node{"hidden": in.Phi["hidden"], "cell": in.Phi["cell"]}}
}

// step returns the length of the steps, 0.1·e^(w·h + b) with h the LSTM's hidden state, and the next state.
func (s scheduler) step(b *graph.Builder, in rule.Inputs) (length *G.Node, next map[string]*G.Node) {
	next = make(map[string]*G.Node)
	x := b.Reshape(b.Stack(b.Reshape(progress(b, in), 9, 1), b.Reshape(losses(b, in, next), timeScales-1, 1)), 1, inputs)
	linear := func(name string, x *G.Node, n, out int) *G.Node {
		w := b.Reshape(in.Phi[name+".w"], n, out)
		return b.Add(b.MatMul(x, w), b.Reshape(in.Phi[name+".b"], 1, out))
	}
	x = b.Add(linear("linear_2", x, inputs, s.units), b.Relu(linear("linear_1", x, inputs, s.units)))
	matrix := func(name string) *G.Node { return b.Reshape(in.Shared[name], 1, s.units) }
	h, cell := s.cell().Apply(b, in.Phi, x, matrix("hidden"), matrix("cell"))
	for name, v := range map[string]*G.Node{"hidden": h, "cell": cell} {
		if b.Err() == nil {
			next[name] = b.Reshape(v, in.Shared[name].Shape()...)
		}
	}
	return b.Scale(0.1, b.Exp(b.Sum(linear("step_size", h, s.units, 1)))), next
}

// horizon is that of the run; where nobody has told it, 1.
func horizon(b *graph.Builder, in rule.Inputs) *G.Node { return b.AtLeast(in.Horizon, 1) }

// progress is tanh(10(f − τ)) of the fraction f of the run that is over, for nine τ.
func progress(b *graph.Builder, in rule.Inputs) *G.Node {
	tau := b.Vector(in.Step, -.03, -.1, -.2, -.4, -.6, -.8, -.9, -1, -1.1)
	return b.Tanh(b.Scale(10, b.Add(b.Div(in.Step, horizon(b, in)), tau)))
}

// losses tells how the loss stands on each time scale between the least that it has been and how it stands on the next
// longer: −1 at the least, 0 where the two are alike. A loss counts for no more than twice the largest average. In the first
// two steps all are 0.
func losses(b *graph.Builder, in rule.Inputs, next map[string]*G.Node) *G.Node {
	k, mean, least := in.Step, in.Shared["mean"], in.Shared["min"]
	rate := b.Exp(b.Neg(logHalfLives(b, horizon(b, in)))) // 1/h, the averages decay by e^(−1/h) a step
	decay, gain := b.Exp(b.Neg(rate)), rest(b, rate)      // gain: 1 − decay
	seen := rest(b, b.Mul(b.Shift(1, k), rate))           // 1 − decay^(k+1)
	first := b.Relu(b.Shift(1, b.Neg(k)))                 // 1 in the first step
	later := b.Shift(1, b.Neg(first))                     // 0 there
	cap := b.Scale(2, b.Abs(largest(b, b.Div(mean, seen), timeScales)))
	loss := b.Add(b.Mul(first, in.Loss), b.Mul(later, b.Min(in.Loss, cap)))
	mean = b.Add(b.Mul(decay, mean), b.Mul(loss, gain))
	c := b.Div(mean, seen)
	least = b.Add(b.Mul(first, c), b.Mul(later, b.Min(least, c)))
	next["mean"], next["min"] = mean, least

	floor, short, long := b.Rows(least, 0, timeScales-1), b.Rows(c, 0, timeScales-1), b.Rows(c, 1, timeScales)
	ratio := b.Div(b.Sub(short, floor), b.AtLeast(b.Sub(long, floor), 1e-8))
	begun := b.Shift(1, b.Neg(b.Relu(b.Shift(1, b.Neg(b.Relu(b.Shift(-1, k))))))) // 0 in the first two steps, then 1
	return b.Mul(begun, b.Clamp(b.Shift(-1, ratio), 1))
}

// logHalfLives are the logarithms of the time scales, which are spread evenly from that of 10 to that of the horizon.
func logHalfLives(b *graph.Builder, horizon *G.Node) *G.Node {
	var ten, all [timeScales]float64
	for i := range ten {
		f := float64(i) / (timeScales - 1)
		ten[i], all[i] = math.Ln10*(1-f), f
	}
	return b.Add(b.Vector(horizon, ten[:]...), b.Mul(b.Log(horizon), b.Vector(horizon, all[:]...)))
}

// rest is 1 − e^−x.
func rest(b *graph.Builder, x *G.Node) *G.Node { return b.Neg(b.Expm1(b.Neg(x))) }

// largest returns the largest of n numbers.
func largest(b *graph.Builder, x *G.Node, n int) *G.Node {
	most := features.Element(b, x, 0)
	for i := 1; i < n; i++ {
		most = b.Max(most, features.Element(b, x, i))
	}
	return most
}
