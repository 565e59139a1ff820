package inner

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// A matrix is an operand of gemm: rows×cols elements, row-major and without gaps.
type matrix[F params.Float] struct {
	data       []F
	rows, cols int
	trans      bool // stands for its transpose
}

func (m matrix[F]) t() matrix[F] {
	m.trans = !m.trans
	return m
}

// gemm computes c = a·b + beta·c, where beta is 0 or 1: in assembly where there is some, by Gonum elsewhere. Gonum leaves
// out products with a zero in a, so what is not finite in b may go unseen.
func gemm[F params.Float](a, b matrix[F], beta F, c matrix[F]) {
	inner := a.cols
	if a.trans {
		inner = a.rows
	}
	if !kernel.Gemm(c.data, a.data, b.data, c.rows, inner, c.cols, a.trans, b.trans, beta != 0) {
		tiles(a, b, inner, beta, c)
	}
}

// tile bounds the part of a result that is computed in one call of Gonum's Gemm: three of its 64×64 blocks, the most
// that it works on without starting goroutines. Those would allocate, and episodes run side by side anyhow.
const tileRows, tileCols = 3 * 64, 64

// tiles is gemm by Gonum.
func tiles[F params.Float](a, b matrix[F], inner int, beta F, c matrix[F]) {
	for i := 0; i < c.rows; i += tileRows {
		rows := min(tileRows, c.rows-i)
		ta, at := blas.NoTrans, i*a.cols
		if a.trans {
			ta, at = blas.Trans, i
		}
		for j := 0; j < c.cols; j += tileCols {
			cols := min(tileCols, c.cols-j)
			tb, bt := blas.NoTrans, j
			if b.trans {
				tb, bt = blas.Trans, j*b.cols
			}
			tile(ta, tb, rows, cols, inner, a.data[at:], a.cols, b.data[bt:], b.cols, beta, c.data[i*c.cols+j:], c.cols)
		}
	}
}

// tile is BLAS's xGEMM with alpha 1.
func tile[F params.Float](ta, tb blas.Transpose, m, n, k int, a []F, lda int, b []F, ldb int, beta F, c []F, ldc int) {
	switch a := any(a).(type) {
	case []float32:
		blas32.Implementation().Sgemm(ta, tb, m, n, k, 1, a, lda, any(b).([]float32), ldb, float32(beta), any(c).([]float32), ldc)
	case []float64:
		blas64.Implementation().Dgemm(ta, tb, m, n, k, 1, a, lda, any(b).([]float64), ldb, float64(beta), any(c).([]float64), ldc)
	}
}
