package mlp

import (
	"cmp"
	"encoding/json"
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt/internal/features"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// General is a rule that is meant to be used on nets which it was not learned on. It joins two parts. The direction d is a
// perceptron's, of one output, which sees the features of [Celo2], each in units of its root mean square over the tensor. The rate
// is a controller's, of 15 numbers and more, for each tensor and step:
//
//	step = −α·rate·(d/√(mean d² + 1e-9) + λθ),  rate = 1e-3·e^clip(5v, ±8)
//	v = schedule + controls · (log₁₀(T/300), (log(rms(θ) + 0.01) + 2.3)/2, log(rows/64)/2, [a vector],
//	    e^(−t/10), log(depth/3), (l₀ + 1)/2, (l₁ + 1.5)/2, log(outputs/10)/2)
//
// in step t, from 0 on, of T. The schedule is linear between seven knots in t/T, or in log₁₀(t + 1) where T is not known; then there is
// no term of T. A rule may have a schedule for either case, of which it follows the first in runs that it is told the length of. Of
// the two terms in the middle a matrix has the first, a vector the second. Depth is the number of tensors of two dimensions and
// more in the net, at least 1. And lₖ, within −4 and 1, is half the logarithm of Σm̂²/Σg² with m̂ the average of decay 0.9 or 0.99,
// without the pull of its start at zero: how much of the gradient is signal. The last term is there if outputs are to be seen: they are
// the columns of the last tensor of two dimensions and more; fewer than ten count as ten, and more than MostOutputs as that.
//
// The decay λ is a given number, weight_decay. With a learned decay that of a second controller is added to it, e^clip(5w, ±8), where w
// is made as v is, of other numbers.
//
// A rule has learned on runs of some length at most, and what its controller says of much longer ones is not to be relied on: the same rates
// for longer can be too much for a deep net. With Longest, rates are multiplied by √(Longest/T) in runs of more steps that are told their length.
// As well it may hurry too much in short ones: with Shortest, rates are multiplied by √(T/Shortest) in runs of fewer steps that are told it.
// And networks of far more outputs than it has met, as those that draw pictures have, can do with less: with MostOutputs, rates are multiplied
// by √(MostOutputs/outputs) where there are more, though not by less than a half. In the first steps all units of a layer move alike, so that what
// they add up to is the larger the more there are: with Widest, rates of tensors of more columns than that are multiplied by
// (Widest/columns)^(e^(−t/10)) in step t, but for those that have as many as there are outputs.
//
// A tensor of more than two dimensions is seen as the matrix of its last. Gradients are limited to ±1000.
type General struct {
	Hidden       int     `json:"hidden"`        // units of each of two hidden layers, 2 to 1024; 8 if zero
	LR           float64 `json:"lr"`            // α, what all rates are multiplied with, above 0; 1 if zero
	Decay        float64 `json:"weight_decay"`  // λ, at least 0
	Horizon      string  `json:"horizon"`       // "known"; "free", of a rule that need not know T; or "either"; "known" if empty
	LearnedDecay bool    `json:"learned_decay"` // λ has a learned part; false by default
	Outputs      bool    `json:"outputs"`       // the controllers see how many outputs the net has; false by default
	MostOutputs  int     `json:"most_outputs"`  // outputs from which on rates are √(MostOutputs/outputs) of what they were, or half, at least 0; all are as they are if 0
	Longest      int     `json:"longest"`       // T from which on rates are √(Longest/T) of what they were, at least 0; all are as they are if 0
	Shortest     int     `json:"shortest"`      // T up to which rates are √(T/Shortest) of what they were, at least 0; all are as they are if 0
	Widest       int     `json:"widest"`        // columns from which on a tensor's first steps are shorter, at least 0; all are as they are if 0

	// Start is how rates begin: "even", the same for all networks, or "scaled", in proportion to √(rms(θ) + 0.01), T^-¼, 1/depth and
	// for matrices 1/√rows, and as large as even ones where T is 300, depth 3 and a tensor has 64 rows of weights of 0.09; "even" if empty.
	Start string `json:"start,omitempty"`
}

// How rates begin.
const (
	evenStart   = "even"
	scaledStart = "scaled"
)

var (
	_ rule.Kernels = (*General)(nil)
	_ steered      = (*General)(nil)
)

// Name implements rule.Rule.
func (*General) Name() string { return "general" }

func (r *General) filled() General {
	f := *r
	f.Hidden, f.LR, f.Horizon = cmp.Or(r.Hidden, 8), cmp.Or(r.LR, 1), cmp.Or(r.Horizon, features.Known)
	return f
}

func (r *General) net() features.Perceptron {
	return features.Perceptron{In: features.CeloRows, Hidden: r.filled().Hidden, Out: 1}
}

func (r *General) controller() features.Controller {
	return features.Controller{Horizon: r.Horizon, Outputs: r.Outputs, Most: r.MostOutputs}
}

// decays sets the learned part of the decay.
func (r *General) decays() features.Controller {
	return features.Controller{Horizon: r.Horizon, Outputs: r.Outputs, Most: r.MostOutputs, Of: "decay_"}
}

// Spec implements rule.Rule. Phi is the perceptron's, then a schedule's seven numbers, with "either" those of the schedule for runs
// of a length that is not known, "untold", the other controls, and by itself that of the outputs, if they are seen; a learned decay has
// as many numbers again, whose names begin with "decay_". The state is
// averages: m0, m1, m2 and v0 a coordinate, of decays 0.9, 0.99, 0.999 and 0.95, and the factored ones of each tensor.
func (r *General) Spec() rule.Spec {
	phi := append(r.net().Phi(), r.controller().Phi()...)
	if r.LearnedDecay {
		phi = append(phi, r.decays().Phi()...)
	}
	return rule.Spec{
		Reads: r.controller().Reads(), Scope: rule.Tensor,
		Phi:   phi,
		State: rule.State{PerCoordinate: features.MomentRows(3, 1), PerTensor: features.MatrixState(3)},
	}
}

// Validate reports a field out of its range.
func (r *General) Validate() error {
	f := r.filled()
	return hyper.Check("general", pairs(f.Hidden), hyper.Positive("lr", f.LR), notNegative("weight_decay", f.Decay),
		notNegative("most_outputs", float64(f.MostOutputs)), notNegative("longest", float64(f.Longest)), notNegative("shortest", float64(f.Shortest)),
		notNegative("widest", float64(f.Widest)), r.controller().Check(), checkStart(f.Start))
}

func checkStart(name string) error {
	if name != "" && name != evenStart && name != scaledStart {
		return fmt.Errorf("start is %q, want %q or %q", name, evenStart, scaledStart)
	}
	return nil
}

// pairs reports a number of units that is out of range, for a rule that starts with a pair.
func pairs(n int) error {
	if n < 2 || n > 1024 {
		return fmt.Errorf("hidden is %d, want 2 to 1024", n)
	}
	return nil
}

// MarshalJSON writes the configuration with every default in its place.
func (r *General) MarshalJSON() ([]byte, error) {
	type plain General
	return json.Marshal(plain(r.filled()))
}

// adamFeature is which of the features is m/√v of decay 0.9.
const adamFeature = 7

// Init implements rule.Rule. The rule begins as Adam's direction, which two pairs of rectifiers let through, with small random
// weights of a normal distribution added and rates that fall in the course of a run: see Start.
func (r *General) Init(phi []float32, key uint64) {
	l, hidden := r.Spec().Phi, r.filled().Hidden
	clear(phi)
	part := func(name string) []float32 { return params.Slice(l, phi, name) }
	w0, w1, w2 := part("w0"), part("w1"), part("w2")
	for i, w := range [][]float32{w0, w1, w2} {
		rng.Normal(w, rng.Split(key, uint64(i+1)), []float64{.054, .105, .105}[i])
	}
	for h, sign := range []float32{1, -1} {
		w0[adamFeature*hidden+h] += sign
		w1[h*hidden+h]++
		w2[h] += sign
	}
	rest := phi[r.net().Phi().Len():]
	n := r.controller().Len()
	r.controller().Init(rest[:n], r.rates())
	if r.LearnedDecay {
		r.decays().Init(rest[n:], features.FallingDecays)
	}
}

// rates are what the controller of rates begins with.
func (r *General) rates() features.Start {
	if r.Start == scaledStart {
		return features.ScaledRates
	}
	return features.FallingRates
}

// Update implements rule.Rule.
func (r *General) Update(in rule.Inputs) (rule.Outputs, error) {
	c := r.filled()
	t := features.NewTensor(new(graph.Builder), in.Tensors[0]).AsMatrix()
	decays := func(from ...float64) []*G.Node { return features.Decays(t.Builder, t.Grad, nil, false, from...) }
	g := t.Clamp(t.Grad, 1000)
	f := t.Factors(g, decays(threeDecays...), decays(.95)[0], decays(threeDecays...), 1e-8)
	rows := t.CeloRows(f, g, len(t.Spec.Shape) < 2)
	squares := t.MeanSquares(rows)
	d := r.net().Apply(t.Builder, in.Phi, features.Seen{Rows: rows, Scale: t.InverseRoot(squares, 1e-9)})
	of := func(i int) *G.Node { return features.Element(t.Builder, squares, i) }
	seen := features.Squares{Grad: of(0), Theta: of(2), Averages: [2]*G.Node{of(3), of(4)}}
	step := t.Normalise(t.Row(d, 0), 1e-9)
	switch {
	case c.LearnedDecay:
		step = t.Add(step, t.Mul(t.Shift(c.Decay, r.decays().Factor(t, in, seen)), t.Theta))
	case c.Decay > 0:
		step = t.Add(step, t.Scale(c.Decay, t.Theta))
	}
	shape, net := in.Tensors[0].Spec.Shape, features.Net(in.Net)
	rate := t.Scale(-c.LR*c.ofOutputs(net), r.controller().Rate(t, in, seen))
	rate = c.ofColumns(t, shape, net, in.Step, c.ofLength(t, in.Horizon, rate))
	step = t.Mul(rate, step)
	if len(shape) > 2 {
		step = t.Reshape(step, shape...)
	}
	return rule.One(step, t.Next), t.Err()
}

// Kernel implements rule.Kernels: where both layers have up to eight units. Four take as little time as fewer.
func (r *General) Kernel(bound rule.Rule, b rule.Binding, workers int) rule.Kernel {
	if bound != rule.Rule(r) {
		return nil
	}
	return newFused(r, b, workers, func([]int) sides { return sides{} })
}

// observed is what the controller goes by.
func (m *measured) observed(p *rule.Point[float32]) features.Observed {
	return features.Observed{
		Grad: m.squares[0], Theta: m.squares[2], Averages: [2]float64{m.squares[3], m.squares[4]},
		Shape: m.shape, Net: m.net, Step: p.Step, Horizon: p.Horizon,
	}
}

// steer implements steered.
func (r *General) steer(m *measured, phi []float32, p *rule.Point[float32]) (rate, decay float64) {
	x, c := m.observed(p), r.controller()
	s := c.Steer(phi, x)
	rate, decay = s.Rate()*r.multiplier(x), r.Decay
	if r.LearnedDecay {
		s = r.decays().Steer(phi[c.Len():], x)
		decay += s.Factor()
	}
	return rate, decay
}

// steerBack implements steered.
func (r *General) steerBack(
	m *measured, phi []float32, p *rule.Point[float32], dRate, dDecay float64, dPhi []float64, dSquares *[kernel.Streamed]float64,
) {
	add := func(dGrad, dTheta float64, dAverages [2]float64) {
		dSquares[0] += dGrad
		dSquares[2] += dTheta
		for k, d := range dAverages {
			dSquares[3+k] += d
		}
	}
	x, c := m.observed(p), r.controller()
	s := c.Steer(phi, x)
	add(s.RateBack(dRate*r.multiplier(x), dPhi))
	if n := c.Len(); r.LearnedDecay {
		s = r.decays().Steer(phi[n:], x)
		add(s.Back(dDecay, dPhi[n:]))
	}
}
