package mlp

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"

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
// is a controller's of 15 numbers, for each tensor and step:
//
//	step = −rate·(d/√(mean d² + 1e-9) + λθ),  rate = 1e-3·α·e^clip(5v, ±8)
//	v = schedule + controls · (log₁₀(T/300), (log(rms(θ) + 0.01) + 2.3)/2, log(rows/64)/2, [a vector],
//	    e^(−t/10), log(depth/3), (l₀ + 1)/2, (l₁ + 1.5)/2)
//
// in step t, from 0 on, of T. The schedule is linear between seven knots in t/T, or in log₁₀(t + 1) where T is not known; then there is
// no term of T. A rule may have a schedule for either case, of which it follows the first in runs that it is told the length of. Of
// the two terms in the middle a matrix has the first, a vector the second. Depth is the number of tensors of two dimensions and
// more in the net, at least 1. And lₖ, within −4 and 1, is half the logarithm of Σm̂²/Σg² with m̂ the average of decay 0.9 or 0.99,
// without the pull of its start at zero: how much of the gradient is signal.
//
// A tensor of more than two dimensions is seen as the matrix of its last. Gradients are limited to ±1000.
type General struct {
	Hidden  int     `json:"hidden"`       // units of each of two hidden layers, 2 to 1024; 8 if zero
	LR      float64 `json:"lr"`           // α, what all rates are multiplied with, above 0; 1 if zero
	Decay   float64 `json:"weight_decay"` // λ, at least 0
	Horizon string  `json:"horizon"`      // "known"; "free", of a rule that need not know T; or "either"; "known" if empty
}

var (
	_ rule.Kernels = (*General)(nil)
	_ steered      = (*General)(nil)
)

const (
	known  = "known"
	free   = "free"
	either = "either"

	generalSeen  = 7 // how many controls there are beside the one of T
	generalGain  = 5
	generalLimit = 8
	generalRate  = 1e-3
)

// generalKnots is how many a schedule has.
const generalKnots = 7

// The knots of the schedules: fractions of the run, and decimal logarithms of the number of the step from 1 on.
var (
	toldKnots   = [generalKnots]float64{0, .03, .1, .3, .6, .9, 1}
	untoldKnots = [generalKnots]float64{0, 1, 1.5, 2, 2.5, 3, 4}
)

// Name implements rule.Rule.
func (*General) Name() string { return "general" }

func (r *General) filled() General {
	f := *r
	f.Hidden, f.LR, f.Horizon = cmp.Or(r.Hidden, 8), cmp.Or(r.LR, 1), cmp.Or(r.Horizon, known)
	return f
}

func (r *General) net() features.Perceptron {
	return features.Perceptron{In: features.CeloRows, Hidden: r.filled().Hidden, Out: 1}
}

// Spec implements rule.Rule. Phi is the perceptron's, then a schedule's seven numbers, with "either" those of the schedule for runs
// of a length that is not known, "untold", and the other controls; the state is
// averages: m0, m1, m2 and v0 a coordinate, of decays 0.9, 0.99, 0.999 and 0.95, and the factored ones of each tensor.
func (r *General) Spec() rule.Spec {
	reads, controls, horizon := rule.Grad|rule.Theta|rule.Step, generalSeen, r.filled().Horizon
	if horizon != free {
		reads, controls = reads|rule.Horizon, controls+1
	}
	phi := append(r.net().Phi(), params.Spec{Name: "schedule", Shape: []int{generalKnots}})
	if horizon == either {
		phi = append(phi, params.Spec{Name: "untold", Shape: []int{generalKnots}})
	}
	return rule.Spec{
		Reads: reads, Scope: rule.Tensor,
		Phi:   append(phi, params.Spec{Name: "controls", Shape: []int{controls}}),
		State: rule.State{PerCoordinate: features.MomentRows(3, 1), PerTensor: features.MatrixState(3)},
	}
}

// Validate reports a field out of its range.
func (r *General) Validate() error {
	f := r.filled()
	return hyper.Check("general", pairs(f.Hidden), hyper.Positive("lr", f.LR), notNegative("weight_decay", f.Decay), horizon(f.Horizon))
}

// pairs reports a number of units that is out of range, for a rule that starts with a pair.
func pairs(n int) error {
	if n < 2 || n > 1024 {
		return fmt.Errorf("hidden is %d, want 2 to 1024", n)
	}
	return nil
}

func horizon(s string) error {
	if s != known && s != free && s != either {
		return fmt.Errorf("horizon is %q, want %q, %q or %q", s, known, free, either)
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
// weights of a normal distribution added and rates that fall in the course of a run.
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
	for k, v := range []float32{.9, .9, .8, .55, 0, -1.4, -3} {
		part("schedule")[k] = v / generalGain
		if r.filled().Horizon == either {
			part("untold")[k] = v / generalGain
		}
	}
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
	step := t.Normalise(t.Row(d, 0), 1e-9)
	if c.Decay > 0 {
		step = t.Add(step, t.Scale(c.Decay, t.Theta))
	}
	rate := controller{t, in, c}.rate(squares)
	step = t.Mul(t.Scale(-generalRate*c.LR, rate), step)
	if shape := in.Tensors[0].Spec.Shape; len(shape) > 2 {
		step = t.Reshape(step, shape...)
	}
	return rule.One(step, t.Next), t.Err()
}

// A controller writes what a tensor's rate is made of, scalars all of them.
type controller struct {
	*features.Tensor
	in rule.Inputs
	c  General
}

// rate is e^clip(5v, ±8), where squares are the means of the features' squares.
func (t controller) rate(squares *G.Node) *G.Node {
	var v *G.Node
	skipped := 1
	switch t.c.Horizon {
	case known:
		v = t.told()
	case free:
		v, skipped = t.untold("schedule"), 0
	case either:
		told := t.Min(t.in.Horizon, t.Const(t.Grad, 1)) // 0 where nobody knows, and 1 from one step on
		v = t.untold("untold")
		v = t.Add(v, t.Mul(told, t.Sub(t.told(), v)))
	}
	for i, x := range t.seen(squares) {
		v = t.Add(v, t.Mul(t.control(i+skipped), x))
	}
	return t.Exp(t.Clamp(t.Scale(generalGain, v), generalLimit))
}

func (t controller) control(i int) *G.Node {
	return features.Element(t.Builder, t.in.Phi["controls"], i)
}

// told is what T is known for, T being at least 1: the schedule and the term of T.
func (t controller) told() *G.Node {
	length := t.AtLeast(t.in.Horizon, 1)
	v := t.schedule("schedule", t.Div(t.in.Step, length), toldKnots)
	return t.Add(v, t.Mul(t.control(0), t.Scale(1/math.Ln10, t.Log(t.Scale(1./300, length)))))
}

// untold is the schedule of a run whose length is not known.
func (t controller) untold(name string) *G.Node {
	return t.schedule(name, t.Scale(1/math.Ln10, t.Log(t.Shift(1, t.in.Step))), untoldKnots)
}

// schedule is linear between the knots, and flat beyond the last.
func (t controller) schedule(name string, at *G.Node, knots [generalKnots]float64) *G.Node {
	s := t.in.Phi[name]
	v := features.Element(t.Builder, s, 0)
	for k := range len(knots) - 1 {
		past := t.Scale(1/(knots[k+1]-knots[k]), t.Shift(-knots[k], at))
		part := t.Sub(t.Relu(past), t.Relu(t.Shift(-1, past))) // from 0 to 1 between the two knots
		rise := t.Sub(features.Element(t.Builder, s, k+1), features.Element(t.Builder, s, k))
		v = t.Add(v, t.Mul(rise, part))
	}
	return v
}

// seen are what the controls are multiplied with, but for the one of T.
func (t controller) seen(squares *G.Node) []*G.Node {
	size := t.Log(t.Shift(.01, t.RootOrZero(features.Element(t.Builder, squares, 2))))
	rows, vector := generalShape(t.Spec.Shape)
	constant := func(v float64) *G.Node { return t.Const(t.Grad, v) }
	return []*G.Node{
		t.Scale(.5, t.Shift(2.3, size)), constant(rows), constant(vector),
		t.Exp(t.Scale(-.1, t.in.Step)), constant(generalDepth(t.in.Net)),
		t.Scale(.5, t.Shift(1, t.signal(squares, 0))), t.Scale(.5, t.Shift(1.5, t.signal(squares, 1))),
	}
}

// generalShape is what of a controller's terms only the shape of a matrix or vector tells: log(rows/64)/2, and 1 for vectors.
func generalShape(shape []int) (rows, vector float64) {
	if len(shape) < 2 {
		return 0, 1
	}
	return math.Log(float64(shape[0])/64) / 2, 0
}

// generalDepth is log(depth/3).
func generalDepth(net params.Layout) float64 {
	depth := 0
	for _, s := range net {
		if len(s.Shape) > 1 {
			depth++
		}
	}
	return math.Log(float64(max(depth, 1)) / 3)
}

// signal is half the logarithm of Σm̂²/Σg², from −4 to 1, with m the k-th average. Both sums are of at least something tiny.
func (t controller) signal(squares *G.Node, k int) *G.Node {
	unbias := t.Expm1(t.Scale(math.Log(threeDecays[k]), t.Shift(1, t.in.Step))) // β^(t+1) − 1
	of := func(i int) *G.Node { return features.Element(t.Builder, squares, i) }
	m := t.Shift(1e-22, t.Div(of(3+k), t.Square(unbias)))
	l := t.Scale(.5, t.Log(t.Div(m, t.Shift(1e-20, of(0)))))
	return t.Shift(-1.5, t.Clamp(t.Shift(1.5, l), 2.5))
}

// Kernel implements rule.Kernels: where both layers have eight units.
func (r *General) Kernel(bound rule.Rule, b rule.Binding, workers int) rule.Kernel {
	if bound != rule.Rule(r) {
		return nil
	}
	return newFused(r, b, workers, func([]int) sides { return sides{} })
}

// A steering is the controller in numbers.
type steering struct {
	layout             layout
	schedule, controls []float32 // of the controls those that are multiplied with seen
	at                 float64   // among the knots
	knots              [generalKnots]float64
	seen               [generalSeen]float64
	length             float64 // log₁₀(T/300), and 0 in a run that the rule is not told the length of
	fixed              float64 // what there is to v beside these
}

// A layout is where the controller's numbers for a run are.
type layout struct {
	schedule, length, controls int // length is −1 if there is none
}

// layout says where, for a run of so many steps, 0 if the rule is not told.
func (r *General) layout(horizon int) layout {
	switch h := r.filled().Horizon; {
	case h == free:
		return layout{0, -1, generalKnots}
	case h == known:
		return layout{0, generalKnots, generalKnots + 1}
	case horizon > 0:
		return layout{0, 2 * generalKnots, 2*generalKnots + 1}
	}
	return layout{generalKnots, -1, 2*generalKnots + 1}
}

func (r *General) steering(m *measured, phi []float32, p *rule.Point[float32]) steering {
	l := r.layout(p.Horizon)
	s := steering{layout: l, schedule: phi[l.schedule:][:generalKnots], controls: phi[l.controls:][:generalSeen]}
	t := float64(p.Step)
	if l.length < 0 {
		s.at, s.knots = math.Log10(t+1), untoldKnots
	} else {
		length := float64(max(p.Horizon, 1))
		s.at, s.knots, s.length = t/length, toldKnots, math.Log10(length/300)
		s.fixed = float64(phi[l.length]) * s.length
	}
	rows, vector := generalShape(m.shape)
	s.seen = [...]float64{
		(math.Log(math.Sqrt(m.squares[2])+.01) + 2.3) / 2, rows, vector, math.Exp(-t / 10), m.depth,
		(m.signal(0, t) + 1) / 2, (m.signal(1, t) + 1.5) / 2,
	}
	return s
}

// exponent is 5v.
func (s *steering) exponent() float64 {
	v := s.fixed + float64(s.schedule[0])
	for k := range len(s.knots) - 1 {
		v += float64(s.schedule[k+1]-s.schedule[k]) * s.part(k)
	}
	for i, x := range s.seen {
		v += float64(s.controls[i]) * x
	}
	return generalGain * v
}

// part is how much of the way from one knot to the next has been made, from 0 to 1.
func (s *steering) part(k int) float64 {
	return min(max((s.at-s.knots[k])/(s.knots[k+1]-s.knots[k]), 0), 1)
}

// steer implements steered.
func (r *General) steer(m *measured, phi []float32, p *rule.Point[float32]) (rate, decay float64) {
	s, limit := r.steering(m, phi, p), float64(generalLimit)
	x := min(max(s.exponent(), -limit), limit)
	return generalRate * cmp.Or(r.LR, 1) * math.Exp(x), r.Decay
}

// steerBack implements steered.
func (r *General) steerBack(
	m *measured, phi []float32, p *rule.Point[float32], dRate float64, dPhi []float64, dSquares *[kernel.Streamed]float64,
) {
	s := r.steering(m, phi, p)
	if math.Abs(s.exponent()) > generalLimit {
		return
	}
	rate, _ := r.steer(m, phi, p)
	dv := dRate * rate * generalGain
	schedule, controls := dPhi[s.layout.schedule:], dPhi[s.layout.controls:]
	schedule[0] += dv
	for k := range generalKnots - 1 {
		x := dv * s.part(k)
		schedule[k] -= x
		schedule[k+1] += x
	}
	if s.layout.length >= 0 {
		dPhi[s.layout.length] += dv * s.length
	}
	for i, x := range s.seen {
		controls[i] += dv * x
	}
	if root := math.Sqrt(m.squares[2]); root > 0 {
		dSquares[2] += dv * float64(s.controls[0]) / 4 / (root + .01) / root
	}
	for k := range 2 {
		m.signalBack(k, float64(p.Step), dv*float64(s.controls[5+k])/2, dSquares)
	}
}

// signal is half the logarithm of Σm̂²/Σg², from −4 to 1, with m the k-th average after step t.
func (m *measured) signal(k int, t float64) float64 {
	above, below, _ := m.signalParts(k, t)
	return min(max(math.Log(above/below)/2, -4), 1)
}

func (m *measured) signalParts(k int, t float64) (above, below, unbias float64) {
	unbias = math.Expm1(math.Log(threeDecays[k]) * (t + 1))
	unbias *= unbias
	return m.squares[3+k]/unbias + 1e-22, m.squares[0] + 1e-20, unbias
}

// signalBack adds to the cotangents of the means that a signal is made of.
func (m *measured) signalBack(k int, t, d float64, dSquares *[kernel.Streamed]float64) {
	above, below, unbias := m.signalParts(k, t)
	if l := math.Log(above/below) / 2; l < -4 || l > 1 {
		return
	}
	dSquares[3+k] += d / 2 / above / unbias
	dSquares[0] -= d / 2 / below
}
