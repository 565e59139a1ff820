package kernel

import (
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/params"
)

// The arithmetic of lowered graphs, see package graph. All slices of a call have one length, and the result may lie over
// what is read. Results but those of Exp and Log are rounded once, to nearest: assembly and plain Go give the same bits.

// Sub sets y = a − b.
func Sub(y, a, b []float32) {
	binary(y, a, b, subAVX2, func(a, b float32) float32 { return a - b })
}

// Mul sets y = a·b.
func Mul(y, a, b []float32) {
	binary(y, a, b, mulAVX2, func(a, b float32) float32 { return a * b })
}

// Div sets y = a/b.
func Div(y, a, b []float32) {
	binary(y, a, b, divAVX2, func(a, b float32) float32 { return a / b })
}

// Sqrt sets y = √x.
func Sqrt(y, x []float32) { each(y, x, sqrtAVX2, root) }

// Abs sets y = |x|.
func Abs(y, x []float32) {
	each(y, x, absAVX2, func(x float32) float32 { return float32(math.Abs(float64(x))) })
}

// Exp sets y = e^x, right to 4 ulp.
func Exp(y, x []float32) {
	each(y, x, expAVX2, func(x float32) float32 { return float32(math.Exp(float64(x))) })
}

// Log sets y = log x, right to 4 ulp.
func Log(y, x []float32) {
	for _, v := range x {
		if !(v >= 0x1p-126) { // of zero, of what is negative, too small to be normal or no number
			sameLength(len(y), len(x))
			for i, v := range x {
				y[i] = float32(math.Log(float64(v)))
			}
			return
		}
	}
	LogSize(y, x)
}

func binary(y, a, b []float32, avx2 func(y, a, b []float32), generic func(a, b float32) float32) {
	sameLength(len(y), len(a))
	sameLength(len(y), len(b))
	if level > plain {
		avx2(y, a, b)
		return
	}
	for i, v := range a {
		y[i] = generic(v, b[i])
	}
}

// CopyRows copies rows of cols numbers that lie ldSrc apart to where they lie ldDst apart. What is between them stays.
func CopyRows(dst, src []float32, rows, cols, ldDst, ldSrc int) {
	if rows < 1 || cols < 1 {
		return
	}
	if len(dst) < (rows-1)*ldDst+cols || len(src) < (rows-1)*ldSrc+cols || ldDst < 0 || ldSrc < 0 {
		panic(fmt.Sprintf("kernel: %d rows of %d, %d and %d apart, in %d and %d elements", rows, cols, ldDst, ldSrc, len(dst), len(src)))
	}
	if level > plain && cols >= 8 {
		copyRowsAVX2(dst, src, rows, cols, ldDst, ldSrc)
		return
	}
	for i := range rows {
		copy(dst[i*ldDst:i*ldDst+cols], src[i*ldSrc:])
	}
}

// Repeat fills rows, which lie end to end, with one row.
func Repeat[F params.Float](rows, row []F) {
	n := len(row)
	if n == 0 || len(rows)%n != 0 {
		panic(fmt.Sprintf("kernel: %d elements for rows of %d", len(rows), n))
	}
	if single, ok := any(rows).([]float32); ok {
		CopyRows(single, any(row).([]float32), len(rows)/n, n, n, 0)
		return
	}
	for ; len(rows) > 0; rows = rows[n:] {
		copy(rows, row)
	}
}
