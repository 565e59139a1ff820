package suite

import (
	"math"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/matrix"
	"github.com/seed1498fded/unroll/params"
)

// An attention is causal self-attention of several heads (Vaswani et al. 2017): each position of a sequence takes the mean of the
// values of those up to itself, weighted by softmax(q·k/√d). In a row of its input lie queries, keys and values, each head by head.
type attention[F params.Float] struct {
	heads, size, length, sequences int // size is a head's

	p                      []F // [sequences, heads, length, length]: the weights
	q, k, v, o, dq, dk, dv []F // of one head of one sequence, [length, size]
	ds                     []F // [length, length]
}

func newAttention[F params.Float](heads, size, length, sequences int) *attention[F] {
	head := func() []F { return make([]F, length*size) }
	return &attention[F]{
		heads: heads, size: size, length: length, sequences: sequences, p: make([]F, sequences*heads*length*length),
		q: head(), k: head(), v: head(), o: head(), dq: head(), dk: head(), dv: head(), ds: make([]F, length*length),
	}
}

// width returns that of all heads together.
func (a *attention[F]) width() int { return a.heads * a.size }

// take copies a head's part of the rows of a sequence, which begin at offset, out of a matrix whose rows are as wide as given.
func (a *attention[F]) take(head, m []F, width, sequence, offset int) {
	for t := range a.length {
		at := (sequence*a.length+t)*width + offset
		copy(head[t*a.size:(t+1)*a.size], m[at:at+a.size])
	}
}

// give is the way back of take.
func (a *attention[F]) give(m, head []F, width, sequence, offset int) {
	for t := range a.length {
		at := (sequence*a.length+t)*width + offset
		copy(m[at:at+a.size], head[t*a.size:(t+1)*a.size])
	}
}

// each calls f for every head of every sequence, with where it begins in a row and its weights, and q, k and v taken.
func (a *attention[F]) each(qkv []F, f func(sequence, offset int, p matrix.Matrix[F])) {
	wide, square := a.width(), a.length*a.length
	for s := range a.sequences {
		for h := range a.heads {
			offset := h * a.size
			a.take(a.q, qkv, 3*wide, s, offset)
			a.take(a.k, qkv, 3*wide, s, wide+offset)
			a.take(a.v, qkv, 3*wide, s, 2*wide+offset)
			at := (s*a.heads + h) * square
			f(s, offset, matrix.Of(a.p[at:at+square], a.length, a.length))
		}
	}
}

// head returns a matrix of a head's rows.
func (a *attention[F]) head(m []F) matrix.Matrix[F] { return matrix.Of(m, a.length, a.size) }

// forward overwrites y, [rows, width], for qkv, [rows, 3·width].
func (a *attention[F]) forward(y, qkv []F) {
	a.each(qkv, func(s, offset int, p matrix.Matrix[F]) {
		matrix.Mul(p, a.head(a.q), a.head(a.k).T(), false)
		a.softmax(p.Data)
		matrix.Mul(a.head(a.o), p, a.head(a.v), false)
		a.give(y, a.o, a.width(), s, offset)
	})
}

// softmax turns the products of one head into weights.
func (a *attention[F]) softmax(p []F) {
	n, scale := a.length, F(1/math.Sqrt(float64(a.size)))
	for t := range n {
		row := p[t*n : (t+1)*n]
		kernel.Softmax(row[:t+1], row[:t+1], scale, 1)
		clear(row[t+1:])
	}
}

// backward overwrites dqkv, for dy and the qkv of the last forward.
func (a *attention[F]) backward(dqkv, dy, qkv []F) {
	wide := a.width()
	ds := matrix.Of(a.ds, a.length, a.length)
	a.each(qkv, func(s, offset int, p matrix.Matrix[F]) {
		a.take(a.o, dy, wide, s, offset)
		matrix.Mul(a.head(a.dv), p.T(), a.head(a.o), false)
		matrix.Mul(ds, a.head(a.o), a.head(a.v).T(), false)
		a.softmaxBack(a.ds, p.Data)
		matrix.Mul(a.head(a.dq), ds, a.head(a.k), false)
		matrix.Mul(a.head(a.dk), ds.T(), a.head(a.q), false)
		a.give(dqkv, a.dq, 3*wide, s, offset)
		a.give(dqkv, a.dk, 3*wide, s, wide+offset)
		a.give(dqkv, a.dv, 3*wide, s, 2*wide+offset)
	})
}

// softmaxBack turns the cotangent of one head's weights into that of its products.
func (a *attention[F]) softmaxBack(d, p []F) {
	n, scale := a.length, F(1/math.Sqrt(float64(a.size)))
	for t := range n {
		d, p := d[t*n:(t+1)*n], p[t*n:(t+1)*n]
		var mean F
		for i, v := range p[:t+1] {
			mean += v * d[i]
		}
		for i, v := range p[:t+1] {
			d[i] = scale * v * (d[i] - mean)
		}
		clear(d[t+1:])
	}
}
