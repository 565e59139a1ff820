package learnedopt

import (
	"github.com/seed1498fded/unroll/internal/kernel"
)

// kernelBlock is the number of coordinates that the LSTM's kernels take at a time: what a window of 20 steps needs of them on
// the way back, 800 kB with the default sizes, then stays in a second-level cache.
const kernelBlock = 32

// kernels returns the LSTM's engine for float32, for hidden sizes that the kernels can do.
func (r *LSTM) kernels(self Rule, n int) any {
	if self != Rule(r) || !r.fits() {
		return nil
	}
	return newLSTMEngine(r, n)
}

// An lstmEngine runs the LSTM on its kernels.
type lstmEngine struct {
	*dealing[float32]
	n       int
	rule    LSTM
	shape   kernel.Shape
	weights *kernel.Weights[float32]
	workers []*lstmWorker

	// The arguments of the running step, and what each worker does with them: kept here, so that a step allocates nothing.
	running struct {
		step, next []float32
		p          Point[float32]
	}
	stepGroup func(worker, group int) error
}

// An lstmWorker is what one goroutine needs.
type lstmWorker struct {
	block    *kernel.Block[float32]
	window   int
	gradient *kernel.Gradient[float32]
	step     []float32
	logs     []float32 // of a block's gradients
	in, out  kernel.State[float32]
}

var _ windowEngine[float32] = (*lstmEngine)(nil)

// fits says whether the kernels can do the hidden size.
func (r *LSTM) fits() bool { return r.hidden()%4 == 0 }

func newLSTMEngine(r *LSTM, n int) *lstmEngine {
	f := r.filled()
	e := &lstmEngine{
		dealing: deal[float32](n, kernelBlock, r.Phi().Len()), n: n, rule: f,
		shape: kernel.Shape{Inputs: r.inputs(0), Hidden: f.Hidden, Layers: f.Layers},
	}
	e.weights = kernel.NewWeights[float32](e.shape)
	e.stepGroup = e.stepOfGroup
	for range e.dealing.workers() {
		w := &lstmWorker{gradient: kernel.NewGradient[float32](e.shape), step: make([]float32, kernelBlock), logs: make([]float32, kernelBlock)}
		w.reserve(e.shape, min(n, kernelBlock), 1)
		e.workers = append(e.workers, w)
	}
	return e
}

// reserve makes sure that the worker's block can hold a window.
func (w *lstmWorker) reserve(s kernel.Shape, n, window int) {
	if window > w.window {
		w.block, w.window = kernel.NewBlock[float32](s, n, window), window
	}
}

// part returns a block's share of a state, in the memory of s.
func (e *lstmEngine) part(s *kernel.State[float32], state []float32, b block) kernel.State[float32] {
	h, size := e.shape.Hidden, e.n*e.shape.Hidden
	s.H, s.C = s.H[:0], s.C[:0]
	for range e.shape.Layers {
		s.H = append(s.H, state[b.from*h:b.to*h])
		s.C = append(s.C, state[size+b.from*h:size+b.to*h])
		state = state[2*size:]
	}
	return *s
}

// features fills in what the LSTM sees of a block's gradients at step t.
func (e *lstmEngine) features(w *lstmWorker, t int, grad []float32) {
	if e.rule.Preprocess <= 0 {
		for i, g := range grad {
			w.block.Features(t, i)[0] = g
		}
		return
	}
	ls := newLogSign[float32](e.rule.Preprocess)
	logs := w.logs[:len(grad)]
	kernel.LogSize(logs, grad)
	for i, g := range grad {
		x := w.block.Features(t, i)
		x[0], x[1] = ls.features(g, logs[i])
	}
}

// dGrad carries the cotangents of a block's features back to its gradients.
func (e *lstmEngine) dGrad(w *lstmWorker, dst, grad []float32) {
	ls := newLogSign[float32](e.rule.Preprocess)
	for i, g := range grad {
		d := w.block.DFeatures(i)
		if e.rule.Preprocess <= 0 {
			dst[i] = d[0]
		} else {
			dst[i] = ls.pullback(g, d[0], d[1])
		}
	}
}

func (e *lstmEngine) step(step, next []float32, p Point[float32]) error {
	e.weights.Pack(p.Phi)
	e.running.step, e.running.next, e.running.p = step, next, p
	return e.each(e.stepGroup)
}

func (e *lstmEngine) stepOfGroup(w, g int) error {
	wk, r := e.workers[w], &e.running
	for _, b := range e.groups[g] {
		n := b.to - b.from
		wk.block.SetState(n, e.part(&wk.in, r.p.State, b))
		e.features(wk, 0, r.p.Grad[b.from:b.to])
		wk.block.Forward(e.weights, 0, n, float32(e.rule.Scale), r.step[b.from:b.to])
		wk.block.GetState(n, 1, e.part(&wk.out, r.next, b))
	}
	return nil
}

func (e *lstmEngine) pullback(d Cotangents[float32], p Point[float32]) error {
	e.weights.Pack(p.Phi)
	err := e.each(func(w, g int) error {
		wk := e.workers[w]
		wk.gradient.Clear()
		for _, b := range e.groups[g] {
			n := b.to - b.from
			wk.block.SetState(n, e.part(&wk.in, p.State, b))
			e.features(wk, 0, p.Grad[b.from:b.to])
			wk.block.Forward(e.weights, 0, n, float32(e.rule.Scale), wk.step)
			wk.block.SetBack(n, e.part(&wk.in, d.Next, b))
			wk.block.Backward(e.weights, wk.gradient, 0, n, float32(e.rule.Scale), d.Step[b.from:b.to])
			wk.block.GetBack(n, e.part(&wk.out, d.State, b))
			if d.Grad != nil {
				e.dGrad(wk, d.Grad[b.from:b.to], p.Grad[b.from:b.to])
			}
			if d.Theta != nil {
				clear(d.Theta[b.from:b.to])
			}
		}
		clear(e.sums[g])
		wk.gradient.AddTo(e.sums[g])
		return nil
	})
	e.addTo(d.Phi)
	return err
}

func (e *lstmEngine) pullbackWindow(win Window[float32]) error {
	e.weights.Pack(win.Phi)
	err := e.each(func(w, g int) error {
		wk := e.workers[w]
		wk.reserve(e.shape, min(e.n, kernelBlock), len(win.Grads))
		wk.gradient.Clear()
		for _, b := range e.groups[g] {
			e.windowOfBlock(wk, win, b)
		}
		clear(e.sums[g])
		wk.gradient.AddTo(e.sums[g])
		return nil
	})
	e.addTo(win.DPhi)
	return err
}

// windowOfBlock runs a block over the window again, and back.
func (e *lstmEngine) windowOfBlock(w *lstmWorker, win Window[float32], b block) {
	n, scale := b.to-b.from, float32(e.rule.Scale)
	w.block.SetState(n, e.part(&w.in, win.State, b))
	for t, grad := range win.Grads {
		e.features(w, t, grad[b.from:b.to])
		w.block.Forward(e.weights, t, n, scale, w.step)
	}
	w.block.ClearBack()
	for t := len(win.Grads) - 1; t >= 0; t-- {
		w.block.Backward(e.weights, w.gradient, t, n, scale, win.DStep[t][b.from:b.to])
	}
}
