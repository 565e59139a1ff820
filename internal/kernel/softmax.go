package kernel

import (
	"math"
	"slices"

	"github.com/seed1498fded/unroll/params"
)

// Softmax sets y to mass·softmax(scale·x) for one row x and a scale above 0, and returns the largest element of x and the sum of
// e^(scale·(x − top)). y may be x. Where anything in a row is NaN or +Inf, all of y and the sum are NaN.
func Softmax[F params.Float](y, x []F, scale, mass F) (top F, sum float64) {
	sameLength(len(y), len(x))
	if len(x) == 0 {
		panic("kernel: softmax of nothing")
	}
	if single, ok := any(y).([]float32); ok && level > plain {
		top, sum := softmaxAVX2(single, any(x).([]float32), float32(scale), float32(mass))
		return F(top), sum
	}
	top = slices.Max(x)
	for i, v := range x {
		e := math.Exp(float64(scale * (v - top)))
		sum += e
		y[i] = F(e)
	}
	share := F(float64(mass) / sum)
	for i := range y {
		y[i] *= share
	}
	return top, sum
}
