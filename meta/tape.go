package meta

import (
	"context"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// A tape notes what the backward pass over a window needs, and runs it.
type tape[F params.Float] interface {
	// note is called before each step, with the trajectory evaluated.
	note(t int, tr *Trajectory[F])

	// back adds the derivative of the window's meta-loss to grad. The trajectory stands after the last of the steps,
	// evaluated. Weights holds, for each loss that the window met and each run, its weight; lambda is room for the cotangent of
	// theta.
	back(ctx context.Context, grad, phi []F, tr *Trajectory[F], weights [][]F, lambda []F, key uint64) error
}

// addWeighted adds to each run's part of lambda its part of a gradient, by the run's weight.
func addWeighted[F params.Float](lambda, grad, weights []F) {
	n := len(lambda) / len(weights)
	for i, w := range weights {
		if w == 0 { // what does not count may not have been evaluated
			continue
		}
		for k := i * n; k < (i+1)*n; k++ {
			lambda[k] += w * grad[k]
		}
	}
}

// A stepTape goes back step by step. It keeps all that each step was computed from.
type stepTape[F params.Float] struct {
	compiled *learnedopt.Compiled[F]
	exact    bool
	entries  []stepEntry[F]
	dState   []F
	dRead    []F // the cotangent of the weights that the rule read; nil if it reads none
	dLoss    []F // the cotangent of the losses that it read; likewise
	dGrad    []F // with exact
	dSenses  []F // the cotangent of what the synapses felt; nil if the rule reads none of it
	hv       []F // of a pullback through the problem
}

// A stepEntry is what one step was computed from.
type stepEntry[F params.Float] struct {
	state, grad, theta []F
	trueGrad           []F // grad itself where the rule sees it
	metaGrad           []F // what the meta-loss is differentiated from: trueGrad itself but on other minibatches
	senses             []F
	losses             []F
	step               int
}

func newStepTape[F params.Float](c *learnedopt.Compiled[F], window int, exact, signalled, other bool) *stepTape[F] {
	n, m := c.Coordinates(), c.State().Len()
	s := &stepTape[F]{compiled: c, exact: exact, dState: make([]F, m)}
	for range window {
		e := stepEntry[F]{state: make([]F, m), grad: make([]F, n), losses: make([]F, c.Copies())}
		e.trueGrad = e.grad
		if signalled {
			e.trueGrad = make([]F, n)
		}
		if e.metaGrad = e.trueGrad; other {
			e.metaGrad = make([]F, n)
		}
		if exact || s.reads(learnedopt.Theta) || senses(c.Reads()) {
			e.theta = make([]F, n)
		}
		if senses(c.Reads()) {
			e.senses = make([]F, c.Copies()*c.Senses().Len())
		}
		s.entries = append(s.entries, e)
	}
	if s.reads(learnedopt.Theta) {
		s.dRead = make([]F, n)
	}
	if senses(c.Reads()) {
		s.dSenses, s.hv = make([]F, c.Copies()*c.Senses().Len()), make([]F, n)
	}
	if exact {
		s.dGrad, s.hv = make([]F, n), make([]F, n)
		if s.reads(learnedopt.Loss) {
			s.dLoss = make([]F, c.Copies())
		}
	}
	return s
}

func (s *stepTape[F]) reads(v learnedopt.Vars) bool { return s.compiled.Reads()&v != 0 }

func (s *stepTape[F]) note(t int, tr *Trajectory[F]) {
	e := &s.entries[t]
	copy(e.state, tr.State)
	copy(e.grad, tr.Grad)
	copy(e.trueGrad, tr.TrueGrad)
	copy(e.metaGrad, tr.derivative())
	copy(e.theta, tr.Theta)
	copy(e.losses, tr.losses)
	copy(e.senses, tr.Senses)
	e.step = tr.steps
}

func (s *stepTape[F]) back(ctx context.Context, grad, phi []F, tr *Trajectory[F], weights [][]F, lambda []F, _ uint64) error {
	steps := len(weights) - 1
	clear(s.dState)
	clear(lambda)
	addWeighted(lambda, tr.derivative(), weights[steps])
	for t := steps - 1; t >= 0; t-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := &s.entries[t]
		d := learnedopt.Cotangents[F]{
			Step: lambda, Next: s.dState, Phi: grad, State: s.dState, Grad: s.dGrad, Theta: s.dRead, Loss: s.dLoss, Senses: s.dSenses,
		}
		p := tr.point(phi)
		p.State, p.Grad, p.Theta, p.Loss, p.Senses, p.Step = e.state, e.grad, e.theta, e.losses, e.senses, e.step
		if err := s.compiled.Pullback(d, p); err != nil {
			return err
		}
		addWeighted(lambda, e.metaGrad, weights[t])
		for i, x := range s.dRead {
			lambda[i] += x
		}
		if s.exact {
			if err := s.throughProblem(lambda, tr, e); err != nil {
				return err
			}
		}
		if s.dSenses != nil {
			if err := s.throughSenses(lambda, tr, e); err != nil {
				return err
			}
		}
	}
	if s.entries[0].step == 0 { // the window began with the episode: so the rule's memory follows from phi
		return s.compiled.StartPullback(grad, s.dState, phi)
	}
	return nil
}

// throughProblem adds what reached the gradients and losses that a step saw to the cotangent of the weights where they were
// taken.
func (s *stepTape[F]) throughProblem(lambda []F, tr *Trajectory[F], e *stepEntry[F]) error {
	n := len(lambda) / tr.Runs()
	for i := range tr.runs {
		from, to := i*n, (i+1)*n
		c := tr.runs[i].problem.(inner.CurvatureOf[F])
		if err := c.HessianVector(s.hv[from:to], e.theta[from:to], s.dGrad[from:to], tr.batchAt(e.step, i)); err != nil {
			return err
		}
	}
	for i, x := range s.hv {
		lambda[i] += x
	}
	if s.dLoss != nil {
		addWeighted(lambda, e.trueGrad, s.dLoss)
	}
	return nil
}

// throughSenses adds what reached the senses to the cotangent of the weights that they depend on.
func (s *stepTape[F]) throughSenses(lambda []F, tr *Trajectory[F], e *stepEntry[F]) error {
	n, m := len(lambda)/tr.Runs(), len(s.dSenses)/tr.Runs()
	for i := range tr.runs {
		from, to := i*n, (i+1)*n
		p := tr.runs[i].problem.(inner.SynapticPullbackOf[F])
		if err := p.SensePullback(s.hv[from:to], s.dSenses[i*m:(i+1)*m], e.theta[from:to], e.step, tr.batchAt(e.step, i)); err != nil {
			return err
		}
	}
	for i, x := range s.hv {
		lambda[i] += x
	}
	return nil
}

// A windowTape carries a whole window back at once, for rules that can, where nothing but the gradients, which count as
// constants, couples their steps to the problem. The rule computes its states again, so that the tape keeps but gradients.
type windowTape[F params.Float] struct {
	compiled        *learnedopt.Compiled[F]
	start           []F // the state where the window began
	grads, metaGrad [][]F
	dStep           [][]F
	sample          *sample[F] // nil: all coordinates
}

// windowed reports whether a rule's windows can be carried back at once.
func windowed[F params.Float](c *learnedopt.Compiled[F], exact bool) bool {
	return c.HasWindow() && !exact && c.Reads()&(learnedopt.Theta|learnedopt.Loss) == 0 && !senses(c.Reads()) && !c.Starts()
}

func newWindowTape[F params.Float](c *learnedopt.Compiled[F], window int, apart bool) *windowTape[F] {
	w := &windowTape[F]{compiled: c, start: make([]F, c.State().Len())}
	for range window {
		grad := make([]F, c.Coordinates())
		w.grads, w.metaGrad = append(w.grads, grad), append(w.metaGrad, grad)
		if apart {
			w.metaGrad[len(w.metaGrad)-1] = make([]F, c.Coordinates())
		}
		w.dStep = append(w.dStep, make([]F, c.Coordinates()))
	}
	return w
}

func (w *windowTape[F]) note(t int, tr *Trajectory[F]) {
	if t == 0 {
		copy(w.start, tr.State)
	}
	copy(w.grads[t], tr.Grad)
	copy(w.metaGrad[t], tr.derivative())
}

// back goes by a running sum: without a way through the problem or the weights, λ is the weighted sum of the gradients after
// it.
func (w *windowTape[F]) back(ctx context.Context, grad, phi []F, tr *Trajectory[F], weights [][]F, lambda []F, key uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	steps := len(weights) - 1
	clear(lambda)
	addWeighted(lambda, tr.derivative(), weights[steps])
	for t := steps - 1; t >= 0; t-- {
		copy(w.dStep[t], lambda)
		addWeighted(lambda, w.metaGrad[t], weights[t])
	}
	win := learnedopt.Window[F]{Phi: phi, State: w.start, Grads: w.grads[:steps], DStep: w.dStep[:steps], DPhi: grad}
	if w.sample != nil {
		return w.sample.pullbackWindow(win, rng.Split(key, keySample))
	}
	return w.compiled.PullbackWindow(win)
}
