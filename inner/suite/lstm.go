package suite

import (
	"math"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/matrix"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// An lstm is a layer of LSTM cells (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000) over sequences of
// some steps, from a state of zeros:
//
//	i, f, o, g = σ, σ, σ, tanh of z;  c ← f·c + i·g;  h ← o·tanh(c)
//
// with z = x·Wx + h·Wh + b. Wx is [in, 4·hidden], Wh [hidden, 4·hidden] and b [4·hidden], in columns the gates i, f, o and g. All
// rows of one step lie together, those of the next after them. What x·Wx + b comes to is left to whoever has the input.
type lstm[F params.Float] struct {
	in, hidden, steps, rows int
	wx, wh, b               span

	z      []F // [steps, rows, 4·hidden]: x·Wx + b, then the gates, and going back the cotangents of z
	c      []F // [steps+1, rows, hidden]: the states, from zeros
	h      []F // [steps+1, rows, hidden]: the outputs, from zeros
	tanhC  []F // [steps, rows, hidden]
	dh, dc []F // [rows, hidden]
	// Wh and its transpose, with rows apart, so that no step has to copy them again.
	apart, apartT []F
}

// gap is what the rows of copies of Wh have behind them.
const gap = 16

func newLSTM[F params.Float](p *plan, in, hidden, steps, rows int) *lstm[F] {
	state := rows * hidden
	return &lstm[F]{
		in: in, hidden: hidden, steps: steps, rows: rows,
		wx: p.add("lstm.wx", in, 4*hidden), wh: p.add("lstm.wh", hidden, 4*hidden), b: p.add("lstm.b", 4*hidden),
		z: make([]F, steps*4*state), c: make([]F, (steps+1)*state), h: make([]F, (steps+1)*state), tanhC: make([]F, steps*state),
		dh: make([]F, state), dc: make([]F, state),
		apart: make([]F, hidden*(4*hidden+gap)), apartT: make([]F, 4*hidden*(hidden+gap)),
	}
}

// start draws Wx and Wh from the uniform distribution on ±1/√hidden; b is 1 for forget gates and else 0.
func (l *lstm[F]) start(theta []F, key uint64) {
	bound := 1 / math.Sqrt(float64(l.hidden))
	rng.Uniform(of(l.wx, theta), rng.Split(key, 0), -bound, bound)
	rng.Uniform(of(l.wh, theta), rng.Split(key, 1), -bound, bound)
	b := of(l.b, theta)
	clear(b)
	fill(b[l.hidden:2*l.hidden], 1)
}

// at returns what a slice with a part for every step has for one, when it has width numbers a row.
func (l *lstm[F]) at(v []F, step, width int) []F {
	n := l.rows * width
	return v[step*n : (step+1)*n]
}

// outputs returns h after every step, [steps·rows, hidden].
func (l *lstm[F]) outputs() []F { return l.h[l.rows*l.hidden:] }

// forward runs all steps from what is in z.
func (l *lstm[F]) forward(theta []F) {
	wh, width := of(l.wh, theta), 4*l.hidden
	for i := range l.hidden {
		copy(l.apart[i*(width+gap):], wh[i*width:(i+1)*width])
	}
	part := matrix.Part(l.apart, l.hidden, width, width+gap)
	for t := range l.steps {
		z := l.at(l.z, t, 4*l.hidden)
		if t > 0 {
			matrix.Mul(matrix.Of(z, l.rows, 4*l.hidden), matrix.Of(l.at(l.h, t, l.hidden), l.rows, l.hidden), part, true)
		}
		n := l.hidden
		kernel.CellRows(z, l.at(l.c, t, n), l.at(l.c, t+1, n), l.at(l.tanhC, t, n), l.at(l.h, t+1, n), n)
	}
}

// backward turns z into its cotangents and overwrites the layer's part of grad but for Wx; dOut(t), which may be nil, is the
// cotangent that h has at step t from elsewhere.
func (l *lstm[F]) backward(grad, theta []F, dOut func(t int) []F) {
	n := l.hidden
	kernel.Transpose(l.apartT, of(l.wh, theta), 4*n, n, n+gap, 4*n)
	part := matrix.Part(l.apartT, 4*n, n, n+gap)
	clear(l.dh)
	clear(l.dc)
	for t := l.steps - 1; t >= 0; t-- {
		if d := dOut(t); d != nil {
			addTo(l.dh, d)
		}
		z := l.at(l.z, t, 4*n)
		kernel.PullCellRows(z, l.at(l.c, t, n), l.at(l.tanhC, t, n), l.dh, l.dc, n)
		if t > 0 {
			matrix.Mul(matrix.Of(l.dh, l.rows, n), matrix.Of(z, l.rows, 4*n), part, false)
		}
	}
	all := l.steps * l.rows
	before := matrix.Of(l.h[:all*n], all, n) // the first of them zeros
	matrix.Mul(matrix.Of(of(l.wh, grad), n, 4*n), before.T(), matrix.Of(l.z, all, 4*n), false)
	kernel.SumRows(of(l.b, grad), l.z)
}
