package suite

import (
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// normEpsilon is added to variances.
const normEpsilon = 1e-5

// A norm is layer normalisation (Ba, Kiros and Hinton 2016): each row made mean 0 and variance 1, times gain plus bias, [width].
type norm[F params.Float] struct {
	width      int
	gain, bias span
	unit       []F // rows as normalised, before gain and bias
	scale      []F // what each row was multiplied by
}

// newNorm makes room for as many rows as are given.
func newNorm[F params.Float](p *plan, name string, width, rows int) *norm[F] {
	return &norm[F]{
		width: width, gain: p.add(name+".gain", width), bias: p.add(name+".bias", width),
		unit: make([]F, rows*width), scale: make([]F, rows),
	}
}

func (l *norm[F]) start(theta []F) {
	fill(of(l.gain, theta), 1)
	clear(of(l.bias, theta))
}

// forward overwrites y.
func (l *norm[F]) forward(y, x, theta []F, rows int) {
	gain, bias := of(l.gain, theta), of(l.bias, theta)
	for row := range rows {
		l.scale[row] = kernel.NormRow(l.row(y, row), l.row(l.unit, row), l.row(x, row), gain, bias, normEpsilon)
	}
}

func (l *norm[F]) row(m []F, row int) []F { return m[row*l.width : (row+1)*l.width] }

// backward overwrites the layer's part of grad and adds the cotangent of the last forward's x to dx.
func (l *norm[F]) backward(grad, dx, dy, theta []F, rows int) {
	gain, dGain, dBias := of(l.gain, theta), of(l.gain, grad), of(l.bias, grad)
	clear(dGain)
	clear(dBias)
	for row := range rows {
		kernel.PullNormRow(l.row(dx, row), dGain, dBias, l.row(dy, row), l.row(l.unit, row), gain, l.scale[row])
	}
}
