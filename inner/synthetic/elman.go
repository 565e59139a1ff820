package synthetic

import (
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/matrix"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// ElmanOf is a simple recurrent network that reads (Elman 1990): h ← tanh(wx[letter] + h·wh + b), and the odds of the next letter
// are the exponentials of h·out.w + out.b. The weights are wx [letters, hidden], wh [hidden, hidden], b [hidden], out.w [hidden,
// letters] and out.b [letters]; matrices start from N(0, 1/hidden), vectors at zero.
type ElmanOf[F params.Float] struct{ Reading }

// Elman is ElmanOf in use.
type Elman = ElmanOf[float32]

var _ inner.Family = Elman{}

// Sample returns the problem named by key. Fields out of their ranges are errors.
func (f ElmanOf[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	r, err := f.filled("Elman", key)
	if err != nil {
		return nil, err
	}
	letters, n := len(r.Text.Alphabet), r.Length*r.Batch
	e := &elman[F]{
		Reading: r, letters: letters, draws: rng.New(0), read: make([]byte, n),
		h: make([]F, (n+r.Batch)*r.Hidden), dz: make([]F, n*r.Hidden), dh: make([]F, r.Batch*r.Hidden),
		target: make([]F, n*letters), out: make([]F, n*letters), err: make([]F, n*letters),
	}
	e.layout = params.Layout{
		{Name: "wx", Shape: []int{letters, r.Hidden}}, {Name: "wh", Shape: []int{r.Hidden, r.Hidden}}, {Name: "b", Shape: []int{r.Hidden}},
		{Name: "out.w", Shape: []int{r.Hidden, letters}}, {Name: "out.b", Shape: []int{letters}},
	}
	return newProblem[F](e), nil
}

type elman[F params.Float] struct {
	Reading
	letters  int
	layout   params.Layout
	draws    *rng.Stream
	read     []byte // [Length, Batch]
	h        []F    // [Length+1, Batch, Hidden], from zeros
	dz, dh   []F    // cotangents: [Length, Batch, Hidden] of what tanh is of, [Batch, Hidden] of h
	target   []F    // one-hot, the letter to tell
	out, err []F    // [Length, Batch, letters]
}

func (e *elman[F]) params() params.Layout { return e.layout }

func (e *elman[F]) numbers() int {
	return len(e.read) + len(e.h) + len(e.dz) + len(e.dh) + 3*len(e.out) + len(e.Text.Codes)
}

// of returns a tensor's part of a vector that is laid out like the weights.
func (e *elman[F]) of(v []F) (wx, wh, b, w, c []F) {
	h := e.Hidden
	wx, v = v[:e.letters*h], v[e.letters*h:]
	wh, v = v[:h*h], v[h*h:]
	b, v = v[:h], v[h:]
	return wx, wh, b, v[:h*e.letters], v[h*e.letters:]
}

func (e *elman[F]) start(theta []F, key uint64) {
	clear(theta)
	wx, wh, _, w, _ := e.of(theta)
	for i, m := range [][]F{wx, wh, w} {
		rng.Normal(m, rng.Split(key, uint64(i)), 1/math.Sqrt(float64(e.Hidden)))
	}
}

// draw takes pieces from anywhere in the text.
func (e *elman[F]) draw(key uint64) {
	e.draws.Reset(key)
	clear(e.target)
	for row := range e.Batch {
		at := e.draws.IntN(len(e.Text.Codes) - e.Length)
		for t := range e.Length {
			i := t*e.Batch + row
			e.read[i] = e.Text.Codes[at+t]
			e.target[i*e.letters+int(e.Text.Codes[at+t+1])] = 1
		}
	}
}

// states returns h after step t, from -1 on: [Batch, Hidden].
func (e *elman[F]) states(t int) matrix.Matrix[F] {
	n := e.Batch * e.Hidden
	return matrix.Of(e.h[(t+1)*n:(t+2)*n], e.Batch, e.Hidden)
}

func (e *elman[F]) forward(theta []F, key uint64) float64 {
	e.draw(key)
	wx, wh, b, w, c := e.of(theta)
	n, h := e.Batch*e.Hidden, e.Hidden
	for t := range e.Length {
		z := e.h[(t+1)*n : (t+2)*n]
		for row := range e.Batch {
			code := int(e.read[t*e.Batch+row])
			z, x := z[row*h:(row+1)*h], wx[code*h:(code+1)*h]
			for i := range z {
				z[i] = x[i] + b[i]
			}
		}
		matrix.Mul(e.states(t), e.states(t-1), matrix.Of(wh, h, h), true)
		kernel.Tanh(z, z)
	}
	rows := e.Length * e.Batch
	for row := range rows {
		copy(e.out[row*e.letters:], c)
	}
	matrix.Mul(matrix.Of(e.out, rows, e.letters), matrix.Of(e.h[n:], rows, h), matrix.Of(w, h, e.letters), true)
	scale := 1 / F(rows)
	return kernel.CrossEntropy(e.err, e.out, e.target, rows, scale, scale) / float64(rows)
}

func (e *elman[F]) backward(grad, theta []F) {
	_, wh, _, w, _ := e.of(theta)
	dwx, dwh, db, dw, dc := e.of(grad)
	rows, n, h := e.Length*e.Batch, e.Batch*e.Hidden, e.Hidden
	out := matrix.Of(e.err, rows, e.letters)
	matrix.Mul(matrix.Of(dw, h, e.letters), matrix.Of(e.h[n:], rows, h).T(), out, false)
	matrix.Mul(matrix.Of(e.dz, rows, h), out, matrix.Of(w, h, e.letters).T(), false)
	sumRows(dc, e.err)
	clear(e.dh)
	for t := e.Length - 1; t >= 0; t-- {
		dz, y := e.dz[t*n:(t+1)*n], e.h[(t+1)*n:(t+2)*n]
		for i := range dz {
			dz[i] = (dz[i] + e.dh[i]) * (1 - y[i]*y[i])
		}
		matrix.Mul(matrix.Of(e.dh, e.Batch, h), matrix.Of(dz, e.Batch, h), matrix.Of(wh, h, h).T(), false)
	}
	matrix.Mul(matrix.Of(dwh, h, h), matrix.Of(e.h[:rows*h], rows, h).T(), matrix.Of(e.dz, rows, h), false)
	sumRows(db, e.dz)
	clear(dwx)
	for i, code := range e.read {
		sum := dwx[int(code)*h : (int(code)+1)*h]
		for j, d := range e.dz[i*h : (i+1)*h] {
			sum[j] += d
		}
	}
}

// sumRows overwrites sum with the sum of the rows of m.
func sumRows[F params.Float](sum, m []F) {
	clear(sum)
	for ; len(m) > 0; m = m[len(sum):] {
		for i, v := range m[:len(sum)] {
			sum[i] += v
		}
	}
}
