package lstm

import (
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/engine"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// A lstm runs the LSTM on its kernels.
type lstm struct {
	*engine.Schedule[engine.Block, float32]
	n       int
	weights *kernel.Weights[float32]
	workers []*worker[float32]

	// The arguments of what is running, and what each worker does with them: kept here, so that nothing is allocated.
	running struct {
		step, next []float32
		p          rule.Point[float32]
		d          rule.Cotangents[float32]
		window     rule.Window[float32]
	}
	stepGroup, pullbackGroup, windowGroup func(worker, group int) error
}

var (
	_ rule.PullbackKernel = (*lstm)(nil)
	_ rule.WindowKernel   = (*lstm)(nil)
)

func newKernel(r *Rule, n, workers int) *lstm {
	e := &lstm{
		Schedule: engine.NewSchedule[float32](engine.Blocks(n, kernelBlock), r.phi().Len(), workers),
		n:        n, weights: kernel.NewWeights[float32](r.kernelShape()),
	}
	e.stepGroup, e.pullbackGroup, e.windowGroup = e.stepOfGroup, e.pullbackOfGroup, e.windowOfGroup
	for range e.Workers() {
		e.workers = append(e.workers, newWorker[float32](r, n))
	}
	return e
}

// Step implements rule.Kernel.
func (e *lstm) Step(step, next []float32, p rule.Point[float32]) error {
	e.weights.Pack(p.Phi)
	e.running.step, e.running.next, e.running.p = step, next, p
	return e.Each(e.stepGroup)
}

func (e *lstm) stepOfGroup(w, g int) error {
	wk, r := e.workers[w], &e.running
	for _, b := range e.Groups[g] {
		wk.forward(e.weights, wk.part(&wk.in, r.p.State, e.n, b), r.p.Grad[b.From:b.To], r.step[b.From:b.To])
		wk.block.GetState(b.To-b.From, 1, wk.part(&wk.out, r.next, e.n, b))
	}
	return nil
}

// Pullback implements rule.PullbackKernel.
func (e *lstm) Pullback(d rule.Cotangents[float32], p rule.Point[float32]) error {
	e.weights.Pack(p.Phi)
	e.running.d, e.running.p = d, p
	err := e.Each(e.pullbackGroup)
	e.AddTo(d.Phi)
	return err
}

func (e *lstm) pullbackOfGroup(w, g int) error {
	wk := e.workers[w]
	wk.gradient.Clear()
	for _, b := range e.Groups[g] {
		e.pullbackOfBlock(wk, e.running.d, e.running.p, b)
	}
	clear(e.Sums[g])
	wk.gradient.AddTo(e.Sums[g])
	return nil
}

func (e *lstm) pullbackOfBlock(w *worker[float32], d rule.Cotangents[float32], p rule.Point[float32], b engine.Block) {
	state, dNext := w.part(&w.in, p.State, e.n, b), w.part(&w.out, d.Next, e.n, b)
	w.backward(e.weights, state, p.Grad[b.From:b.To], dNext, d.Step[b.From:b.To])
	w.block.GetBack(b.To-b.From, w.part(&w.out, d.State, e.n, b))
	if d.Grad != nil {
		w.dGrad(d.Grad[b.From:b.To], p.Grad[b.From:b.To])
	}
	if d.Theta != nil {
		clear(d.Theta[b.From:b.To])
	}
}

// PullbackWindow implements rule.WindowKernel.
func (e *lstm) PullbackWindow(win rule.Window[float32]) error {
	e.weights.Pack(win.Phi)
	e.running.window = win
	err := e.Each(e.windowGroup)
	e.AddTo(win.DPhi)
	return err
}

func (e *lstm) windowOfGroup(w, g int) error {
	wk := e.workers[w]
	wk.reserve(len(e.running.window.Grads))
	wk.gradient.Clear()
	for _, b := range e.Groups[g] {
		e.windowOfBlock(wk, e.running.window, b)
	}
	clear(e.Sums[g])
	wk.gradient.AddTo(e.Sums[g])
	return nil
}

// windowOfBlock runs a block over the window again, and back.
func (e *lstm) windowOfBlock(w *worker[float32], win rule.Window[float32], b engine.Block) {
	w.block.SetState(b.To-b.From, w.part(&w.in, win.State, e.n, b))
	for t, grad := range win.Grads {
		w.advance(e.weights, t, grad[b.From:b.To], w.stepped)
	}
	w.block.ClearBack()
	for t := len(win.Grads) - 1; t >= 0; t-- {
		w.block.Backward(e.weights, w.gradient, t, b.To-b.From, w.scale, win.DStep[t][b.From:b.To])
	}
}
