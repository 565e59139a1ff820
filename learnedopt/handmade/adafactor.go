package handmade

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// Adafactor divides the gradient by the root of an average of squares of which it keeps, for a large tensor, only the means
// along its two longest axes (Shazeer and Stern 2018, Adafactor, arXiv 1804.04235, in the form of Optax):
//
//	v ← βv + (1−β)(g² + 1e-30),  β = 1 − t^−γ,  t = 1, 2, ...
//	u = g/√v,  or  g/√(row/mean(row))/√col  with row and col the averages of the means of g² along each of the axes
//	u ← u/max(1, RMS(u)),  u ← LR·max(RMS(theta), 0.001)·u
//	u ← μ-average of u, with a Momentum,  step = −u − λ·theta
//
// with RMS over the tensor. γ is learned as its logarithm. The decay is not multiplied by LR.
type Adafactor struct {
	LR          float64 `json:"lr"`           // in units of the RMS of the weights; 0.01 if zero
	Exponent    float64 `json:"exponent"`     // γ, above 0; 0.8 if zero
	Momentum    float64 `json:"momentum"`     // μ, above 0 and below 1; no momentum if zero
	Decay       float64 `json:"decay"`        // λ; no decay if zero
	MinFactored int     `json:"min_factored"` // least length, from 2 on, of the two longest axes of a factored tensor; 128 if zero
}

var _ rule.Rule = (*Adafactor)(nil)

// Name implements rule.Rule.
func (*Adafactor) Name() string { return "adafactor" }

// Spec implements rule.Rule. A tensor's state is v, or row and col, and with a momentum m for every coordinate.
func (r *Adafactor) Spec() rule.Spec {
	s := rule.Spec{Reads: rule.Grad | rule.Theta | rule.Step, Scope: rule.Tensor, Phi: hyper.Scalars("log_lr", "log_exponent")}
	if r.Momentum != 0 {
		s.Phi = append(s.Phi, hyper.Scalars("logit_momentum")...)
		s.State = hyper.Rows("m")
	}
	least := r.filled().MinFactored
	s.State.PerTensor = func(tensor params.Spec) params.Layout {
		long, next, ok := factored(tensor.Shape, least)
		if !ok {
			return params.Layout{{Name: "v", Shape: tensor.Shape}}
		}
		return params.Layout{{Name: "row", Shape: without(tensor.Shape, long)}, {Name: "col", Shape: without(tensor.Shape, next)}}
	}
	return decay(r.Decay).spec(s)
}

// factored returns the longest axis of a shape and the next, if that has at least a length. Of equal axes the later one is
// the longer.
func factored(shape []int, least int) (long, next int, ok bool) {
	axes := make([]int, len(shape))
	for i := range axes {
		axes[i] = i
	}
	slices.SortStableFunc(axes, func(i, j int) int { return shape[i] - shape[j] })
	n := len(axes)
	if n < 2 || shape[axes[n-2]] < least {
		return 0, 0, false
	}
	return axes[n-1], axes[n-2], true
}

// without returns a shape that lacks an axis.
func without(shape []int, axis int) []int { return slices.Delete(slices.Clone(shape), axis, axis+1) }

// Init implements rule.Rule.
func (r *Adafactor) Init(phi []float32, _ uint64) {
	f := r.filled()
	phi[0], phi[1] = hyper.Log(f.LR), hyper.Log(f.Exponent)
	if f.Momentum != 0 {
		phi[2] = hyper.Logit(f.Momentum)
	}
	decay(f.Decay).init(phi)
}

func (r *Adafactor) filled() Adafactor {
	f := *r
	f.LR, f.Exponent, f.MinFactored = cmp.Or(r.LR, 0.01), cmp.Or(r.Exponent, 0.8), cmp.Or(r.MinFactored, 128)
	return f
}

// Validate reports a field out of its range.
func (r *Adafactor) Validate() error {
	f := r.filled()
	var momentum, least error
	if f.Momentum != 0 {
		momentum = hyper.Fraction("momentum", f.Momentum)
	}
	if f.MinFactored < 2 {
		least = fmt.Errorf("min_factored is %d, want at least 2", f.MinFactored)
	}
	return hyper.Check("adafactor", hyper.Positive("lr", f.LR), hyper.Positive("exponent", f.Exponent), momentum, decay(f.Decay).check(), least)
}

// MarshalJSON writes the configuration with every default in its place.
func (r *Adafactor) MarshalJSON() ([]byte, error) {
	type plain Adafactor
	return json.Marshal(plain(r.filled()))
}

// Update implements rule.Rule.
func (r *Adafactor) Update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	x, next := in.Tensors[0], make(map[string]*G.Node)
	fresh := b.Exp(b.Neg(b.Mul(b.Exp(in.Phi["log_exponent"]), b.Log(b.Shift(1, in.Step))))) // t^−γ
	u := r.direction(b, x, fresh, next)
	u = b.Div(u, b.Max(rms(b, u), b.Const(u, 1)))
	size := b.Max(rms(b, x.Theta), b.Const(x.Theta, 1e-3))
	u = b.Mul(b.Mul(b.Exp(in.Phi["log_lr"]), size), u)
	if r.Momentum != 0 {
		u = hyper.Average(b, in.Phi["logit_momentum"], x.State["m"], u)
		next["m"] = u
	}
	return rule.One(b.Neg(decay(r.Decay).add(b, in, u, x.Theta)), next), b.Err()
}

// direction returns the gradient divided by the root of the average of its squares, to which the newest contributes a part of
// fresh, and fills in the averages.
func (r *Adafactor) direction(b *graph.Builder, x rule.TensorInputs, fresh *G.Node, next map[string]*G.Node) *G.Node {
	average := func(name string, square *G.Node) *G.Node {
		old := x.State[name]
		next[name] = b.Add(b.Mul(b.Sub(b.Const(fresh, 1), fresh), old), b.Mul(fresh, square))
		return next[name]
	}
	square := b.Shift(1e-30, b.Square(x.Grad))
	shape := x.Spec.Shape
	long, second, ok := factored(shape, r.filled().MinFactored)
	if !ok {
		return b.Div(x.Grad, b.Sqrt(average("v", square)))
	}
	row, col := average("row", meanAlong(b, square, shape, long)), average("col", meanAlong(b, square, shape, second))
	at := second // that axis, among those of row
	if second > long {
		at--
	}
	rest := without(shape, long)
	share := b.Div(row, b.Spread(meanAlong(b, row, rest, at), at, rest...))
	return b.Div(b.Div(x.Grad, b.Spread(b.Sqrt(share), long, shape...)), b.Spread(b.Sqrt(col), second, shape...))
}

// meanAlong returns the mean along an axis, which vanishes.
func meanAlong(b *graph.Builder, x *G.Node, shape []int, axis int) *G.Node {
	return b.Scale(1/float64(shape[axis]), b.SumAlong(x, axis))
}

// rms returns the root of the mean of the squares of all of x.
func rms(b *graph.Builder, x *G.Node) *G.Node {
	if x == nil {
		return nil
	}
	return b.RootOrZero(b.Scale(1/float64(x.Shape().TotalSize()), b.Sum(b.Square(x))))
}
