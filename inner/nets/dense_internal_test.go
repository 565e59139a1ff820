package nets

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/matrix"
	"github.com/seed1498fded/unroll/internal/rng"
)

// Inputs that are zero throughout a batch are left out at both ends, and nobody can tell.
func TestDarkBordersAreLeftOut(t *testing.T) {
	const n = 5
	for _, units := range []int{1, 10, 32, 100} {
		for _, in := range []int{63, 64, 100} {
			for _, lit := range [][2]int{{0, in}, {1, in}, {9, in - 9}, {30, 31}, {0, 1}, {in - 1, in}, {0, 0}} {
				d := dense[float32]{in, units}
				x, w, b, du := make([]float32, n*in), make([]float32, in*units), make([]float32, units), make([]float32, n*units)
				for i, v := range [][]float32{x, w, b, du} {
					rng.Normal(v, uint64(i), 1)
				}
				for row := range n {
					clear(x[row*in : row*in+lit[0]])
					clear(x[row*in+lit[1] : (row+1)*in])
				}
				name := fmt.Sprint(in, units, lit)

				u, want := make([]float32, n*units), make([]float32, n*units)
				for i := range want {
					want[i] = b[i%units]
				}
				matrix.Mul(matrix.Of(want, n, units), matrix.Of(x, n, in), matrix.Of(w, in, units), true)
				d.forward(u, x, w, b, n)
				require.Equal(t, want, u, name)

				dw, db, all := make([]float32, in*units), make([]float32, units), make([]float32, in*units)
				rng.Normal(dw, 7, 1)
				for _, bad := range []float32{du[0], float32(math.Inf(1))} { // zero times infinity is no number
					du[0] = bad
					d.gradient(dw, db, x, du, n)
					matrix.Mul(matrix.Of(all, in, units), matrix.Of(x, n, in).T(), matrix.Of(du, n, units), false)
					if bad-bad == 0 {
						require.Equal(t, all, dw, name)
					} else {
						require.Equal(t, math.IsNaN(float64(all[0])), math.IsNaN(float64(dw[0])), name)
					}
				}
			}
		}
	}
}
