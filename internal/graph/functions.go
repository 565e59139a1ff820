package graph

import (
	"math"

	"github.com/seed1498fded/unroll/internal/kernel"
)

// A function computes every number of y from those of a and, if it has two arguments, b. y may lie over them.
type function struct {
	one func(y, a []float32)
	two func(y, a, b []float32)
}

var identity = &function{one: func(y, a []float32) { copy(y, a) }}

var (
	plus       = &function{two: kernel.Add}
	minus      = &function{two: kernel.Sub}
	times      = &function{two: kernel.Mul}
	over       = &function{two: kernel.Div}
	squareRoot = &function{one: kernel.Sqrt}
)

// functionsOfOne are Gorgonia's elementwise operations by their names, those that are not written with others. The
// kernels' are right to 4 ulp, the others are computed in float64.
var functionsOfOne = map[string]*function{
	"abs":      {one: kernel.Abs},
	"sign":     signs,
	"ceil":     each(math.Ceil),
	"floor":    each(math.Floor),
	"sin":      each(math.Sin),
	"cos":      each(math.Cos),
	"exp":      {one: kernel.Exp},
	"ln":       {one: kernel.Log},
	"log2":     each(math.Log2),
	"sqrt":     squareRoot,
	"tanh":     {one: kernel.Tanh[float32]},
	"sigmoid":  {one: kernel.Sigmoid[float32]},
	"log1p":    each(math.Log1p),
	"expm1":    each(math.Expm1),
	"softplus": each(softplus),
}

// sign keeps zeros and NaN.
func sign(x float64) float64 {
	if x == 0 || x != x {
		return x
	}
	return math.Copysign(1, x)
}

// signs are those of sign, of the bits alone: a rectifier's derivative takes one for each hidden unit of each coordinate.
var signs = &function{one: func(y, a []float32) {
	const one = 0x3f800000
	y = y[:len(a)]
	for i, v := range a {
		s := math.Float32frombits(math.Float32bits(v)&(1<<31) | one)
		if !(v < 0 || v > 0) {
			s = v
		}
		y[i] = s
	}
}}

// signOfScalar is what Gorgonia takes for the sign of what is no tensor: that of zeros counts.
var signOfScalar = each(func(x float64) float64 { return math.Copysign(1, x) })

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// functionsOfTwo are those of two arguments.
var functionsOfTwo = map[string]*function{
	"+":  plus,
	"-":  minus,
	"⊙":  times,
	"÷":  over,
	"^":  both(math.Pow),
	"<":  compare(func(a, b float32) bool { return a < b }),
	">":  compare(func(a, b float32) bool { return a > b }),
	"<=": compare(func(a, b float32) bool { return a <= b }),
	">=": compare(func(a, b float32) bool { return a >= b }),
	"==": compare(func(a, b float32) bool { return a == b }),
	"!=": compare(func(a, b float32) bool { return a != b }),
}

func each(f func(float64) float64) *function {
	return &function{one: func(y, a []float32) {
		for i, v := range a {
			y[i] = float32(f(float64(v)))
		}
	}}
}

func both(f func(a, b float64) float64) *function {
	return &function{two: func(y, a, b []float32) {
		for i, v := range a {
			y[i] = float32(f(float64(v), float64(b[i])))
		}
	}}
}

func compare(f func(a, b float32) bool) *function {
	return &function{two: func(y, a, b []float32) {
		for i, v := range a {
			is := f(v, b[i])
			y[i] = 0
			if is {
				y[i] = 1
			}
		}
	}}
}
