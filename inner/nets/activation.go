package nets

import (
	"fmt"
	"math"
	"strings"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// Activation is a function of each element by itself: one of Activations().
type Activation string

// String implements Layer.
func (a Activation) String() string { return string(a) }

// Activations returns the names that Activation may have.
func Activations() []string { return []string{"elu", "relu", "sigmoid", "tanh"} }

// elementwise is an Activation for rows of a shape. At the kinks of relu and elu the derivatives are those from below.
type elementwise[F params.Float] struct {
	shape Shape
	value func(y, x []F)
	slope func(y F) F // the derivative, from the value
}

func newElementwise[F params.Float](a Activation, in Shape) (elementwise[F], error) {
	e := elementwise[F]{shape: in}
	switch a {
	case "sigmoid":
		e.value, e.slope = kernel.Sigmoid[F], func(y F) F { return y * (1 - y) }
	case "tanh":
		e.value, e.slope = kernel.Tanh[F], func(y F) F { return 1 - y*y }
	case "relu":
		e.value, e.slope = relu[F], positive[F]
	case "elu":
		e.value, e.slope = elu[F], func(y F) F { return min(1, 1+y) }
	default:
		return e, fmt.Errorf("no activation %q; there are %s", string(a), strings.Join(Activations(), ", "))
	}
	return e, nil
}

func (e elementwise[F]) out() Shape { return e.shape }

func (e elementwise[F]) forward(y, x []F, _ int) { e.value(y, x) }

func (e elementwise[F]) back(dx, _, y, dy []F, _ int) {
	for i, v := range y {
		dx[i] = dy[i] * e.slope(v)
	}
}

func relu[F params.Float](y, x []F) {
	for i, v := range x {
		y[i] = max(v, 0) // the builtin max keeps NaN
	}
}

func positive[F params.Float](y F) F {
	if y > 0 {
		return 1
	}
	return 0 * y // NaN stays NaN
}

func elu[F params.Float](y, x []F) {
	for i, v := range x {
		y[i] = max(v, 0) + F(math.Expm1(float64(min(v, 0))))
	}
}
