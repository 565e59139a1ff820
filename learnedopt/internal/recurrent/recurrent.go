// Package recurrent runs rules that are a small stack of LSTM cells a coordinate, on the kernels of package kernel: the LSTM
// and RNNprop. They differ in what the cells see and in what becomes of what they say, which is a [Front] each.
package recurrent

import (
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/engine"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// An Engine runs a model on weights it is bound to.
type Engine struct {
	*engine.Schedule[engine.Block, float32]
	model   Model[float32]
	n       int
	weights *kernel.Weights[float32]
	workers []*Worker[float32]
	shared  [][]float32 // each group's share of the cotangent of the shared state

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
	_ rule.PullbackKernel = (*Engine)(nil)
	_ rule.WindowKernel   = (*Engine)(nil)
)

// New binds a model to n coordinates, for up to so many workers.
func New(m Model[float32], n, workers int) *Engine {
	e := &Engine{
		Schedule: engine.NewSchedule[float32](engine.Blocks(n, BlockLen), m.Phi(), workers),
		model:    m, n: n, weights: kernel.NewWeights[float32](m.Shape()),
	}
	e.stepGroup, e.pullbackGroup, e.windowGroup = e.stepOfGroup, e.pullbackOfGroup, e.windowOfGroup
	for range e.Workers() {
		e.workers = append(e.workers, NewWorker(m, n))
	}
	for range e.Groups {
		e.shared = append(e.shared, make([]float32, m.Shared()))
	}
	return e
}

// sharedOf returns the part of a state that there is once.
func (e *Engine) sharedOf(state []float32) []float32 { return state[len(state)-e.model.Shared():] }

func (e *Engine) take(phi, state []float32) { e.model.Take(e.weights, phi, e.sharedOf(state)) }

// Step implements rule.Kernel.
func (e *Engine) Step(step, next []float32, p rule.Point[float32]) error {
	e.take(p.Phi, p.State)
	e.running.step, e.running.next, e.running.p = step, next, p
	err := e.Each(e.stepGroup)
	e.model.Next(e.sharedOf(next))
	return err
}

func (e *Engine) stepOfGroup(w, g int) error {
	wk, r := e.workers[w], &e.running
	for _, b := range e.Groups[g] {
		wk.Front.Load(r.p.State, e.n, b)
		wk.Forward(e.weights, wk.From(r.p.State, e.n, b), r.p.Grad[b.From:b.To], r.step[b.From:b.To])
		wk.Next(b.Len(), wk.To(r.next, e.n, b))
		wk.Front.Save(r.next, e.n, b)
	}
	return nil
}

// Pullback implements rule.PullbackKernel.
func (e *Engine) Pullback(d rule.Cotangents[float32], p rule.Point[float32]) error {
	e.take(p.Phi, p.State)
	e.running.d, e.running.p = d, p
	err := e.Each(e.pullbackGroup)
	e.AddTo(d.Phi)
	e.sharedBack(e.sharedOf(d.State), e.sharedOf(d.Next))
	return err
}

// sharedBack adds the groups' shares to the cotangent of the shared state. The next one differs from it by a constant.
func (e *Engine) sharedBack(dShared, dNext []float32) {
	copy(dShared, dNext)
	for _, share := range e.shared {
		for i, v := range share {
			dShared[i] += v
		}
	}
}

func (e *Engine) pullbackOfGroup(w, g int) error {
	wk := e.workers[w]
	wk.Clear()
	for _, b := range e.Groups[g] {
		e.pullbackOfBlock(wk, e.running.d, e.running.p, b)
	}
	e.sum(wk, g)
	return nil
}

// sum stores what a worker has added up over a group.
func (e *Engine) sum(w *Worker[float32], g int) {
	clear(e.Sums[g])
	clear(e.shared[g])
	w.AddTo(e.Sums[g], e.shared[g])
}

func (e *Engine) pullbackOfBlock(w *Worker[float32], d rule.Cotangents[float32], p rule.Point[float32], b engine.Block) {
	grad := p.Grad[b.From:b.To]
	w.Front.Load(p.State, e.n, b)
	w.Backward(e.weights, w.From(p.State, e.n, b), grad, w.To(d.Next, e.n, b), d.Step[b.From:b.To])
	w.StateBack(b.Len(), w.To(d.State, e.n, b))
	var dGrad []float32
	if d.Grad != nil {
		dGrad = d.Grad[b.From:b.To]
	}
	w.FrontBack(d.State, d.Next, dGrad, grad, e.n, b)
	if d.Theta != nil {
		clear(d.Theta[b.From:b.To])
	}
}

// PullbackWindow implements rule.WindowKernel.
func (e *Engine) PullbackWindow(win rule.Window[float32]) error {
	e.take(win.Phi, win.State)
	e.running.window = win
	err := e.Each(e.windowGroup)
	e.AddTo(win.DPhi)
	return err
}

func (e *Engine) windowOfGroup(w, g int) error {
	wk := e.workers[w]
	wk.reserve(len(e.running.window.Grads))
	wk.Clear()
	for _, b := range e.Groups[g] {
		e.windowOfBlock(wk, e.running.window, b)
	}
	e.sum(wk, g)
	return nil
}

// windowOfBlock runs a block over the window again, and back.
func (e *Engine) windowOfBlock(w *Worker[float32], win rule.Window[float32], b engine.Block) {
	w.Front.Load(win.State, e.n, b)
	w.block.SetState(b.Len(), w.From(win.State, e.n, b))
	for t, grad := range win.Grads {
		w.advance(e.weights, t, grad[b.From:b.To], w.stepped)
	}
	w.block.ClearBack()
	for t := len(win.Grads) - 1; t >= 0; t-- {
		w.back(e.weights, t, win.DStep[t][b.From:b.To])
	}
}
