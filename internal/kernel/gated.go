package kernel

import (
	"math"

	"github.com/seed1498fded/unroll/params"
)

// Activations of the form y = x·g(x), with g from 0 to 1. In all of them y and x, and dx and what it is made of, may be the same.

// Gelu sets every element of y to x·Φ(x), Φ being the distribution function of N(0, 1) (Hendrycks and Gimpel 2016): exactly, not by
// tanh. In float32 with assembly Φ is right to some 1e-6 of itself.
func Gelu[F params.Float](y, x []F) { each(y, x, geluAVX2, gelu) }

func gelu[F params.Float](x F) F {
	return F(max(float64(x), -40) * below(float64(x))) // below −40 nothing is left, times infinity too
}

// PullGelu sets every element of dx to dy times the derivative of Gelu at x, Φ(x) + x·φ(x), where y is what Gelu gave for x.
func PullGelu[F params.Float](dx, x, y, dy []F) {
	sameLength(len(dx), len(x))
	sameLength(len(dx), len(y))
	sameLength(len(dx), len(dy))
	if level > plain {
		if dx, ok := any(dx).([]float32); ok {
			pullGeluAVX2(dx, any(x).([]float32), any(y).([]float32), any(dy).([]float32))
			return
		}
	}
	for i, v := range x {
		x := float64(v)
		dx[i] = dy[i] * F(below(x)+x*math.Exp(-x*x/2)*invSqrt2Pi)
	}
}

// Silu sets every element of y to x·σ(x) (Hendrycks and Gimpel 2016; Ramachandran, Zoph and Le 2017 call it swish).
func Silu[F params.Float](y, x []F) {
	sameLength(len(y), len(x))
	if level > plain {
		if y, ok := any(y).([]float32); ok {
			silu32(y, any(x).([]float32))
			return
		}
	}
	for i, v := range x {
		y[i] = max(v, -800) * sigmoid(v) // below −800 nothing is left, times infinity too
	}
}

// PullSilu sets every element of dx to dy times the derivative of Silu at x, σ(x)(1 + x(1 − σ(x))).
func PullSilu[F params.Float](dx, x, dy []F) {
	sameLength(len(dx), len(x))
	sameLength(len(dx), len(dy))
	if level > plain {
		if dx, ok := any(dx).([]float32); ok {
			pullSilu32(dx, any(x).([]float32), any(dy).([]float32))
			return
		}
	}
	for i, v := range x {
		s := sigmoid(v)
		dx[i] = dy[i] * (s * (1 + v*(1-s)))
	}
}

// invSqrt2Pi is 1/√(2π).
const invSqrt2Pi = 1 / (math.Sqrt2 * 1.77245385090551602729816748334114518)

// below is Φ(x).
func below(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// gatedBlock is how many elements the loops below take at a time, so that what lies between fits the stack.
const gatedBlock = 256

func silu32(y, x []float32) {
	var s [gatedBlock]float32
	for len(x) > 0 {
		n := min(len(x), gatedBlock)
		sigmoidAVX2(s[:n], x[:n])
		for i, v := range x[:n] {
			if v < -87 {
				v = 0
			}
			y[i] = v * s[i]
		}
		x, y = x[n:], y[n:]
	}
}

func pullSilu32(dx, x, dy []float32) {
	var s [gatedBlock]float32
	for len(x) > 0 {
		n := min(len(x), gatedBlock)
		sigmoidAVX2(s[:n], x[:n])
		for i, v := range x[:n] {
			dx[i] = dy[i] * (s[i] * (1 + v*(1-s[i])))
		}
		x, dx, dy = x[n:], dx[n:], dy[n:]
	}
}
