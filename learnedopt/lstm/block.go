package lstm

import (
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/engine"
	"github.com/seed1498fded/unroll/params"
)

// kernelBlock is the number of coordinates that the LSTM's kernels take at a time: what a window of 20 steps needs of them on
// the backward pass, 800 kB with the default sizes, then stays in an L2 cache.
const kernelBlock = 32

// An worker runs the LSTM over one block of coordinates after another, for one goroutine. The LSTM's engine and its
// fused operation are both made of it.
type worker[F params.Float] struct {
	config   Rule // with every default in its place
	shape    kernel.Shape
	scale    F
	logSign  logSignOf[F]
	size     int // coordinates of the largest block
	block    *kernel.Block[F]
	window   int // steps that block has room for
	gradient *kernel.Gradient[F]
	logs     []F // of a block's gradients
	stepped  []F // the steps of a run that is only made to go back
	in, out  kernel.State[F]
}

// fits says whether the kernels can do the hidden size.
func (r *Rule) fits() bool { return r.hidden()%4 == 0 }

// kernelShape returns r's sizes in the words of package kernel.
func (r *Rule) kernelShape() kernel.Shape {
	return kernel.Shape{Inputs: r.inputs(0), Hidden: r.hidden(), Layers: r.filled().Layers}
}

// newWorker makes a worker on a problem of n coordinates.
func newWorker[F params.Float](r *Rule, n int) *worker[F] {
	f, shape := r.filled(), r.kernelShape()
	w := &worker[F]{
		config: f, shape: shape, scale: F(f.Scale), logSign: newLogSign[F](f.Preprocess), size: min(n, kernelBlock),
		gradient: kernel.NewGradient[F](shape), stepped: make([]F, kernelBlock), logs: make([]F, kernelBlock),
	}
	layers := shape.Layers
	for _, s := range []*kernel.State[F]{&w.in, &w.out} {
		s.H, s.C = make([][]F, 0, layers), make([][]F, 0, layers)
	}
	w.reserve(1)
	return w
}

// reserve makes sure that the worker's block can hold a window.
func (w *worker[F]) reserve(window int) {
	if window > w.window {
		w.block, w.window = kernel.NewBlock[F](w.shape, w.size, window), window
	}
}

// part returns a block's share of a state of n coordinates, laid out as Spec says, in the memory of s.
func (w *worker[F]) part(s *kernel.State[F], state []F, n int, b engine.Block) kernel.State[F] {
	h, size := w.shape.Hidden, n*w.shape.Hidden
	s.H, s.C = s.H[:0], s.C[:0]
	for range w.shape.Layers {
		s.H = append(s.H, state[b.From*h:b.To*h])
		s.C = append(s.C, state[size+b.From*h:size+b.To*h])
		state = state[2*size:]
	}
	return *s
}

// rows is part for a state that is a tensor each.
func (w *worker[F]) rows(s *kernel.State[F], tensors [][]F, b engine.Block) kernel.State[F] {
	h := w.shape.Hidden
	s.H, s.C = s.H[:0], s.C[:0]
	for l := range w.shape.Layers {
		s.H = append(s.H, tensors[2*l][b.From*h:b.To*h])
		s.C = append(s.C, tensors[2*l+1][b.From*h:b.To*h])
	}
	return *s
}

// features fills in what the LSTM sees of a block's gradients at step t.
func (w *worker[F]) features(t int, grad []F) {
	if w.config.Preprocess <= 0 {
		for i, g := range grad {
			w.block.Features(t, i)[0] = g
		}
		return
	}
	logs := w.logs[:len(grad)]
	kernel.LogSize(logs, grad)
	for i, g := range grad {
		x := w.block.Features(t, i)
		x[0], x[1] = w.logSign.features(g, logs[i])
	}
}

// dGrad carries the cotangents of a block's features back to its gradients.
func (w *worker[F]) dGrad(dst, grad []F) {
	for i, g := range grad {
		d := w.block.DFeatures(i)
		if w.config.Preprocess <= 0 {
			dst[i] = d[0]
		} else {
			dst[i] = w.logSign.pullback(g, d[0], d[1])
		}
	}
}

// forward takes one step from the state s. The next state is in the block then, after one step.
func (w *worker[F]) forward(weights *kernel.Weights[F], s kernel.State[F], grad, step []F) {
	w.block.SetState(len(grad), s)
	w.advance(weights, 0, grad, step)
}

// advance takes step t of a window, from the state that the steps before left.
func (w *worker[F]) advance(weights *kernel.Weights[F], t int, grad, step []F) {
	w.features(t, grad)
	w.block.Forward(weights, t, len(grad), w.scale, step)
}

// backward takes a step again and carries the cotangents of its results back. That of phi is added to the worker's
// gradient, those of state and features are in the block then.
func (w *worker[F]) backward(weights *kernel.Weights[F], s kernel.State[F], grad []F, dNext kernel.State[F], dStep []F) {
	w.forward(weights, s, grad, w.stepped)
	w.block.SetBack(len(grad), dNext)
	w.block.Backward(weights, w.gradient, 0, len(grad), w.scale, dStep)
}
