package kernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// All levels in float32 against the definition in float64, for rows below, at and above a vector; what lies behind a row stays.
func TestNormRow(t *testing.T) {
	for _, l := range levels() {
		t.Run(names[l], func(t *testing.T) {
			at(t, l)
			for n := 1; n < 40; n++ {
				x, x64 := normal(n, 1)
				gain, gain64 := normal(n, 2)
				bias, bias64 := normal(n, 3)
				dy, dy64 := normal(n, 4)
				dx, dx64 := normal(n+1, 5)
				dGain, dGain64 := normal(n+1, 6)
				dBias, dBias64 := normal(n+1, 7)
				behind := []float32{dx[n], dGain[n], dBias[n]}
				y, unit, y64, unit64 := make([]float32, n+1), make([]float32, n+1), make([]float64, n), make([]float64, n)
				const epsilon = .1
				near := func(want []float64, got []float32) {
					t.Helper()
					for i, v := range want {
						require.InDelta(t, v, float64(got[i]), 2e-5, "%d of %d", i, n)
					}
				}
				scale := NormRow(y[:n], unit[:n], x, gain, bias, epsilon)
				scale64 := NormRow(y64, unit64, x64, gain64, bias64, epsilon)
				near(y64, y)
				near(unit64, unit)
				near([]float64{scale64}, []float32{scale})
				require.Zero(t, y[n])
				require.Zero(t, unit[n])
				PullNormRow(dx[:n], dGain[:n], dBias[:n], dy, unit[:n], gain, scale)
				PullNormRow(dx64[:n], dGain64[:n], dBias64[:n], dy64, unit64, gain64, scale64)
				near(dx64, dx)
				near(dGain64, dGain)
				near(dBias64, dBias)
				require.Equal(t, behind, []float32{dx[n], dGain[n], dBias[n]})
			}
		})
	}
	assert.Panics(t, func() { NormRow[float32](nil, nil, nil, nil, nil, 1) })
	assert.Panics(t, func() { PullNormRow(make([]float32, 2), nil, nil, nil, nil, nil, 1) })
}

// The way back is the derivative of the way there: of the sum of dy·y, by every x, gain and bias.
func TestPullNormRow(t *testing.T) {
	const n, epsilon = 5, .01
	_, x := normal(n, 1)
	_, gain := normal(n, 2)
	_, bias := normal(n, 3)
	_, dy := normal(n, 4)
	y, unit := make([]float64, n), make([]float64, n)
	along := func() (sum float64) {
		NormRow(y, unit, x, gain, bias, epsilon)
		for i, v := range y {
			sum += dy[i] * v
		}
		return sum
	}
	slope := func(x *float64) float64 { return slopeOf(along, x) }
	dx, dGain, dBias := make([]float64, n), make([]float64, n), make([]float64, n)
	scale := NormRow(y, unit, x, gain, bias, epsilon)
	PullNormRow(dx, dGain, dBias, dy, unit, gain, scale)
	for i := range n {
		require.InDelta(t, slope(&x[i]), dx[i], 1e-8)
		require.InDelta(t, slope(&gain[i]), dGain[i], 1e-8)
		require.InDelta(t, slope(&bias[i]), dBias[i], 1e-8)
	}
}

// slopeOf returns the derivative of f by a number that it depends on, by central differences.
func slopeOf(f func() float64, x *float64) float64 {
	const step = 1e-5
	v := *x
	*x = v + step
	above := f()
	*x = v - step
	below := f()
	*x = v
	return (above - below) / (2 * step)
}
