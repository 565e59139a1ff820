package kernel

import (
	"math"

	"github.com/seed1498fded/unroll/params"
)

// Activations of the form y = x·g(x), with g from 0 to 1. In all of them y and x, and dx and what it is made of, may be the same.

// Gelu sets every element of y to x·Φ(x), Φ being the distribution function of N(0, 1) (Hendrycks and Gimpel 2016): exactly, not by
// tanh. In float32 with assembly Φ is right to some 1e-6 of itself.
func Gelu[F params.Float](y, x []F) {
	sameLength(len(y), len(x))
	if level > plain {
		if y, ok := any(y).([]float32); ok {
			gelu32(y, any(x).([]float32))
			return
		}
	}
	for i, v := range x {
		y[i] = F(max(float64(v), -40) * below(float64(v))) // below −40 nothing is left, times infinity too
	}
}

// PullGelu sets every element of dx to dy times the derivative of Gelu at x, Φ(x) + x·φ(x), where y is what Gelu gave for x.
func PullGelu[F params.Float](dx, x, y, dy []F) {
	sameLength(len(dx), len(x))
	sameLength(len(dx), len(y))
	sameLength(len(dx), len(dy))
	if level > plain {
		if dx, ok := any(dx).([]float32); ok {
			pullGelu32(dx, any(x).([]float32), any(y).([]float32), any(dy).([]float32))
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

// tail sets p to Φ(−|x|), which is ½erfc(z) with z = |x|/√2. Numerical Recipes (Press et al. 1992, section 6.2) give
// erfc(z) = t·e^(P(t) − z²) with t = 1/(1 + z/2) and a polynomial P, right to 1.2e-7 of itself everywhere. Far out a rounded z² would
// cost more than that: z² = x²/2 is taken apart into near², which is exact, and the rest.
func tail(p, x []float32) {
	p = p[:len(x)]
	var rest, scale [gatedBlock]float32
	for i, v := range x {
		v = float32(math.Abs(float64(v)))
		t := 1 / (1 + v*(1/(2*math.Sqrt2)))
		scale[i] = t / 2
		if v > farOut {
			v, scale[i] = farOut, 0
		}
		s := float32(0.17087277)
		s = s*t - 0.82215223
		s = s*t + 1.48851587
		s = s*t - 1.13520398
		s = s*t + 0.27886807
		s = s*t - 0.18628806
		s = s*t + 0.09678418
		s = s*t + 0.37409196
		s = s*t + 1.00002368
		near := math.Float32frombits(math.Float32bits(v) &^ 0xfff)
		rest[i] = s*t - 1.26551223 - (v-near)*(v+near)/2
		p[i] = near * near / 2
	}
	decayAVX2(p, p)
	decayAVX2(rest[:len(x)], rest[:len(x)])
	for i := range p {
		p[i] *= rest[i] * scale[i]
	}
}

// farOut is where Φ(−x) counts as nothing.
const farOut = 14

func gelu32(y, x []float32) {
	var p [gatedBlock]float32
	for len(x) > 0 {
		n := min(len(x), gatedBlock)
		tail(p[:n], x[:n])
		for i, v := range x[:n] {
			size, on := v, v
			if v < 0 {
				size, on = -v, 0
			}
			if size > farOut {
				size = farOut
			}
			y[i] = on - size*p[i]
		}
		x, y = x[n:], y[n:]
	}
}

// pullGelu32 has Φ(x) from y = x·Φ(x), which is cheaper than anew.
func pullGelu32(dx, x, y, dy []float32) {
	var density [gatedBlock]float32
	for len(x) > 0 {
		n := min(len(x), gatedBlock)
		for i, v := range x[:n] {
			density[i] = v * v / 2
		}
		decayAVX2(density[:n], density[:n])
		for i, v := range x[:n] {
			phi := y[i] / v
			if -1e-30 < v && v < 1e-30 {
				phi = .5
			}
			dx[i] = dy[i] * (phi + v*density[i]*invSqrt2Pi)
		}
		x, y, dx, dy = x[n:], y[n:], dx[n:], dy[n:]
	}
}

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
