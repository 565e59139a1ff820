package kernel

import (
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/params"
)

// The reference goes through float64, so that float32 results are right to half an ulp. Those of the assembly are right
// to a few ulps, and take x beyond ±87 for ±87 in an exponential.

func sigmoid[F params.Float](x F) F { return F(1 / (1 + math.Exp(-float64(x)))) }

func tanh[F params.Float](x F) F { return F(math.Tanh(float64(x))) }

func decay[F params.Float](x F) F { return F(math.Exp(-math.Abs(float64(x)))) }

// Sigmoid sets every element of y to 1/(1 + e^−x). Here and below, y and x are of one length, and may be the same.
func Sigmoid[F params.Float](y, x []F) { each(y, x, sigmoidAVX2, sigmoid) }

// Tanh sets every element of y to tanh x.
func Tanh[F params.Float](y, x []F) { each(y, x, tanhAVX2, tanh) }

// Decay sets every element of y to e^−|x|.
func Decay[F params.Float](y, x []F) { each(y, x, decayAVX2, decay) }

func each[F params.Float](y, x []F, avx2 func(y, x []float32), generic func(x F) F) {
	sameLength(len(y), len(x))
	if useAVX2 {
		if y, ok := any(y).([]float32); ok {
			avx2(y, any(x).([]float32))
			return
		}
	}
	for i, v := range x {
		y[i] = generic(v)
	}
}

// Pixels sets every element of x to p/255, rounded once, for bytes p.
func Pixels[F params.Float](x []F, p []byte) {
	sameLength(len(x), len(p))
	done := 0
	if useAVX2 && len(p) >= 8 {
		if x, ok := any(x).([]float32); ok {
			done = len(p) &^ 7
			pixelsAVX2(x, p[:done])
		}
	}
	for i, v := range p[done:] {
		x[done+i] = F(v) / 255
	}
}

func sameLength(y, x int) {
	if y != x {
		panic(fmt.Sprintf("kernel: results of length %d for arguments of length %d", y, x))
	}
}
