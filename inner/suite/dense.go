package suite

import (
	"math"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/matrix"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// A dense layer is y = x·W + b for rows of x, with W [in, out] and b [out].
type dense[F params.Float] struct {
	in, out int
	w, b    span
}

func newDense[F params.Float](p *plan, name string, in, out int) dense[F] {
	return dense[F]{in: in, out: out, w: p.add(name+".w", in, out), b: p.add(name+".b", out)}
}

// start draws W from N(0, gain/in) and sets b to zero.
func (d dense[F]) start(theta []F, key uint64, gain float64) {
	rng.Normal(of(d.w, theta), key, math.Sqrt(gain/float64(d.in)))
	clear(of(d.b, theta))
}

// forward overwrites y.
func (d dense[F]) forward(y, x, theta []F, rows int) {
	kernel.Repeat(y[:rows*d.out], of(d.b, theta))
	d.add(y, x, theta, rows)
}

// add adds x·W to y.
func (d dense[F]) add(y, x, theta []F, rows int) {
	matrix.Mul(matrix.Of(y[:rows*d.out], rows, d.out), matrix.Of(x[:rows*d.in], rows, d.in), d.weights(theta), true)
}

func (d dense[F]) weights(theta []F) matrix.Matrix[F] { return matrix.Of(of(d.w, theta), d.in, d.out) }

// gradient overwrites the layer's part of grad.
func (d dense[F]) gradient(grad, x, dy []F, rows int) {
	x, dy = x[:rows*d.in], dy[:rows*d.out]
	matrix.Mul(d.weights(grad), matrix.Of(x, rows, d.in).T(), matrix.Of(dy, rows, d.out), false)
	kernel.SumRows(of(d.b, grad), dy)
}

// back overwrites dx.
func (d dense[F]) back(dx, dy, theta []F, rows int) {
	matrix.Mul(matrix.Of(dx[:rows*d.in], rows, d.in), matrix.Of(dy[:rows*d.out], rows, d.out), d.weights(theta).T(), false)
}
