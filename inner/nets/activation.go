package nets

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// Activation is a function of each element by itself, one of Activations(): "elu" (x above 0, eˣ − 1 below), "gelu" (x·Φ(x)),
// "relu", "sigmoid", "silu" (x·σ(x)) or "tanh". At the kinks of relu and elu the derivatives are those from below.
type Activation string

// String implements Layer.
func (a Activation) String() string { return string(a) }

// Activations returns the names that Activation may have, in alphabetical order.
func Activations() []string { return slices.Sorted(maps.Keys(activations)) }

// A scalar is a function of one number with two derivatives, each given the function's argument x and value y.
type scalar struct {
	value         func(x float64) float64
	first, second func(x, y float64) float64
}

// activations has every activation once. A line here is all that one needs; those that are used much have loops of their own
// below, for speed.
var activations = map[string]scalar{
	"sigmoid": {
		value:  func(x float64) float64 { return 1 / (1 + math.Exp(-x)) },
		first:  func(_, y float64) float64 { return y * (1 - y) },
		second: func(_, y float64) float64 { return y * (1 - y) * (1 - 2*y) },
	},
	"tanh": {
		value:  math.Tanh,
		first:  func(_, y float64) float64 { return 1 - y*y },
		second: func(_, y float64) float64 { return -2 * y * (1 - y*y) },
	},
	"relu": {
		value:  func(x float64) float64 { return max(x, 0) }, // the builtin max keeps NaN
		first:  func(x, _ float64) float64 { return above(x) },
		second: func(_, _ float64) float64 { return 0 },
	},
	"elu": {
		value:  func(x float64) float64 { return max(x, 0) + math.Expm1(min(x, 0)) },
		first:  func(_, y float64) float64 { return min(1, 1+y) },
		second: func(x, y float64) float64 { return (1 - above(x)) * (1 + y) },
	},
	"gelu": { // φ' = −xφ
		value:  func(x float64) float64 { return max(x, -40) * math.Erfc(-x/math.Sqrt2) / 2 },
		first:  func(x, _ float64) float64 { return math.Erfc(-x/math.Sqrt2)/2 + x*density(x) },
		second: func(x, _ float64) float64 { return density(x) * (2 - x*x) },
	},
	"silu": {
		value: func(x float64) float64 { return max(x, -800) / (1 + math.Exp(-x)) },
		first: func(x, _ float64) float64 { s := 1 / (1 + math.Exp(-x)); return s * (1 + x*(1-s)) },
		second: func(x, _ float64) float64 {
			s := 1 / (1 + math.Exp(-x))
			return s * (1 - s) * (2 + x*(1-2*s))
		},
	},
}

// density is that of N(0, 1).
func density(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }

// above is 1 above 0 and 0 elsewhere.
func above(x float64) float64 {
	if x > 0 {
		return 1
	}
	return 0
}

// elementwise is an Activation for rows of a shape.
type elementwise[F params.Float] struct {
	shape  Shape
	value  func(y, x []F)
	pull   func(dx, x, y, dy []F) // overwrites dx with dy times the derivative
	second func(x, y float64) float64
}

func newElementwise[F params.Float](a Activation, in Shape) (elementwise[F], error) {
	s, ok := activations[string(a)]
	if !ok {
		return elementwise[F]{}, fmt.Errorf("no activation %q; there are %s", string(a), strings.Join(Activations(), ", "))
	}
	e := elementwise[F]{shape: in, second: s.second}
	switch a {
	case "sigmoid":
		e.value, e.pull = kernel.Sigmoid[F], pullSigmoid[F]
	case "tanh":
		e.value, e.pull = kernel.Tanh[F], pullTanh[F]
	case "relu":
		e.value, e.pull = kernel.Relu[F], pullRelu[F]
	case "elu":
		e.value, e.pull = elu[F], pullElu[F]
	case "gelu":
		e.value, e.pull = kernel.Gelu[F], kernel.PullGelu[F]
	case "silu":
		e.value, e.pull = kernel.Silu[F], func(dx, x, _, dy []F) { kernel.PullSilu(dx, x, dy) }
	default:
		e.value, e.pull = valueOf[F](s), pullOf[F](s)
	}
	return e, nil
}

func (e elementwise[F]) out() Shape { return e.shape }

func (e elementwise[F]) forward(y, x []F, _ int) { e.value(y, x) }

func (e elementwise[F]) back(dx, x, y, dy []F, _ int) { e.pull(dx, x, y, dy) }

// forwardR is back: the Jacobian is diagonal.
func (e elementwise[F]) forwardR(ry, x, y, rx []F, _ int) { e.pull(ry, x, y, rx) }

func (e elementwise[F]) backR(rdx, x, y, dy, rx, rdy []F, _ int) {
	e.pull(rdx, x, y, rdy)
	for i, v := range dy {
		rdx[i] += v * F(e.second(float64(x[i]), float64(y[i]))) * rx[i]
	}
}

// valueOf returns the function as one of slices.
func valueOf[F params.Float](s scalar) func(y, x []F) {
	return func(y, x []F) {
		for i, v := range x {
			y[i] = F(s.value(float64(v)))
		}
	}
}

// pullOf returns the product with the derivative as a function of slices.
func pullOf[F params.Float](s scalar) func(dx, x, y, dy []F) {
	return func(dx, x, y, dy []F) {
		for i, v := range dy {
			dx[i] = v * F(s.first(float64(x[i]), float64(y[i])))
		}
	}
}

// The loops below do without a call for every element. Some round once more on the way, and so give other last bits in
// float32.

func pullSigmoid[F params.Float](dx, _, y, dy []F) {
	y, dy = y[:len(dx)], dy[:len(dx)]
	for i := range dx {
		s := float64(y[i])
		dx[i] = dy[i] * F(s*(1-s))
	}
}

func pullTanh[F params.Float](dx, _, y, dy []F) {
	y, dy = y[:len(dx)], dy[:len(dx)]
	for i := range dx {
		dx[i] = dy[i] * (1 - y[i]*y[i])
	}
}

func pullRelu[F params.Float](dx, _, y, dy []F) { kernel.PullRelu(dx, y, dy) }

// elu takes eˣ − 1 as 2t/(1−t) with t = tanh(x/2), which cancels nothing and for which there is assembly.
func elu[F params.Float](y, x []F) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] = min(v, 0) / 2
	}
	kernel.Tanh(y, y)
	for i, v := range x {
		y[i] = max(v, 0) + 2*y[i]/(1-y[i])
	}
}

func pullElu[F params.Float](dx, _, y, dy []F) {
	y, dy = y[:len(dx)], dy[:len(dx)]
	for i := range dx {
		dx[i] = dy[i] * min(1, 1+y[i])
	}
}
