package kernel

import (
	"fmt"
	"math"
	"unsafe"

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

func elu[F params.Float](x F) F {
	if x > 0 {
		return x
	}
	return F(math.Expm1(float64(x)))
}

// ELU sets every element of y to the exponential-linear unit of x: x above 0, e^x − 1 below.
func ELU[F params.Float](y, x []F) { each(y, x, eluAVX2, elu) }

// ELUBack carries the cotangents d of results y of ELU back to its arguments: dx = d·(1 + min(y, 0)), which may lie over d.
func ELUBack(dx, d, y []float32) {
	binary(dx, d, y, eluBackAVX2, func(d, y float32) float32 { return d + d*min(y, 0) })
}

func logSize[F params.Float](x F) F {
	return F(math.Log(max(math.Abs(float64(x)), smallestNormal[F]())))
}

// smallestNormal is 2^−126 or 2^−1022.
func smallestNormal[F params.Float]() float64 {
	if unsafe.Sizeof(F(0)) == 4 {
		return 0x1p-126
	}
	return 0x1p-1022
}

// LogSize sets every element of y to log|x|, where |x| counts as the smallest normal number if it is below it.
func LogSize[F params.Float](y, x []F) { each(y, x, logSizeAVX2, logSize) }

func each[F params.Float](y, x []F, avx2 func(y, x []float32), generic func(x F) F) {
	sameLength(len(y), len(x))
	if level > plain {
		if y, ok := any(y).([]float32); ok {
			avx2(y, any(x).([]float32))
			return
		}
	}
	for i, v := range x {
		y[i] = generic(v)
	}
}

func sameLength(y, x int) {
	if y != x {
		panic(fmt.Sprintf("kernel: results of length %d for arguments of length %d", y, x))
	}
}
