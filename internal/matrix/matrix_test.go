package matrix_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/matrix"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

func TestMul(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testMul[float32](t, 1e-4) })
	t.Run("float64", func(t *testing.T) { testMul[float64](t, 1e-12) })
}

// Plain and transposed operands, sizes below, at and above those of tiles, against the definition.
func testMul[F params.Float](t *testing.T, tol float64) {
	for _, size := range [][3]int{{1, 1, 1}, {3, 5, 2}, {64, 64, 64}, {193, 7, 65}, {200, 130, 129}, {50, 130, 129}} {
		n, k, m := size[0], size[1], size[2]
		a, b, c := make([]F, n*k), make([]F, k*m), make([]F, n*m)
		rng.Normal(a, 1, 1)
		rng.Normal(b, 2, 1)
		rng.Normal(c, 3, 1)
		for trans := range 8 {
			x, y := matrix.Of(a, n, k), matrix.Of(b, k, m)
			if trans&1 != 0 {
				x = matrix.Of(a, k, n).T()
			}
			if trans&2 != 0 {
				y = matrix.Of(b, m, k).T()
			}
			add := trans&4 != 0
			got, shared := append([]F(nil), c...), append([]F(nil), c...)
			matrix.Mul(matrix.Of(got, n, m), x, y, add)
			matrix.MulShared(matrix.Of(shared, n, m), x, y, add)
			require.Equal(t, got, shared)
			for i := range n {
				for j := range m {
					want := 0.0
					if add {
						want = float64(c[i*m+j])
					}
					for p := range k {
						want += float64(at(x, i, p)) * float64(at(y, p, j))
					}
					require.InDelta(t, want, float64(got[i*m+j]), tol, fmt.Sprint(size, trans, i, j))
				}
			}
		}
	}
}

func at[F params.Float](m matrix.Matrix[F], i, j int) F {
	if m.Trans {
		i, j = j, i
	}
	return m.Data[i*m.Cols+j]
}

func TestOfChecksItsLength(t *testing.T) {
	require.PanicsWithValue(t, "matrix: 5 elements for 2 rows of 3", func() { matrix.Of(make([]float32, 5), 2, 3) })
}

// Parts of larger matrices multiply like copies of them, and what lies between their rows stays.
func TestMulOfParts(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testMulOfParts[float32](t) })
	t.Run("float64", func(t *testing.T) { testMulOfParts[float64](t) })
}

func testMulOfParts[F params.Float](t *testing.T) {
	const n, k, m, gap = 130, 20, 97, 3
	for trans := range 8 {
		part := func(rows, cols int, flip bool, key uint64) (part, whole matrix.Matrix[F]) {
			if flip {
				rows, cols = cols, rows
			}
			x, y := make([]F, rows*(cols+gap)-gap), make([]F, rows*cols)
			rng.Normal(x, key, 1)
			for i := range rows {
				copy(y[i*cols:(i+1)*cols], x[i*(cols+gap):])
			}
			part, whole = matrix.Part(x, rows, cols, cols+gap), matrix.Of(y, rows, cols)
			if flip {
				return part.T(), whole.T()
			}
			return part, whole
		}
		a, a0 := part(n, k, trans&1 != 0, 1)
		b, b0 := part(k, m, trans&2 != 0, 2)
		c, c0 := part(n, m, false, 3)
		before := append([]F(nil), c.Data...)
		matrix.Mul(c, a, b, trans&4 != 0)
		matrix.Mul(c0, a0, b0, trans&4 != 0)
		for i, v := range c.Data {
			if row, col := i/(m+gap), i%(m+gap); col < m {
				require.InDelta(t, float64(c0.Data[row*m+col]), float64(v), 1e-5)
			} else {
				require.Equal(t, before[i], v)
			}
		}
	}
	require.Panics(t, func() { matrix.Part(make([]F, 10), 3, 3, 4) })
	require.Panics(t, func() { matrix.Part(make([]F, 10), 2, 3, 2) })
}

func BenchmarkMul(b *testing.B) {
	for _, size := range [][3]int{{128, 784, 256}, {128, 256, 256}, {784, 128, 256}, {128, 784, 20}} {
		n, k, m := size[0], size[1], size[2]
		x, y, c := make([]float32, n*k), make([]float32, k*m), make([]float32, n*m)
		rng.Normal(x, 1, 1)
		rng.Normal(y, 2, 1)
		for name, f := range map[string]func(){
			"plain":  func() { matrix.Mul(matrix.Of(c, n, m), matrix.Of(x, n, k), matrix.Of(y, k, m), false) },
			"a":      func() { matrix.Mul(matrix.Of(c, n, m), matrix.Of(x, k, n).T(), matrix.Of(y, k, m), false) },
			"b":      func() { matrix.Mul(matrix.Of(c, n, m), matrix.Of(x, n, k), matrix.Of(y, m, k).T(), false) },
			"shared": func() { matrix.MulShared(matrix.Of(c, n, m), matrix.Of(x, n, k), matrix.Of(y, k, m), false) },
		} {
			b.Run(fmt.Sprint(n, k, m, name), func(b *testing.B) {
				for b.Loop() {
					f()
				}
				b.ReportMetric(2*float64(n*k*m)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
			})
		}
	}
}
