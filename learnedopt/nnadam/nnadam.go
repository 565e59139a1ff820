// Package nnadam holds Adam whose four hyperparameters a recurrent network changes as it goes, for each tensor.
package nnadam

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

// Rule is NNAdam of the library learned_optimization (Metz et al. 2022, arXiv 2203.11860). A tensor has four numbers x that
// stand for Adam's rate, decays and ε, and an LSTM that sees statistics of its gradient, averages and weights and these
// numbers, and changes them:
//
//	α = e^(10x₀), βᵢ = 1 − e^(10xᵢ), ε = e^(10x₃), within limits
//	step = −α(1 + ε)·m/(ε + √(v + 1e-10))
//	x ← x + 0.01·(Wh + b), for the steps that follow
//
// with h the LSTM's hidden state and no correction of the averages for their start at 0. Gradients count up to ±1000. A
// tensor of one dimension counts as a bias, a single number too; there are none without dimensions here.
type Rule struct {
	LSTM  int     `json:"lstm"`  // units, 1 to 1024; 32 if zero
	LR    float64 `json:"lr"`    // α at the start of meta-training, 1e-8 to 1000; 1e-4 if zero
	Decay float64 `json:"decay"` // the part of the way back to their start that the numbers go in each step, 0 to 1
}

var (
	_ rule.Rule         = (*Rule)(nil)
	_ rule.InitialState = (*Rule)(nil)
)

// inputs is how many numbers the LSTM sees.
const inputs = 19

// Name implements rule.Rule.
func (*Rule) Name() string { return "nnadam" }

func (r *Rule) filled() Rule {
	return Rule{LSTM: cmp.Or(r.LSTM, 32), LR: cmp.Or(r.LR, 1e-4), Decay: r.Decay}
}

func (r *Rule) cell() features.Cell {
	return features.Cell{Name: "lstm", In: inputs, Units: r.filled().LSTM}
}

// Validate reports a field out of its range.
func (r *Rule) Validate() error {
	f := r.filled()
	var rate, decay error
	if !(f.LR >= 1e-8 && f.LR <= 1000) {
		rate = fmt.Errorf("lr is %v, want 1e-8 to 1000", f.LR)
	}
	if !(f.Decay >= 0 && f.Decay <= 1) {
		decay = fmt.Errorf("decay is %v, want 0 to 1", f.Decay)
	}
	return hyper.Check("nnadam", hyper.Units("lstm", f.LSTM), rate, decay)
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Rule) MarshalJSON() ([]byte, error) {
	type plain Rule
	return json.Marshal(plain(r.filled()))
}

// Spec implements rule.Rule. Phi is the LSTM's weights, those of the change, and where LSTM and x start; the state is m and v
// a coordinate, and x and the LSTM's state a tensor.
func (r *Rule) Spec() rule.Spec {
	n := r.filled().LSTM
	start := params.Layout{{Name: "hidden", Shape: []int{1, n}}, {Name: "cell", Shape: []int{1, n}}}
	s := rule.Spec{Reads: rule.Grad | rule.Theta, Scope: rule.Tensor, State: hyper.Rows("m", "v")}
	s.State.PerTensor = func(params.Spec) params.Layout { return append(start[:2:2], params.Spec{Name: "x", Shape: []int{4}}) }
	s.Phi = append(r.cell().Phi(),
		params.Spec{Name: "controls.w", Shape: []int{n, 4}}, params.Spec{Name: "controls.b", Shape: []int{4}})
	s.Phi = append(append(s.Phi, start...), params.Spec{Name: "start", Shape: []int{4}})
	return s
}

// Init implements rule.Rule: Adam with rate LR, decays of 0.9 and 0.999 and ε of 1e-8, which do not change; the LSTM
// from a uniform distribution on ±√(3/inputs).
func (r *Rule) Init(phi []float32, key uint64) {
	clear(phi)
	c := r.cell()
	c.Init(phi[:c.Phi().Len()], rng.Split(key, 0), math.Sqrt(3/float64(inputs+c.Units)))
	for i, v := range []float64{r.filled().LR, 0.1, 0.001, 1e-8} {
		phi[len(phi)-4+i] = float32(math.Log(v) / 10)
	}
}

// InitState implements rule.InitialState.
func (r *Rule) InitState(in rule.Inputs) (rule.Outputs, error) {
	var out rule.Outputs
	for range in.Tensors {
		out.Tensors = append(out.Tensors, rule.TensorOutputs{
			State: map[string]*G.Node{"hidden": in.Phi["hidden"], "cell": in.Phi["cell"], "x": in.Phi["start"]},
		})
	}
	return out, nil
}

// The limits of x₀, ... x₃: of the logarithms of α, 1 − β₁, 1 − β₂ and ε, by ten.
var limits = [4][2]float64{
	{math.Log(1e-8) / 10, math.Log(1e3) / 10}, {-1, 0}, {-1, 0}, {math.Log(1e-11) / 10, math.Log(1e4) / 10},
}

// limited keeps x within its limits.
func limited(b *graph.Builder, x *G.Node) *G.Node {
	var middle, half, inverse [4]float64
	for i, l := range limits {
		middle[i], half[i] = (l[0]+l[1])/2, (l[1]-l[0])/2
		inverse[i] = 1 / half[i]
	}
	m := b.Vector(x, middle[:]...)
	within := b.Clamp(b.Mul(b.Sub(x, m), b.Vector(x, inverse[:]...)), 1)
	return b.Add(m, b.Mul(within, b.Vector(x, half[:]...)))
}

// Update implements rule.Rule.
func (r *Rule) Update(in rule.Inputs) (rule.Outputs, error) {
	c := r.filled()
	t := features.NewTensor(new(graph.Builder), in.Tensors[0])
	g, x := t.Clamp(t.Grad, 1000), t.State["x"]
	values := t.Exp(t.Scale(10, limited(t.Builder, x)))
	value := func(i int) *G.Node { return features.Element(t.Builder, values, i) }
	average := func(name string, gain, y *G.Node) *G.Node {
		next := t.Add(t.State[name], t.Mul(gain, t.Sub(y, t.State[name])))
		t.Keep(name, next)
		return next
	}
	m, v := average("m", value(1), g), average("v", value(2), t.Square(g))
	scale := t.Div(t.Mul(value(0), t.Shift(1, value(3))), t.Add(value(3), t.Sqrt(t.Shift(1e-10, v))))

	seen := t.Reshape(t.Stack(statistics(t, x, g, m, v)...), 1, inputs)
	matrix := func(name string) *G.Node { return t.Reshape(t.State[name], 1, c.LSTM) }
	h, cell := r.cell().Apply(t.Builder, in.Phi, seen, matrix("hidden"), matrix("cell"))
	t.Keep("hidden", h)
	t.Keep("cell", cell)
	change := t.Add(t.Reshape(t.MatMul(h, t.Reshape(in.Phi["controls.w"], c.LSTM, 4)), 4), in.Phi["controls.b"])
	next := t.Add(x, t.Scale(0.01, change))
	if c.Decay > 0 {
		next = t.Add(next, t.Scale(c.Decay, t.Sub(in.Phi["start"], next)))
	}
	t.Keep("x", limited(t.Builder, next))
	return rule.One(t.Neg(t.Mul(scale, m)), t.Next), t.Err()
}

// statistics are what the LSTM sees, each a matrix of one number.
func statistics(t *features.Tensor, x, g, m, v *G.Node) []*G.Node {
	var list []*G.Node
	add := func(values ...*G.Node) {
		for _, y := range values {
			list = append(list, t.Reshape(y, 1, 1))
		}
	}
	is := func(yes bool) *G.Node {
		if yes {
			return t.Vector(x, 1)
		}
		return t.Vector(x, -1)
	}
	number := func(i int) *G.Node { return t.Scale(0.2, t.Clamp(features.Element(t.Builder, x, i), 5)) }
	meanG, meanM, meanP, meanV := t.Mean(g), t.Mean(m), t.Mean(t.Theta), t.Mean(v)
	add(number(1), number(2), number(3), is(len(t.Spec.Shape) == 1), is(false), number(0))
	add(size(t, meanG), t.Sign(meanG), size(t, t.Mean(t.Abs(g))))
	add(size(t, meanM), t.Sign(meanM), size(t, meanP), t.Sign(meanP), size(t, meanV), t.Sign(meanV))
	for _, y := range []struct{ all, mean *G.Node }{{g, meanG}, {m, meanM}, {t.Theta, meanP}, {v, meanV}} {
		add(size(t, t.Mean(t.Square(t.Sub(y.all, y.mean)))))
	}
	return list
}

// size is half the logarithm of a number's size, within ±2.5.
func size(t *features.Tensor, x *G.Node) *G.Node {
	return t.Scale(0.5, t.Clamp(t.Log(t.Shift(1e-8, t.Abs(x))), 5))
}
