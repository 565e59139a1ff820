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

// worthTrimming is the number of inputs from which it is worth looking which of them are zero.
const worthTrimming = 64

// span returns the inputs from the first to before the last that are not zero throughout a batch: images have dark borders. What
// a product leaves out there are zeros, so that the rest is the same to the bit. Large products are shared among goroutines as
// they are.
func (d dense[F]) span(x []F, n int) (first, last int) {
	if d.in < worthTrimming || matrix.Shares(n, d.in, d.units) {
		return 0, d.in
	}
	return kernel.Span(x, d.in)
}

// strided is a matrix of float32, as is known, whose rows lie ld apart.
func strided[F params.Float](x []F, ld int) kernel.Strided {
	return kernel.Strided{Data: any(x).([]float32), Row: ld, Col: 1}
}

func (d dense[F]) forward(u, x, w, b []F, n int) {
	kernel.Repeat(u, b)
	first, last := d.span(x, n)
	switch depth := last - first; depth {
	case 0:
	case d.in:
		matrix.MulShared(matrix.Of(u, n, d.units), matrix.Of(x, n, d.in), matrix.Of(w, d.in, d.units), true)
	default:
		below := w[first*d.units:]
		kernel.GemmStrided(strided(u, d.units), strided(x[first:], d.in), strided(below, d.units), n, depth, d.units, true)
	}
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
	kernel.SumRows(db, du[:n*d.units])
	if first, last := d.span(x, n); last-first < d.in && kernel.Finite(db) { // zeros times infinity are no zeros
		first, last = first&^7, min((last+7)&^7, d.in) // rows of a product come eight at a time
		clear(dw[:first*d.units])
		clear(dw[last*d.units:])
		kernel.GemmRows(dw, x, du, d.in, n, d.units, first, last, true, false, false)
		return
	}
	matrix.MulShared(matrix.Of(dw, d.in, d.units), matrix.Of(x, n, d.in).T(), matrix.Of(du, n, d.units), false)
}
