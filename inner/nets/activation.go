package nets

import (
	"fmt"
	"strings"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// Activation is a function of each element by itself, one of Activations(): "elu" (x above 0, eˣ − 1 below), "relu",
// "sigmoid" or "tanh". At the kinks of relu and elu the derivatives are those from below.
type Activation string

// String implements Layer.
func (a Activation) String() string { return string(a) }

// Activations returns the names that Activation may have.
func Activations() []string { return []string{"elu", "relu", "sigmoid", "tanh"} }

// elementwise is an Activation for rows of a shape.
type elementwise[F params.Float] struct {
	shape Shape
	value func(y, x []F)
	pull  func(dx, y, dy []F) // the derivative comes from the value
}

func newElementwise[F params.Float](a Activation, in Shape) (elementwise[F], error) {
	e := elementwise[F]{shape: in}
	switch a {
	case "sigmoid":
		e.value, e.pull = kernel.Sigmoid[F], pullSigmoid[F]
	case "tanh":
		e.value, e.pull = kernel.Tanh[F], pullTanh[F]
	case "relu":
		e.value, e.pull = relu[F], pullRelu[F]
	case "elu":
		e.value, e.pull = elu[F], pullElu[F]
	default:
		return e, fmt.Errorf("no activation %q; there are %s", string(a), strings.Join(Activations(), ", "))
	}
	return e, nil
}

func (e elementwise[F]) out() Shape { return e.shape }

func (e elementwise[F]) forward(y, x []F, _ int) { e.value(y, x) }

func (e elementwise[F]) back(dx, _, y, dy []F, _ int) { e.pull(dx, y, dy) }

func pullSigmoid[F params.Float](dx, y, dy []F) {
	y, dy = y[:len(dx)], dy[:len(dx)]
	for i := range dx {
		dx[i] = dy[i] * (y[i] * (1 - y[i]))
	}
}

func pullTanh[F params.Float](dx, y, dy []F) {
	y, dy = y[:len(dx)], dy[:len(dx)]
	for i := range dx {
		dx[i] = dy[i] * (1 - y[i]*y[i])
	}
}

func relu[F params.Float](y, x []F) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] = max(v, 0) // the builtin max keeps NaN
	}
}

// pullRelu counts without a branch: which of the units are on is not to be foreseen.
func pullRelu[F params.Float](dx, y, dy []F) {
	y, dy = y[:len(dx)], dy[:len(dx)]
	for i := range dx {
		on := 0
		if y[i] > 0 {
			on = 1
		}
		dx[i] = dy[i] * F(on)
	}
}

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

func pullElu[F params.Float](dx, y, dy []F) {
	y, dy = y[:len(dx)], dy[:len(dx)]
	for i := range dx {
		dx[i] = dy[i] * min(1, 1+y[i])
	}
}
