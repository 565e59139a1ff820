package kernel

import (
	"fmt"
	"unsafe"

	"github.com/seed1498fded/unroll/params"
)

// Shape is the size of a stack of LSTM layers with a linear read-out of one number.
type Shape struct {
	Inputs int // features a coordinate
	Hidden int // units a layer, a multiple of 4
	Layers int
}

// inputs returns what layer l reads beside its own hidden state.
func (s Shape) inputs(l int) int {
	if l == 0 {
		return s.Inputs
	}
	return s.Hidden
}

// used returns the length of a layer's input row [h, x, 1]: its hidden state, its input and a one for the bias.
func (s Shape) used(l int) int { return s.Hidden + s.inputs(l) + 1 }

// rows returns how far apart input rows lie: what is used, filled up to a multiple of 4.
func (s Shape) rows(l int) int { return (s.used(l) + 3) / 4 * 4 }

// back returns the width of the cotangent of [h, x], filled up to a multiple of 8.
func (s Shape) back(l int) int { return (s.Hidden + s.inputs(l) + 7) / 8 * 8 }

// Phi returns the number of weights: for each layer W [4H, inputs], U [4H, H], b [4H], gates in the order i, f, g, o;
// then the read-out's weights [H] and bias [1].
func (s Shape) Phi() int {
	n := s.Hidden + 1
	for l := range s.Layers {
		n += 4 * s.Hidden * (s.inputs(l) + s.Hidden + 1)
	}
	return n
}

// Weights are phi in the order of the kernels.
type Weights[F params.Float] struct {
	shape Shape
	fwd   [][]F // a layer's [rows, 4H]: what multiplies an input row
	bwd   [][]F // a layer's [4H, back]: its transpose
	out   []F
	bias  F
}

// NewWeights makes room for weights of a shape.
func NewWeights[F params.Float](s Shape) *Weights[F] {
	if s.Hidden < 4 || s.Hidden%4 != 0 || s.Layers < 1 || s.Inputs < 1 {
		panic(fmt.Sprintf("kernel: lstm of shape %+v", s))
	}
	w := &Weights[F]{shape: s, out: make([]F, s.Hidden)}
	for l := range s.Layers {
		w.fwd = append(w.fwd, alignedSlice[F](s.rows(l)*4*s.Hidden))
		w.bwd = append(w.bwd, alignedSlice[F](4*s.Hidden*s.back(l)))
	}
	return w
}

// gateColumn returns where gate k (i, f, g, o) of unit u lies in a row of gates.
func gateColumn(k, u int) int { return u/4*16 + 4*k + u%4 }

// each calls f for every weight of a layer with its place in phi, counted from the layer's first, and its row and
// column in the kernels' order.
func (s Shape) each(l int, f func(phi, row, column int)) {
	h, in := s.Hidden, s.inputs(l)
	for k := range 4 {
		for u := range h {
			column := gateColumn(k, u)
			g := k*h + u
			for j := range in {
				f(g*in+j, h+j, column)
			}
			for j := range h {
				f(4*h*in+g*h+j, j, column)
			}
			f(4*h*(in+h)+g, h+in, column)
		}
	}
}

// Pack fills w from phi.
func (w *Weights[F]) Pack(phi []F) {
	s := w.shape
	if len(phi) != s.Phi() {
		panic(fmt.Sprintf("kernel: phi of length %d, want %d", len(phi), s.Phi()))
	}
	for l := range s.Layers {
		h, in := s.Hidden, s.inputs(l)
		m, back := 4*h, s.back(l)
		fwd, bwd := w.fwd[l], w.bwd[l]
		s.each(l, func(p, row, column int) {
			fwd[row*m+column] = phi[p]
			if row < h+in {
				bwd[column*back+row] = phi[p]
			}
		})
		phi = phi[4*h*(in+h+1):]
	}
	w.PackReadOut(phi)
}

// Gradient gathers d(phi) in the order of the kernels.
type Gradient[F params.Float] struct {
	shape Shape
	fwd   [][]F
	out   []F
	bias  F
}

// NewGradient makes room for a gradient.
func NewGradient[F params.Float](s Shape) *Gradient[F] {
	g := &Gradient[F]{shape: s, out: make([]F, s.Hidden)}
	for l := range s.Layers {
		g.fwd = append(g.fwd, alignedSlice[F](s.rows(l)*4*s.Hidden))
	}
	return g
}

// Clear sets the gradient to zero.
func (g *Gradient[F]) Clear() {
	for _, f := range g.fwd {
		clear(f)
	}
	clear(g.out)
	g.bias = 0
}

// AddTo adds the gradient to dphi, in phi's own order.
func (g *Gradient[F]) AddTo(dphi []F) {
	s := g.shape
	for l := range s.Layers {
		h, in, fwd := s.Hidden, s.inputs(l), g.fwd[l]
		// add adds the rows from first on, a column for each gate of each unit in order, to [4H, count].
		add := func(to []F, first, count int) {
			for k := range 4 {
				for u := range h {
					from := fwd[first*4*h+gateColumn(k, u):]
					row := to[(k*h+u)*count:][:count]
					for j := range row {
						row[j] += from[j*4*h]
					}
				}
			}
		}
		add(dphi, h, in)
		add(dphi[4*h*in:], 0, h)
		add(dphi[4*h*(in+h):], h+in, 1)
		dphi = dphi[4*h*(in+h+1):]
	}
	g.AddReadOut(dphi)
}

// alignedSlice returns n zeros that begin on a cache line, so that no vector straddles two.
func alignedSlice[F params.Float](n int) []F {
	const line = 64
	size := int(unsafe.Sizeof(F(0)))
	v := make([]F, n+line/size)
	skip := 0
	if at := int(uintptr(unsafe.Pointer(unsafe.SliceData(v))) % line); at != 0 {
		skip = (line - at) / size
	}
	return v[skip : skip+n : skip+n]
}
