package kernel

import (
	"fmt"

	"github.com/seed1498fded/unroll/params"
)

// Gemm computes C = A·B, or C += A·B if add, for A [n, k], B [k, m] and C [n, m] without gaps; where transA or transB is
// set, what lies there is the transpose, [k, n] or [m, k]. It reports whether it did: it does not, and touches nothing,
// where there is no assembly for it.
//
// Every element is the sum of its products in their order, with one rounding for each, whatever the sizes.
func Gemm[F params.Float](c, a, b []F, n, k, m int, transA, transB, add bool) bool {
	single, ok := any(c).([]float32)
	if !ok || level == plain {
		return false
	}
	if n < 1 || k < 1 || m < 1 || len(a) < n*k || len(b) < k*m || len(c) < n*m {
		panic(fmt.Sprintf("kernel: product [%d %d]·[%d %d] of %d and %d elements into %d",
			n, k, k, m, len(a), len(b), len(c)))
	}
	rowA, colA := k, 1
	if transA {
		rowA, colA = 1, n
	}
	a32, b32 := any(a).([]float32), any(b).([]float32)
	if transB {
		gemmFlipped(single, a32, b32, n, k, m, rowA, colA, add)
	} else {
		gemm(single, a32, b32, n, k, m, m, rowA, colA, m, add)
	}
	return true
}

// gemmFlipped is gemm for C and Bᵀ without gaps. It turns B over block by block.
func gemmFlipped(c, a, b []float32, n, k, m, rowA, colA int, add bool) {
	const depth, panel = 64, 24 // as wide as the tiles of the assembly
	var block [depth * panel]float32
	for j := 0; j < m; j += panel {
		cols := min(panel, m-j)
		for p := 0; p < k; p += depth {
			rows := min(depth, k-p)
			for col := range cols {
				from := b[(j+col)*k+p:][:rows]
				for row, v := range from {
					block[row*panel+col] = v
				}
			}
			gemm(c[j:], a[p*colA:], block[:], n, rows, cols, m, rowA, colA, panel, add || p > 0)
		}
	}
}
