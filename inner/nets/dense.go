package nets

import (
	"fmt"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/matrix"
	"github.com/seed1498fded/unroll/params"
)

// Dense is a fully connected layer of 1 or more Units: u = x·W + b with W [inputs, Units] and b [Units]. Of an image it
// sees the elements, channel by channel and row by row. The fan-in is the number of inputs.
type Dense struct{ Units int }

// String implements Layer.
func (d Dense) String() string { return fmt.Sprintf("dense %d", d.Units) }

// dense is Dense for a number of inputs. Its three products are written by hand, and tested against those that
// internal/graph derives.
type dense[F params.Float] struct{ in, units int }

func newDense[F params.Float](d Dense, in Shape) (affine[F], error) {
	if d.Units < 1 {
		return nil, fmt.Errorf("%d units; want 1 or more", d.Units)
	}
	return dense[F]{in.Size(), d.Units}, nil
}

func (d dense[F]) weights() (w, b []int) { return []int{d.in, d.units}, []int{d.units} }

func (d dense[F]) fans() (in, out int) { return d.in, d.units }

func (d dense[F]) out() Shape { return Vector(d.units) }

func (d dense[F]) forward(u, x, w, b []F, n int) {
	kernel.Repeat(u, b)
	matrix.MulShared(matrix.Of(u, n, d.units), matrix.Of(x, n, d.in), matrix.Of(w, d.in, d.units), true)
}

func (d dense[F]) back(dx, w, du []F, n int) {
	matrix.MulShared(matrix.Of(dx, n, d.in), matrix.Of(du, n, d.units), matrix.Of(w, d.in, d.units).T(), false)
}

// transpose returns wᵀ, [units, inputs].
func (d dense[F]) transpose(w []F) []F {
	transposed := make([]F, len(w))
	for i := range d.in {
		for j := range d.units {
			transposed[j*d.in+i] = w[i*d.units+j]
		}
	}
	return transposed
}

func (d dense[F]) backTransposed(dx, transposed, du []F, n int) {
	matrix.MulShared(matrix.Of(dx, n, d.in), matrix.Of(du, n, d.units), matrix.Of(transposed, d.units, d.in), false)
}

func (d dense[F]) gradient(dw, db, x, du []F, n int) {
	matrix.MulShared(matrix.Of(dw, d.in, d.units), matrix.Of(x, n, d.in).T(), matrix.Of(du, n, d.units), false)
	kernel.SumRows(db, du[:n*d.units])
}
