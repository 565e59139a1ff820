package inner

import (
	"maps"
	"math"
	"slices"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// An activation is a function of one number with two derivatives, each given the function's argument x and value y.
type activation struct {
	value         func(x float64) float64
	first, second func(x, y float64) float64
}

// activations lists what the units of an MLP may do. At the kinks of relu and elu the derivatives are those from below.
var activations = map[string]activation{
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
		first:  func(x, _ float64) float64 { return step(x) },
		second: func(_, _ float64) float64 { return 0 },
	},
	"elu": { // x above 0, e^x − 1 below
		value: func(x float64) float64 { return max(x, 0) + math.Expm1(min(x, 0)) },
		first: func(x, y float64) float64 { return step(x) + (1-step(x))*(1+y) },
		second: func(x, y float64) float64 {
			if x > 0 {
				return 0
			}
			return 1 + y
		},
	},
}

// values returns an activation's value as a function that sets all of y from x, in assembly where there is some.
func values[F params.Float](name string) func(y, x []F) {
	switch name {
	case "sigmoid":
		return kernel.Sigmoid[F]
	case "tanh":
		return kernel.Tanh[F]
	}
	value := activations[name].value
	return func(y, x []F) {
		for i, v := range x {
			y[i] = F(value(float64(v)))
		}
	}
}

// step is 1 above 0 and 0 elsewhere.
func step(x float64) float64 {
	if x > 0 {
		return 1
	}
	return 0
}

// Activations returns the names that MLPOf.Activation may have, in alphabetical order.
func Activations() []string { return slices.Sorted(maps.Keys(activations)) }
