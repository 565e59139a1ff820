package kernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
)

// normal returns n numbers drawn from N(0, 1), the same in both types but for rounding.
func normal(n int, key uint64) ([]float32, []float64) {
	x := make([]float32, n)
	rng.Normal(x, key, 1)
	y := make([]float64, n)
	for i, v := range x {
		y[i] = float64(v)
	}
	return x, y
}

// All levels in float32 against the definition in float64, for rows below, at and above a vector of cells.
func TestCellRows(t *testing.T) {
	for _, l := range levels() {
		t.Run(names[l], func(t *testing.T) {
			at(t, l)
			for n := 1; n < 26; n++ {
				const rows = 3
				z, z64 := normal(rows*4*n, 1)
				before, before64 := normal(rows*n, 2)
				dh, dh64 := normal(rows*n, 3)
				dc, dc64 := normal(rows*n, 4)
				c, tanhC, h := make([]float32, rows*n), make([]float32, rows*n), make([]float32, rows*n)
				c64, tanhC64, h64 := make([]float64, rows*n), make([]float64, rows*n), make([]float64, rows*n)
				CellRows(z, before, c, tanhC, h, n)
				CellRows(z64, before64, c64, tanhC64, h64, n)
				near := func(want []float64, got []float32) {
					t.Helper()
					for i, v := range want {
						require.InDelta(t, v, float64(got[i]), 3e-6, "%d of rows of %d", i, n)
					}
				}
				near(z64, z)
				near(c64, c)
				near(tanhC64, tanhC)
				near(h64, h)
				PullCellRows(z, before, tanhC, dh, dc, n)
				PullCellRows(z64, before64, tanhC64, dh64, dc64, n)
				near(z64, z)
				near(dc64, dc)
			}
		})
	}
}

// The way back is the derivative of the way there: of the sum of dh·h and dc·c, by every z and by the state before.
func TestPullCellRows(t *testing.T) {
	const rows, n = 2, 5
	_, z := normal(rows*4*n, 1)
	_, before := normal(rows*n, 2)
	_, dh := normal(rows*n, 3)
	_, dc := normal(rows*n, 4)
	c, tanhC, h := make([]float64, rows*n), make([]float64, rows*n), make([]float64, rows*n)
	along := func() (sum float64) {
		gates := append([]float64(nil), z...)
		CellRows(gates, before, c, tanhC, h, n)
		for i := range h {
			sum += dh[i]*h[i] + dc[i]*c[i]
		}
		return sum
	}
	slope := func(x *float64) float64 { return slopeOf(along, x) }
	dz, dBefore := append([]float64(nil), z...), append([]float64(nil), dc...)
	CellRows(dz, before, c, tanhC, h, n)
	PullCellRows(dz, before, tanhC, dh, dBefore, n)
	for i := range z {
		require.InDelta(t, slope(&z[i]), dz[i], 1e-8, "z %d", i)
	}
	for i := range before {
		require.InDelta(t, slope(&before[i]), dBefore[i], 1e-8, "before %d", i)
	}
}

func TestCellRowsChecksLengths(t *testing.T) {
	v := make([]float32, 8)
	assert.PanicsWithValue(t, "kernel: 8 gates of cells in rows of 2, and 8 of what goes with them", func() { CellRows(v, v, v, v, v, 2) })
	assert.Panics(t, func() { PullCellRows(v, v[:2], v[:2], v[:2], v[:1], 2) })
	assert.Panics(t, func() { CellRows(v, v[:2], v[:2], v[:2], v[:2], 0) })
}
