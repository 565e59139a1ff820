package recurrent

import (
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/engine"
	"github.com/seed1498fded/unroll/params"
)

// BlockLen is the number of coordinates that kernels of cells take at a time: what a window of 20 steps needs of them on
// the backward pass, 800 kB with two layers of 20 units, then stays in an L2 cache.
const BlockLen = 32

// A Worker runs a model over one block of coordinates after another, for one goroutine. The engine and the LSTM's fused
// operation are both made of it.
type Worker[F params.Float] struct {
	Front Front[F]

	shape    kernel.Shape
	scale    F
	own      int // numbers of state a coordinate before the cells'
	size     int // coordinates of the largest block
	block    *kernel.Block[F]
	window   int                 // steps that block has room for
	gradient *kernel.Gradient[F] // of the cells' weights
	stepped  []F                 // the steps of a run that is only made to go back
	in, out  kernel.State[F]
}

// NewWorker makes a worker on a problem of n coordinates.
func NewWorker[F params.Float](m Model[F], n int) *Worker[F] {
	shape := m.Shape()
	w := &Worker[F]{
		Front: m.Front(), gradient: kernel.NewGradient[F](shape),
		shape: shape, scale: m.Scale(), own: m.Own(), size: min(n, BlockLen), stepped: make([]F, BlockLen),
	}
	w.in, w.out = newState[F](shape.Layers), newState[F](shape.Layers)
	w.reserve(1)
	return w
}

func newState[F params.Float](layers int) kernel.State[F] {
	return kernel.State[F]{H: make([][]F, 0, layers), C: make([][]F, 0, layers)}
}

// reserve makes sure that the worker can hold a window.
func (w *Worker[F]) reserve(window int) {
	if window > w.window {
		w.block, w.window = kernel.NewBlock[F](w.shape, w.size, window), window
		w.Front.Reserve(window)
	}
}

// Clear begins a sum of gradients anew.
func (w *Worker[F]) Clear() {
	w.gradient.Clear()
	w.Front.Clear()
}

// AddTo adds what Backward has summed up since Clear to the cotangents of phi and of the shared state.
func (w *Worker[F]) AddTo(dPhi, dShared []F) { w.Front.AddTo(dPhi, dShared, w.gradient) }

// part returns a block's share of the cells' state, in the memory of s, where state is that of n coordinates.
func (w *Worker[F]) part(s *kernel.State[F], state []F, n int, b engine.Block) kernel.State[F] {
	h, size := w.shape.Hidden, n*w.shape.Hidden
	state = state[w.own*n:]
	s.H, s.C = s.H[:0], s.C[:0]
	for range w.shape.Layers {
		s.H = append(s.H, state[b.From*h:b.To*h])
		s.C = append(s.C, state[size+b.From*h:size+b.To*h])
		state = state[2*size:]
	}
	return *s
}

// From returns a block's share of the state of n coordinates that a step begins with, To that of the state after it. The
// next call of the same one overwrites it.
func (w *Worker[F]) From(state []F, n int, b engine.Block) kernel.State[F] {
	return w.part(&w.in, state, n, b)
}

// To is described at From.
func (w *Worker[F]) To(state []F, n int, b engine.Block) kernel.State[F] {
	return w.part(&w.out, state, n, b)
}

// Forward takes one step from the cells' state s, and from what the front has loaded.
func (w *Worker[F]) Forward(weights *kernel.Weights[F], s kernel.State[F], grad, step []F) {
	w.block.SetState(len(grad), s)
	w.advance(weights, 0, grad, step)
}

// Next stores the state of the cells of n coordinates after Forward.
func (w *Worker[F]) Next(n int, s kernel.State[F]) { w.block.GetState(n, 1, s) }

// advance takes step t of a window, from the state that the steps before left.
func (w *Worker[F]) advance(weights *kernel.Weights[F], t int, grad, step []F) {
	w.Front.In(w.block, t, grad)
	w.block.Forward(weights, t, len(grad), w.scale, step)
	w.Front.Out(t, step[:len(grad)])
}

// Backward takes a step again and carries the cotangents of its results back. Those of the weights are added to the worker's
// gradients.
func (w *Worker[F]) Backward(weights *kernel.Weights[F], s kernel.State[F], grad []F, dNext kernel.State[F], dStep []F) {
	w.Forward(weights, s, grad, w.stepped)
	w.block.SetBack(len(grad), dNext)
	w.back(weights, 0, dStep)
}

// StateBack stores the cotangents of the cells' state before the step of Backward.
func (w *Worker[F]) StateBack(n int, s kernel.State[F]) { w.block.GetBack(n, s) }

// FrontBack is the front's StateBack for that step.
func (w *Worker[F]) FrontBack(dOwn, dNext, dGrad, grad []F, n int, b engine.Block) {
	w.Front.StateBack(w.block, dOwn, dNext, dGrad, grad, n, b)
}

func (w *Worker[F]) back(weights *kernel.Weights[F], t int, dStep []F) {
	n := len(dStep)
	w.block.Backward(weights, w.gradient, t, n, w.scale, w.Front.OutBack(t, dStep))
	w.Front.InBack(w.block, t, n)
}
