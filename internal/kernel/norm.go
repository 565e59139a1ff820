package kernel

import (
	"math"

	"github.com/seed1498fded/unroll/params"
)

// NormRow normalises a row x (Ba, Kiros and Hinton 2016): unit = (x − mean)·scale, y = unit·gain + bias, with scale = 1/√(variance +
// epsilon), which it returns. y, unit and x do not overlap. It panics if lengths differ or are 0.
func NormRow[F params.Float](y, unit, x, gain, bias []F, epsilon F) (scale F) {
	row(len(x), len(y), len(unit), len(gain), len(bias))
	if y, ok := any(y).([]float32); ok && level > plain {
		unit, x, gain, bias := any(unit).([]float32), any(x).([]float32), any(gain).([]float32), any(bias).([]float32)
		return F(normRowAVX2(y, unit, x, gain, bias, float32(epsilon)))
	}
	var sum, squares F
	for _, v := range x {
		sum += v
	}
	mean := sum / F(len(x))
	for i, v := range x {
		unit[i] = v - mean
		squares += unit[i] * unit[i]
	}
	scale = F(1 / math.Sqrt(float64(squares)/float64(len(x))+float64(epsilon)))
	for i := range unit {
		unit[i] *= scale
		y[i] = unit[i]*gain[i] + bias[i]
	}
	return scale
}

// PullNormRow is the way back of NormRow, of which it is given unit and scale: it adds the cotangents of x, gain and bias, for dy, to
// dx, dGain and dBias.
func PullNormRow[F params.Float](dx, dGain, dBias, dy, unit, gain []F, scale F) {
	row(len(dx), len(dGain), len(dBias), len(dy), len(unit), len(gain))
	if dx, ok := any(dx).([]float32); ok && level > plain {
		dGain, dBias, dy := any(dGain).([]float32), any(dBias).([]float32), any(dy).([]float32)
		pullNormRowAVX2(dx, dGain, dBias, dy, any(unit).([]float32), any(gain).([]float32), float32(scale))
		return
	}
	var sum, along F // of the cotangents of unit, and of these times unit
	for i, v := range dy {
		dGain[i] += v * unit[i]
		dBias[i] += v
		v *= gain[i]
		sum += v
		along += v * unit[i]
	}
	sum, along = sum/F(len(dx)), along/F(len(dx))
	for i, v := range dy {
		dx[i] += scale * (v*gain[i] - sum - unit[i]*along)
	}
}

// row checks that lengths are all alike, and not zero.
func row(n int, others ...int) {
	if n == 0 {
		panic("kernel: a row of no numbers")
	}
	for _, l := range others {
		sameLength(l, n)
	}
}
