package kernel

import "github.com/seed1498fded/unroll/params"

// A Gates is an order of an LSTM's gates: where among the four i, f, g and o each are.
type Gates [4]int

// The weights of a layer may also come as one matrix [inputs+H+1, 4H], which multiplies a row [x, h, 1]: it has H columns for each
// gate. In the kernels' order rows are [h, x, 1], and columns lie in groups of four units; so four numbers in a row stay together.

// matrixRow returns which row of a layer's weights, in the kernels' order, is the matrix's.
func (s Shape) matrixRow(l, row int) int {
	switch in := s.inputs(l); {
	case row < in:
		return s.Hidden + row
	case row < in+s.Hidden:
		return row - in
	}
	return row
}

// PackMatrix fills the weights of layer l from such a matrix.
func (w *Weights[F]) PackMatrix(l int, matrix []F, order Gates) {
	s, m := w.shape, 4*w.shape.Hidden
	used, back := s.used(l), s.back(l)
	for i := range used {
		row, from := s.matrixRow(l, i), matrix[i*m:][:m]
		to := w.fwd[l][row*m:][:m]
		for k, at := range order {
			for u, v := range from[at*s.Hidden:][:s.Hidden] {
				column := gateColumn(k, u)
				to[column] = v
				if row < used-1 {
					w.bwd[l][column*back+row] = v
				}
			}
		}
	}
}

// PackReadOut fills the read-out's weights, with its bias behind them.
func (w *Weights[F]) PackReadOut(out []F) {
	copy(w.out, out)
	w.bias = out[w.shape.Hidden]
}

// AddMatrix adds the gradient of layer l to that of such a matrix.
func (g *Gradient[F]) AddMatrix(l int, dMatrix []F, order Gates) {
	s, m := g.shape, 4*g.shape.Hidden
	for i := range s.used(l) {
		from, to := g.fwd[l][s.matrixRow(l, i)*m:][:m], dMatrix[i*m:][:m]
		for k, at := range order {
			gate := to[at*s.Hidden:][:s.Hidden]
			for u := 0; u < len(gate); u += 4 {
				addFour(gate[u:], from[gateColumn(k, u):])
			}
		}
	}
}

func addFour[F params.Float](y, x []F) {
	y, x = y[:4], x[:4]
	y[0] += x[0]
	y[1] += x[1]
	y[2] += x[2]
	y[3] += x[3]
}

// AddReadOut adds the gradient of the read-out's weights, with its bias behind them.
func (g *Gradient[F]) AddReadOut(dOut []F) {
	for i, v := range g.out {
		dOut[i] += v
	}
	dOut[g.shape.Hidden] += g.bias
}
