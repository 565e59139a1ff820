package features

import (
	"cmp"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// A Controller sets a factor of a tensor's step, its rate or its decay, by what can be told of any net, with numbers that are learned:
//
//	factor = e^clip(5v, ±8)
//	v = schedule + controls · (log₁₀(T/300), (log(rms(θ) + 0.01) + 2.3)/2, log(rows/64)/2, [a vector],
//	    e^(−t/10), log(depth/3), (l₀ + 1)/2, (l₁ + 1.5)/2, log(outputs/10)/2)
//
// in step t, from 0 on, of T. The schedule is linear between seven knots in t/T, or in log₁₀(t + 1) where T is not known; then there
// is no term of T. Of the two terms in the middle a matrix has the first, a vector the second. Depth is the number of tensors of two
// dimensions and more in the net, at least 1. And lₖ, within −4 and 1, is half the logarithm of Σm̂²/Σg² with m̂ the average of decay
// 0.9 or 0.99, without the pull of its start at zero: how much of the gradient is signal. The last term is for controllers that see
// outputs, which are the columns of the last tensor of two dimensions and more; fewer than ten count as ten, and more than Most as that.
type Controller struct {
	Horizon string // Known, Free or Either; Known if empty
	Outputs bool   // it sees how many outputs the net has
	Most    int    // more outputs than that count as that many, though as ten at least; there is no limit if 0
	Of      string // what the names of its numbers begin with
}

// What a controller may know of a run's length.
const (
	Known  = "known"  // it is told; 1 in place of a length that it is not told
	Free   = "free"   // nothing
	Either = "either" // it has a schedule for runs that it is told the length of, and one for others
)

const (
	knots   = 7 // of a schedule
	seen    = 7 // controls beside the one of T
	gain    = 5
	limit   = 8
	ratedAt = 1e-3
)

// The knots of the schedules: fractions of the run, and decimal logarithms of the number of the step from 1 on.
var (
	toldKnots   = [knots]float64{0, .03, .1, .3, .6, .9, 1}
	untoldKnots = [knots]float64{0, 1, 1.5, 2, 2.5, 3, 4}
)

// SignalDecays are those of the averages that tell how much of a gradient is signal.
var SignalDecays = [2]float64{.9, .99}

func (c Controller) horizon() string { return cmp.Or(c.Horizon, Known) }

// Check reports a horizon that is none.
func (c Controller) Check() error {
	if h := c.horizon(); h != Known && h != Free && h != Either {
		return fmt.Errorf("horizon is %q, want %q, %q or %q", h, Known, Free, Either)
	}
	return nil
}

// Reads returns what of a run it has to be shown.
func (c Controller) Reads() rule.Vars {
	if c.horizon() == Free {
		return rule.Grad | rule.Theta | rule.Step
	}
	return rule.Grad | rule.Theta | rule.Step | rule.Horizon
}

// Phi lays out what it learns: schedule, with Either the one of runs of a length that it is not told, untold, and controls.
func (c Controller) Phi() params.Layout {
	l, controls := params.Layout{{Name: c.Of + "schedule", Shape: []int{knots}}}, seen+1
	switch c.horizon() {
	case Free:
		controls--
	case Either:
		l = append(l, params.Spec{Name: c.Of + "untold", Shape: []int{knots}})
	}
	l = append(l, params.Spec{Name: c.Of + "controls", Shape: []int{controls}})
	if c.Outputs {
		l = append(l, params.Spec{Name: c.Of + "outputs", Shape: []int{1}})
	}
	return l
}

// Len is that of Phi.
func (c Controller) Len() int {
	n := knots + seen + 1
	switch c.horizon() {
	case Free:
		n--
	case Either:
		n += knots
	}
	if c.Outputs {
		n++
	}
	return n
}

// A Start is what a controller begins with: the factor at the knots of a schedule, times powers of what the controller sees.
type Start struct {
	Schedule [knots]float64 // natural logarithms of the factor
	Powers                  // how the factor differs from net to net and from run to run
}

// Powers are those of what a factor is proportional to.
type Powers struct{ Length, Size, Rows, Depth float64 } // T, rms(θ) + 0.01, the rows of a matrix, depth

// Factors that fall in the course of a run, and are the same for all nets, for controllers to begin with.
var (
	FallingRates  = Start{Schedule: [knots]float64{.9, .9, .8, .55, 0, -1.4, -3}}
	FallingDecays = Start{Schedule: [knots]float64{1, 1, 1, .5, 0, -1, -2}}
)

// ScaledRates are FallingRates that also go by the net and the length of a run, with powers that are round numbers near those that the
// embedded general rule has learned from even rates. Two are half of ones that are known: steps relative to the weights' size
// (Shazeer and Stern 2018, section 8), and Adam's rate in inverse proportion to the rows of a matrix, with which wide nets learn at the rates
// of narrow ones (Yang et al. 2022, table 3).
var ScaledRates = Start{FallingRates.Schedule, Powers{Length: -.25, Size: .5, Rows: -.5, Depth: -1}}

// Init fills in phi, of length Len: the schedules of a start, and the controls of its powers. All else is zero.
func (c Controller) Init(phi []float32, s Start) {
	clear(phi)
	for k, v := range s.Schedule {
		phi[k] = float32(v) / gain
		if c.horizon() == Either {
			phi[knots+k] = phi[k]
		}
	}
	controls := params.Slice(c.Phi(), phi, c.Of+"controls")
	if c.horizon() != Free {
		controls[0] = float32(s.Length * math.Ln10 / gain) // of log₁₀(T/300)
		controls = controls[1:]
	}
	controls[0] = float32(s.Size * 2 / gain) // of (log(rms(θ) + 0.01) + 2.3)/2
	controls[1] = float32(s.Rows * 2 / gain) // of log(rows/64)/2
	controls[4] = float32(s.Depth / gain)    // of log(depth/3)
}

// Squares are means over a tensor, scalars: of the squares of its gradient, its weights, and the averages of SignalDecays.
type Squares struct {
	Grad, Theta *G.Node
	Averages    [2]*G.Node
}

// Rate writes 1e-3 times the factor of a tensor in a step.
func (c Controller) Rate(t *Tensor, in rule.Inputs, s Squares) *G.Node {
	return t.Scale(ratedAt, c.Factor(t, in, s))
}

// Factor writes the factor of a tensor in a step.
func (c Controller) Factor(t *Tensor, in rule.Inputs, s Squares) *G.Node {
	if t.Err() != nil {
		return nil
	}
	w := rating{t, in, s, c.Of}
	var v *G.Node
	skipped := 1
	switch c.horizon() {
	case Known:
		v = w.told()
	case Free:
		v, skipped = w.untold("schedule"), 0
	case Either:
		told := t.Min(in.Horizon, t.Const(t.Grad, 1)) // 0 where nobody knows, and 1 from one step on
		v = w.untold("untold")
		v = t.Add(v, t.Mul(told, t.Sub(w.told(), v)))
	}
	for i, x := range w.seen() {
		v = t.Add(v, t.Mul(w.control(i+skipped), x))
	}
	if c.Outputs {
		v = t.Add(v, t.Mul(Element(t.Builder, in.Phi[c.Of+"outputs"], 0), t.Const(t.Grad, c.outputs(Net(in.Net)))))
	}
	return t.Exp(t.Clamp(t.Scale(gain, v), limit))
}

// A rating writes what a factor is made of, scalars all of them.
type rating struct {
	*Tensor
	in   rule.Inputs
	of   Squares
	name string // what the names of numbers begin with
}

func (t rating) control(i int) *G.Node { return Element(t.Builder, t.in.Phi[t.name+"controls"], i) }

// told is what T is known for, T being at least 1: the schedule and the term of T.
func (t rating) told() *G.Node {
	length := t.AtLeast(t.in.Horizon, 1)
	v := t.schedule("schedule", t.Div(t.in.Step, length), toldKnots)
	return t.Add(v, t.Mul(t.control(0), t.Scale(1/math.Ln10, t.Log(t.Scale(1./300, length)))))
}

// untold is the schedule of a run whose length is not known.
func (t rating) untold(name string) *G.Node {
	return t.schedule(name, t.Scale(1/math.Ln10, t.Log(t.Shift(1, t.in.Step))), untoldKnots)
}

// schedule is linear between the knots, and flat beyond the last.
func (t rating) schedule(name string, at *G.Node, k [knots]float64) *G.Node {
	s := t.in.Phi[t.name+name]
	v := Element(t.Builder, s, 0)
	for i := range knots - 1 {
		past := t.Scale(1/(k[i+1]-k[i]), t.Shift(-k[i], at))
		part := t.Sub(t.Relu(past), t.Relu(t.Shift(-1, past))) // from 0 to 1 between the two knots
		rise := t.Sub(Element(t.Builder, s, i+1), Element(t.Builder, s, i))
		v = t.Add(v, t.Mul(rise, part))
	}
	return v
}

// seen are what the controls are multiplied with, but for the one of T.
func (t rating) seen() []*G.Node {
	size := t.Log(t.Shift(.01, t.RootOrZero(t.of.Theta)))
	rows, vector := rowsOrVector(t.Spec.Shape)
	constant := func(v float64) *G.Node { return t.Const(t.Grad, v) }
	return []*G.Node{
		t.Scale(.5, t.Shift(2.3, size)), constant(rows), constant(vector),
		t.Exp(t.Scale(-.1, t.in.Step)), constant(Net(t.in.Net).depth()),
		t.Scale(.5, t.Shift(1, t.signal(0))), t.Scale(.5, t.Shift(1.5, t.signal(1))),
	}
}

// rowsOrVector is what of the terms only the shape of a matrix or vector tells: log(rows/64)/2, and 1 for vectors.
func rowsOrVector(shape []int) (rows, vector float64) {
	if len(shape) < 2 {
		return 0, 1
	}
	return math.Log(float64(shape[0])/64) / 2, 0
}

// OfNet is what controllers see of a net: how many tensors of two dimensions and more there are, and the columns of the last of them.
type OfNet struct{ Depth, Outputs int }

// Net returns that of a net.
func Net(net params.Layout) OfNet {
	var of OfNet
	for _, s := range net {
		if n := len(s.Shape); n > 1 {
			of.Depth, of.Outputs = of.Depth+1, s.Shape[n-1]
		}
	}
	return of
}

// depth is log(depth/3), of a depth of at least 1.
func (n OfNet) depth() float64 { return math.Log(float64(max(n.Depth, 1)) / 3) }

// outputs is log(outputs/10)/2. Fewer than ten outputs count as ten: they tell little, and what is learned on classes has to do for a
// regression's one.
func (c Controller) outputs(of OfNet) float64 {
	n := max(of.Outputs, 10)
	if c.Most > 0 {
		n = min(n, max(c.Most, 10))
	}
	return math.Log(float64(n)/10) / 2
}

// signal is half the logarithm of Σm̂²/Σg², from −4 to 1, with m the k-th average. Both sums are of at least something tiny.
func (t rating) signal(k int) *G.Node {
	unbias := t.Expm1(t.Scale(math.Log(SignalDecays[k]), t.Shift(1, t.in.Step))) // β^(t+1) − 1
	m := t.Shift(1e-22, t.Div(t.of.Averages[k], t.Square(unbias)))
	l := t.Scale(.5, t.Log(t.Div(m, t.Shift(1e-20, t.of.Grad))))
	return t.Shift(-1.5, t.Clamp(t.Shift(1.5, l), 2.5))
}
