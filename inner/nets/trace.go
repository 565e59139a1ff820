package nets

import (
	"fmt"

	"github.com/seed1498fded/unroll/params"
)

// TraceOf holds what a net makes of one batch, and room for the backward pass. Its slices are rows of one example each; they are
// valid, and may be changed, until the net's next call with this trace. To run a net: fill In(0) and Labels, then call
// SetLabels and Forward. A trace is for one goroutine at a time.
type TraceOf[F params.Float] struct {
	N      int // examples
	Labels []byte
	Target []F // one-hot labels, [N, classes]
	Loss   float64
	E      []F // derivative of Loss with respect to the last block's output, [N, classes]

	x        []F
	blocks   []blockTrace[F]
	tangents *tangents[F] // nil until HessianVector is called
}

// Trace is TraceOf in use.
type Trace = TraceOf[float32]

type blockTrace[F params.Float] struct {
	values  [][]F // u and what each stage makes of it
	dValues [][]F // cotangents of these, but not of the last
	skip    []F   // the cotangent that passed by the weights; nil without Skip
}

// NewTrace makes room for batches of size examples.
func (n *NetOf[F]) NewTrace(size int) *TraceOf[F] {
	classes := n.Classes()
	t := &TraceOf[F]{
		N: size, Labels: make([]byte, size), Target: make([]F, size*classes), E: make([]F, size*classes), x: make([]F, size*n.input.Size()),
	}
	for i := range n.blocks {
		b := &n.blocks[i]
		v := blockTrace[F]{values: [][]F{make([]F, size*b.affine.out().Size())}}
		for _, s := range b.stages {
			v.values = append(v.values, make([]F, size*s.out().Size()))
			if _, ok := s.(addInput[F]); ok {
				v.skip = make([]F, size*b.in.Size())
			}
		}
		for _, y := range v.values[:len(v.values)-1] {
			v.dValues = append(v.dValues, make([]F, len(y)))
		}
		t.blocks = append(t.blocks, v)
	}
	return t
}

// In returns the input of block l, [N, inputs]: the data for block 0, else the output of the block before.
func (t *TraceOf[F]) In(l int) []F {
	if l == 0 {
		return t.x
	}
	return t.Out(l - 1)
}

// U returns the pre-activation of block l.
func (t *TraceOf[F]) U(l int) []F { return t.blocks[l].values[0] }

// Out returns the output h of block l; it is U where no layer without weights follows.
func (t *TraceOf[F]) Out(l int) []F {
	v := t.blocks[l].values
	return v[len(v)-1]
}

// SetLabels fills in Target from Labels. A label that is no class panics.
func (t *TraceOf[F]) SetLabels() {
	classes := len(t.Target) / t.N
	clear(t.Target)
	for i, label := range t.Labels {
		if int(label) >= classes {
			panic(fmt.Sprintf("nets: label %d of %d classes", label, classes))
		}
		t.Target[i*classes+int(label)] = 1
	}
}

// Forward computes all blocks from In(0), and Loss and E.
func (n *NetOf[F]) Forward(t *TraceOf[F], theta []F) { n.ForwardFrom(t, theta, 0) }

// ForwardFrom computes blocks l and up from In(l), and Loss and E.
func (n *NetOf[F]) ForwardFrom(t *TraceOf[F], theta []F, l int) {
	for ; l < len(n.blocks); l++ {
		n.ForwardBlock(t, theta, l)
	}
	t.Loss = score(n.loss, t.E, t.Out(len(n.blocks)-1), t.Target, t.N)
}

// ForwardBlock computes U(l) and Out(l) from In(l).
func (n *NetOf[F]) ForwardBlock(t *TraceOf[F], theta []F, l int) {
	b := &n.blocks[l]
	w, bias := n.Weights(theta, l)
	b.affine.forward(t.U(l), t.In(l), w, bias, t.N)
	n.Activate(t, l)
}

// Activate computes Out(l) from U(l).
func (n *NetOf[F]) Activate(t *TraceOf[F], l int) {
	v := t.blocks[l].values
	for i, s := range n.blocks[l].stages {
		if _, ok := s.(addInput[F]); ok {
			add(v[i+1], v[i], t.In(l))
			continue
		}
		stageForward(s, v[i+1], v[i], t.N)
	}
}

// stageForward shares the rows among goroutines where there is enough to do.
func stageForward[F params.Float](s stage[F], y, x []F, n int) {
	if alone(len(x)) {
		s.forward(y, x, n)
		return
	}
	in, out := len(x)/n, len(y)/n
	together(n, func(_, first, last int) {
		s.forward(y[first*out:last*out], x[first*in:last*in], last-first)
	})
}

// stageBack is stageForward for the backward pass.
func stageBack[F params.Float](s stage[F], dx, x, y, dy []F, n int) {
	if alone(len(x)) {
		s.back(dx, x, y, dy, n)
		return
	}
	in, out := len(x)/n, len(y)/n
	together(n, func(_, first, last int) {
		s.back(dx[first*in:last*in], x[first*in:last*in], y[first*out:last*out], dy[first*out:last*out], last-first)
	})
}

// Affine overwrites u, [N, Pre(l)], with A(x; w) + b for any input x and weights in the shape of block l's.
func (n *NetOf[F]) Affine(l int, u, x, w, b []F, rows int) {
	n.blocks[l].affine.forward(u, x, w, b, rows)
}

// Delta overwrites du, the cotangent of U(l), for a cotangent dh of Out(l): du = φ'ᵀ·dh. What passes by the weights through a
// Skip is kept for Below.
func (n *NetOf[F]) Delta(t *TraceOf[F], l int, du, dh []F) {
	b, v := &n.blocks[l], &t.blocks[l]
	clear(v.skip)
	for i := len(b.stages) - 1; i >= 0; i-- {
		to := du
		if i > 0 {
			to = v.dValues[i]
		}
		stageBack(b.stages[i], to, v.values[i], v.values[i+1], dh, t.N)
		if _, ok := b.stages[i].(addInput[F]); ok {
			add(v.skip, v.skip, dh)
		}
		dh = to
	}
	if len(b.stages) == 0 && &du[0] != &dh[0] {
		copy(du, dh)
	}
}

// Below overwrites dx, a cotangent of In(l), for the cotangent du of U(l): dx = A(w)ᵀ·du, for any w in the shape of block l's
// weights, plus what the last Delta let pass by them.
func (n *NetOf[F]) Below(t *TraceOf[F], l int, dx, w, du []F) {
	n.blocks[l].affine.back(dx, w, du, t.N)
	n.addSkip(t, l, dx)
}

// addSkip adds what the last Delta let pass by the weights.
func (n *NetOf[F]) addSkip(t *TraceOf[F], l int, dx []F) {
	if skip := t.blocks[l].skip; skip != nil {
		add(dx, dx, skip)
	}
}

// A transposer is an affine map that is quicker to carry back with weights that were transposed beforehand.
type transposer[F params.Float] interface {
	transpose(w []F) []F
	backTransposed(dx, transposed, du []F, n int)
}

// Transpose prepares weights in the shape of block l's that stay as they are for BelowTransposed.
func (n *NetOf[F]) Transpose(l int, w []F) []F {
	if a, ok := n.blocks[l].affine.(transposer[F]); ok {
		return a.transpose(w)
	}
	return append([]F(nil), w...)
}

// BelowTransposed is Below for weights that Transpose prepared.
func (n *NetOf[F]) BelowTransposed(t *TraceOf[F], l int, dx, transposed, du []F) {
	if a, ok := n.blocks[l].affine.(transposer[F]); ok {
		a.backTransposed(dx, transposed, du, t.N)
	} else {
		n.blocks[l].affine.back(dx, transposed, du, t.N)
	}
	n.addSkip(t, l, dx)
}

// Gradient overwrites block l's part of grad, which is laid out like theta: dw = δ⊗x summed over the batch, db = Σδ, for a
// teaching signal delta at U(l) and the input x, In(l) as a rule.
func (n *NetOf[F]) Gradient(l int, grad, x, delta []F, rows int) {
	dw, db := n.Weights(grad, l)
	n.blocks[l].affine.gradient(dw, db, x, delta, rows)
}

// Wrong returns how many of the first n examples have their largest output at another class than their label, or outputs
// that are NaN.
func (t *TraceOf[F]) Wrong(n int) int {
	h := t.Out(len(t.blocks) - 1)
	classes, wrong := len(h)/t.N, 0
	for i, label := range t.Labels[:n] {
		row, best := h[i*classes:(i+1)*classes], 0
		for k, v := range row {
			if v > row[best] || v != v {
				best = k
			}
		}
		if best != int(label) || row[best] != row[best] {
			wrong++
		}
	}
	return wrong
}
