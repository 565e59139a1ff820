package kernel

import (
	"fmt"

	"github.com/seed1498fded/unroll/params"
)

// A Block runs a rule's LSTM for some coordinates over some steps, and back. Coordinates are independent, so a window is
// carried out block by block: what the way back needs of a block stays in cache, and nothing as large as coordinates ×
// window × hidden is ever stored. A Block is for one goroutine.
type Block[F params.Float] struct {
	shape  Shape
	cap    int // coordinates, a multiple of 4
	window int

	// For each layer, step by step: input rows [cap, rows], cell states before the step [cap, H], activations. There is
	// one step more than the window of the first two: the state after it.
	x, c, act [][]F
	top       []F // hidden state of the last layer after each step, [window, cap, H]
	gates     []F // [cap, 4H], and their cotangents

	// The way back: for each layer the cotangents of [h, x], [cap, back], and of the cell state, [cap, H].
	dx, dc [][]F
	dOut   []F // of the read-out, [cap]
	dTop   []F // [cap, H]
}

// NewBlock makes room for at most n coordinates and windows of at most window steps.
func NewBlock[F params.Float](s Shape, n, window int) *Block[F] {
	n = (n + 3) / 4 * 4
	h := s.Hidden
	b := &Block[F]{
		shape: s, cap: n, window: window,
		top: alignedSlice[F](window * n * h), gates: alignedSlice[F](n * 4 * h),
		dOut: alignedSlice[F](n), dTop: alignedSlice[F](n * h),
	}
	for l := range s.Layers {
		b.x = append(b.x, alignedSlice[F]((window+1)*n*s.rows(l)))
		b.c = append(b.c, alignedSlice[F]((window+1)*n*h))
		b.act = append(b.act, alignedSlice[F](window*n*h*5))
		b.dx = append(b.dx, alignedSlice[F](n*s.back(l)))
		b.dc = append(b.dc, alignedSlice[F](n*h))
	}
	for l := range s.Layers { // the ones that multiply the biases
		rows, one := s.rows(l), h+s.inputs(l)
		for i := range (window + 1) * n {
			b.x[l][i*rows+one] = 1
		}
	}
	return b
}

// Cap returns the most coordinates the block can hold.
func (b *Block[F]) Cap() int { return b.cap }

// A State is where the states of a range of coordinates lie: for each layer hidden and cell states, [n, H] each.
type State[F params.Float] struct{ H, C [][]F }

// SetState loads the states that a window begins with.
func (b *Block[F]) SetState(n int, s State[F]) {
	h := b.shape.Hidden
	for l := range b.shape.Layers {
		rows := b.shape.rows(l)
		for i := range n {
			copy(b.x[l][i*rows:i*rows+h], s.H[l][i*h:(i+1)*h])
		}
		copy(b.c[l], s.C[l][:n*h])
		// What fills the block up to a multiple of 4 must be finite: its cotangents are zero, and 0·NaN is not.
		for i := n; i < (n+3)/4*4; i++ {
			clear(b.x[l][i*rows : i*rows+h])
			clear(b.c[l][i*h : (i+1)*h])
		}
	}
}

// GetState stores the states after t steps.
func (b *Block[F]) GetState(n, t int, s State[F]) {
	h := b.shape.Hidden
	for l := range b.shape.Layers {
		rows := b.shape.rows(l)
		x := b.x[l][t*b.cap*rows:]
		for i := range n {
			copy(s.H[l][i*h:(i+1)*h], x[i*rows:i*rows+h])
		}
		copy(s.C[l][:n*h], b.c[l][t*b.cap*h:])
	}
}

// Features returns the memory of the features of coordinate i at step t, Inputs numbers, to be filled before Forward.
func (b *Block[F]) Features(t, i int) []F {
	rows, h := b.shape.rows(0), b.shape.Hidden
	at := (t*b.cap+i)*rows + h
	return b.x[0][at : at+b.shape.Inputs : at+b.shape.Inputs]
}

// Inputs returns the memory of the features of all coordinates at step t, in rows that lie ld apart.
func (b *Block[F]) Inputs(t int) (x []F, ld int) {
	ld = b.shape.rows(0)
	return b.x[0][t*b.cap*ld+b.shape.Hidden:], ld
}

// Forward takes step t for n coordinates, and writes scale times the read-out into step.
func (b *Block[F]) Forward(w *Weights[F], t, n int, scale F, step []F) {
	s, h := b.shape, b.shape.Hidden
	if t >= b.window || n > b.cap || len(step) < n {
		panic(fmt.Sprintf("kernel: step %d of %d, %d coordinates of %d, room for %d", t, b.window, n, b.cap, len(step)))
	}
	n4 := (n + 3) / 4 * 4
	for i := n; i < n4; i++ {
		clear(b.Features(t, i))
	}
	for l := range s.Layers {
		rows := s.rows(l)
		x := b.x[l][t*b.cap*rows:]
		gemm(b.gates, x, w.fwd[l], n4, s.used(l), 4*h, 4*h, rows, 1, 4*h, false)
		// The hidden state goes to this layer's next step, and up: to the next layer's input or to the read-out.
		next := b.x[l][(t+1)*b.cap*rows:]
		up, ldUp := b.top[t*b.cap*h:], h
		if l+1 < s.Layers {
			ldUp = s.rows(l + 1)
			up = b.x[l+1][t*b.cap*ldUp+h:]
		}
		cellForward(b.gates, b.c[l][t*b.cap*h:], b.c[l][(t+1)*b.cap*h:], b.act[l][t*b.cap*h*5:], next, up, n4, h, rows, ldUp)
	}
	b.readOut(w, t, n, scale, step)
}

func (b *Block[F]) readOut(w *Weights[F], t, n int, scale F, step []F) {
	h := b.shape.Hidden
	gemm(step, b.top[t*b.cap*h:], w.out, n, h, 1, 1, h, 1, 1, false)
	for i := range step[:n] {
		step[i] = scale * (step[i] + w.bias)
	}
}

// ClearBack begins the way back over a window: nothing depends on the state after it.
func (b *Block[F]) ClearBack() {
	for l := range b.shape.Layers {
		clear(b.dx[l])
		clear(b.dc[l])
	}
}

// SetBack begins the way back with cotangents of the state after the window.
func (b *Block[F]) SetBack(n int, s State[F]) {
	b.ClearBack()
	h := b.shape.Hidden
	for l := range b.shape.Layers {
		back := b.shape.back(l)
		for i := range n {
			copy(b.dx[l][i*back:i*back+h], s.H[l][i*h:(i+1)*h])
		}
		copy(b.dc[l], s.C[l][:n*h])
	}
}

// Backward carries the cotangents of step t's results back: dStep is that of the step, those of the state were left by
// step t+1. It adds to g.
func (b *Block[F]) Backward(w *Weights[F], g *Gradient[F], t, n int, scale F, dStep []F) {
	s, h := b.shape, b.shape.Hidden
	n4 := (n + 3) / 4 * 4
	b.readOutBackward(w, g, t, n, scale, dStep)
	for l := s.Layers - 1; l >= 0; l-- {
		rows, back := s.rows(l), s.back(l)
		// The cotangent of h comes from this layer's next step and from above.
		above, ldAbove := b.dTop, h
		if l+1 < s.Layers {
			ldAbove = s.back(l + 1)
			above = b.dx[l+1][h:]
		}
		cellBackward(b.gates, b.dc[l], b.c[l][t*b.cap*h:], b.act[l][t*b.cap*h*5:], b.dx[l], above, n4, h, back, ldAbove)
		gemm(g.fwd[l], b.x[l][t*b.cap*rows:], b.gates, s.used(l), n4, 4*h, 4*h, 1, rows, 4*h, true)
		gemm(b.dx[l], b.gates, w.bwd[l], n4, 4*h, back, back, 4*h, 1, back, false)
	}
}

// readOutBackward sets the cotangent of the top layer's hidden state. Coordinates that fill the block up have none.
func (b *Block[F]) readOutBackward(w *Weights[F], g *Gradient[F], t, n int, scale F, dStep []F) {
	h := b.shape.Hidden
	clear(b.dOut)
	for i, d := range dStep[:n] {
		b.dOut[i] = scale * d
		g.bias += scale * d
	}
	gemm(b.dTop, b.dOut, w.out, b.cap, 1, h, h, 1, 1, h, false)
	gemm(g.out, b.top[t*b.cap*h:], b.dOut, h, n, 1, 1, 1, h, 1, true)
}

// DFeatures returns the cotangent of coordinate i's features at the step last carried back.
func (b *Block[F]) DFeatures(i int) []F {
	back, h := b.shape.back(0), b.shape.Hidden
	return b.dx[0][i*back+h : i*back+h+b.shape.Inputs]
}

// DInputs returns the cotangents of the features of all coordinates at the step last carried back, in rows that lie ld apart.
func (b *Block[F]) DInputs() (dx []F, ld int) { return b.dx[0][b.shape.Hidden:], b.shape.back(0) }

// GetBack stores the cotangents of the state before the step last carried back.
func (b *Block[F]) GetBack(n int, s State[F]) {
	h := b.shape.Hidden
	for l := range b.shape.Layers {
		back := b.shape.back(l)
		for i := range n {
			copy(s.H[l][i*h:(i+1)*h], b.dx[l][i*back:i*back+h])
		}
		copy(s.C[l][:n*h], b.dc[l])
	}
}
