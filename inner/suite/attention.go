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

	p  []F // [sequences, heads, length, length]: the weights
	ds []F // [length, length]
}

func newAttention[F params.Float](heads, size, length, sequences int) *attention[F] {
	return &attention[F]{
		heads: heads, size: size, length: length, sequences: sequences,
		p: make([]F, sequences*heads*length*length), ds: make([]F, length*length),
	}
}

// width returns that of all heads together.
func (a *attention[F]) width() int { return a.heads * a.size }

// head returns one head's part of the rows of a sequence, which begins at offset, of a matrix whose rows are as wide as given.
func (a *attention[F]) head(m []F, width, sequence, offset int) matrix.Matrix[F] {
	return matrix.Part(m[sequence*a.length*width+offset:], a.length, a.size, width)
}

// three returns one head's queries, keys and values, or their cotangents.
func (a *attention[F]) three(qkv []F, sequence, head int) (q, k, v matrix.Matrix[F]) {
	wide, offset := a.width(), head*a.size
	return a.head(qkv, 3*wide, sequence, offset), a.head(qkv, 3*wide, sequence, wide+offset), a.head(qkv, 3*wide, sequence, 2*wide+offset)
}

// weights returns those of one head of one sequence.
func (a *attention[F]) weights(sequence, head int) matrix.Matrix[F] {
	square := a.length * a.length
	at := (sequence*a.heads + head) * square
	return matrix.Of(a.p[at:at+square], a.length, a.length)
}

// forward overwrites y, [rows, width], for qkv, [rows, 3·width].
func (a *attention[F]) forward(y, qkv []F) {
	for s := range a.sequences {
		for h := range a.heads {
			q, k, v := a.three(qkv, s, h)
			p := a.weights(s, h)
			matrix.Mul(p, q, k.T(), false)
			a.softmax(p.Data)
			matrix.Mul(a.head(y, a.width(), s, h*a.size), p, v, false)
		}
	}
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
	ds := matrix.Of(a.ds, a.length, a.length)
	for s := range a.sequences {
		for h := range a.heads {
			q, k, v := a.three(qkv, s, h)
			dq, dk, dv := a.three(dqkv, s, h)
			p, d := a.weights(s, h), a.head(dy, a.width(), s, h*a.size)
			matrix.Mul(dv, p.T(), d, false)
			matrix.Mul(ds, d, v.T(), false)
			a.softmaxBack(a.ds, p.Data)
			matrix.Mul(dq, ds, k, false)
			matrix.Mul(dk, ds.T(), q, false)
		}
	}
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
