// Package matrix multiplies matrices: in assembly where there is some, by Gonum elsewhere.
package matrix

import (
	"fmt"
	"runtime"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// A Matrix is Rows×Cols elements, row-major, or the transpose of that.
type Matrix[F params.Float] struct {
	Data       []F
	Rows, Cols int
	Apart      int  // of the beginnings of rows: Cols, where there are no gaps
	Trans      bool // it stands for its transpose
}

// Of returns a matrix whose elements are data.
func Of[F params.Float](data []F, rows, cols int) Matrix[F] {
	if len(data) != rows*cols {
		panic(fmt.Sprintf("matrix: %d elements for %d rows of %d", len(data), rows, cols))
	}
	return Matrix[F]{Data: data, Rows: rows, Cols: cols, Apart: cols}
}

// Part returns a matrix of the first rows times cols elements of a larger one, whose rows begin so many elements apart.
func Part[F params.Float](data []F, rows, cols, apart int) Matrix[F] {
	if apart < cols || len(data) < (rows-1)*apart+cols {
		panic(fmt.Sprintf("matrix: %d elements for %d rows of %d, %d apart", len(data), rows, cols, apart))
	}
	return Matrix[F]{Data: data, Rows: rows, Cols: cols, Apart: apart}
}

// T returns the transpose.
func (m Matrix[F]) T() Matrix[F] {
	m.Trans = !m.Trans
	return m
}

// Mul computes c = a·b, or c += a·b if add. c is not a transpose. Gonum leaves out products with a zero in a, so what is not
// finite in b may go unseen.
func Mul[F params.Float](c, a, b Matrix[F], add bool) {
	depth := a.depth()
	if !kernel.GemmApart(c.Data, a.Data, b.Data, c.Apart, a.Apart, b.Apart, c.Rows, depth, c.Cols, a.Trans, b.Trans, add) {
		tiles(c, a, b, depth, add)
	}
}

// depth returns the length of a row of a.
func (m Matrix[F]) depth() int {
	if m.Trans {
		return m.Rows
	}
	return m.Cols
}

// worthSharing is the number of multiplications from which MulShared asks other goroutines for help: some 30 µs for one, where
// waking another takes a few, and many more when all processors are busy.
const worthSharing = 1 << 22

// Shares reports whether MulShared asks others for help with a product of [n, k] and [k, m], or would if there were any.
func Shares(n, k, m int) bool { return n*k*m >= worthSharing }

// MulShared is Mul, of matrices without gaps, with the rows of c shared among up to GOMAXPROCS goroutines. The result is the same to the bit.
func MulShared[F params.Float](c, a, b Matrix[F], add bool) {
	depth, workers := a.depth(), runtime.GOMAXPROCS(0)
	if workers == 1 || !Shares(c.Rows, depth, c.Cols) {
		Mul(c, a, b, add)
		return
	}
	share := ((c.Rows+workers-1)/workers + 7) / 8 * 8
	var busy sync.WaitGroup
	rows := func(first int) bool {
		return kernel.GemmRows(c.Data, a.Data, b.Data, c.Rows, depth, c.Cols, first, min(first+share, c.Rows), a.Trans, b.Trans, add)
	}
	for first := share; first < c.Rows; first += share {
		busy.Go(func() { rows(first) })
	}
	done := rows(0)
	busy.Wait()
	if !done {
		tiles(c, a, b, depth, add)
	}
}

// tile bounds the part of a result that is computed in one call of Gonum's Gemm: three of its 64×64 blocks, the most
// that it works on without starting goroutines. Those would allocate, and episodes run side by side anyhow.
const tileRows, tileCols = 3 * 64, 64

// tiles is Mul by Gonum.
func tiles[F params.Float](c, a, b Matrix[F], depth int, add bool) {
	var beta F
	if add {
		beta = 1
	}
	for i := 0; i < c.Rows; i += tileRows {
		rows := min(tileRows, c.Rows-i)
		ta, at := blas.NoTrans, i*a.Apart
		if a.Trans {
			ta, at = blas.Trans, i
		}
		for j := 0; j < c.Cols; j += tileCols {
			cols := min(tileCols, c.Cols-j)
			tb, bt := blas.NoTrans, j
			if b.Trans {
				tb, bt = blas.Trans, j*b.Apart
			}
			tile(ta, tb, rows, cols, depth, a.Data[at:], a.Apart, b.Data[bt:], b.Apart, beta, c.Data[i*c.Apart+j:], c.Apart)
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
