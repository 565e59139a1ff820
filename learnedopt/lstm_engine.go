package learnedopt

import "github.com/seed1498fded/unroll/internal/kernel"

// An lstmEngine runs the LSTM on its kernels.
type lstmEngine struct {
	*dealing[float32]
	n       int
	weights *kernel.Weights[float32]
	workers []*lstmWorker[float32]

	// The arguments of the running step, and what each worker does with them: kept here, so that a step allocates nothing.
	running struct {
		step, next []float32
		p          Point[float32]
	}
	stepGroup func(worker, group int) error
}

var _ windowEngine[float32] = (*lstmEngine)(nil)

func newLSTMEngine(r *LSTM, n int) *lstmEngine {
	e := &lstmEngine{
		dealing: deal[float32](n, kernelBlock, r.Phi().Len()), n: n, weights: kernel.NewWeights[float32](r.kernelShape()),
	}
	e.stepGroup = e.stepOfGroup
	for range e.dealing.workers() {
		e.workers = append(e.workers, newLSTMWorker[float32](r, n))
	}
	return e
}

func (e *lstmEngine) step(step, next []float32, p Point[float32]) error {
	e.weights.Pack(p.Phi)
	e.running.step, e.running.next, e.running.p = step, next, p
	return e.each(e.stepGroup)
}

func (e *lstmEngine) stepOfGroup(w, g int) error {
	wk, r := e.workers[w], &e.running
	for _, b := range e.groups[g] {
		wk.forward(e.weights, wk.part(&wk.in, r.p.State, e.n, b), r.p.Grad[b.from:b.to], r.step[b.from:b.to])
		wk.block.GetState(b.to-b.from, 1, wk.part(&wk.out, r.next, e.n, b))
	}
	return nil
}

func (e *lstmEngine) pullback(d Cotangents[float32], p Point[float32]) error {
	e.weights.Pack(p.Phi)
	err := e.each(func(w, g int) error {
		wk := e.workers[w]
		wk.gradient.Clear()
		for _, b := range e.groups[g] {
			e.pullbackOfBlock(wk, d, p, b)
		}
		clear(e.sums[g])
		wk.gradient.AddTo(e.sums[g])
		return nil
	})
	e.addTo(d.Phi)
	return err
}

func (e *lstmEngine) pullbackOfBlock(w *lstmWorker[float32], d Cotangents[float32], p Point[float32], b block) {
	state, dNext := w.part(&w.in, p.State, e.n, b), w.part(&w.out, d.Next, e.n, b)
	w.backward(e.weights, state, p.Grad[b.from:b.to], dNext, d.Step[b.from:b.to])
	w.block.GetBack(b.to-b.from, w.part(&w.out, d.State, e.n, b))
	if d.Grad != nil {
		w.dGrad(d.Grad[b.from:b.to], p.Grad[b.from:b.to])
	}
	if d.Theta != nil {
		clear(d.Theta[b.from:b.to])
	}
}

func (e *lstmEngine) pullbackWindow(win Window[float32]) error {
	e.weights.Pack(win.Phi)
	err := e.each(func(w, g int) error {
		wk := e.workers[w]
		wk.reserve(len(win.Grads))
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
func (e *lstmEngine) windowOfBlock(w *lstmWorker[float32], win Window[float32], b block) {
	w.block.SetState(b.to-b.from, w.part(&w.in, win.State, e.n, b))
	for t, grad := range win.Grads {
		w.advance(e.weights, t, grad[b.from:b.to], w.stepped)
	}
	w.block.ClearBack()
	for t := len(win.Grads) - 1; t >= 0; t-- {
		w.block.Backward(e.weights, w.gradient, t, b.to-b.from, w.scale, win.DStep[t][b.from:b.to])
	}
}
