package learnedopt

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/optimize"

	"github.com/seed1498fded/unroll/params"
)

// Method returns the rule as an optimize.Method of gonum, to be given to optimize.Minimize together with a problem that
// has a gradient. It takes the rule's step at every iteration, without a line search, so the function may rise; the
// run ends by optimize.Settings. Settings' default converger stops it after 100 iterations without progress. Where the
// function or its gradient is not finite, the run fails with gonum's ErrFunc or ErrGrad at the last point before.
func (t *Trained) Method() optimize.Method { return &method{trained: t} }

type method struct {
	trained *Trained
	opt     *Optimizer
	err     error
}

var (
	_ optimize.Method   = (*method)(nil)
	_ optimize.Statuser = (*method)(nil)
)

func (*method) Uses(has optimize.Available) (optimize.Available, error) {
	if !has.Grad {
		return optimize.Available{}, errors.New("learnedopt: the problem has no gradient")
	}
	return optimize.Available{Grad: true}, nil
}

func (m *method) Init(dim, _ int) int {
	m.opt, m.err = m.trained.New(params.Layout{{Name: "x", Shape: []int{dim}}})
	return 1
}

// Status reports a step that failed.
func (m *method) Status() (optimize.Status, error) {
	if m.err != nil {
		return optimize.Failure, m.err
	}
	return optimize.NotTerminated, nil
}

// Run speaks gonum's protocol: it sends a task to be evaluated or marked as an iteration and reads it back, until the
// other side says PostIteration or something fails; then it drains result and closes operation.
func (m *method) Run(operation chan<- optimize.Task, result <-chan optimize.Task, tasks []optimize.Task) {
	defer close(operation)
	defer func() {
		for range result {
		}
	}()
	t := tasks[0]
	send := func(op optimize.Operation) (more bool) {
		t.Op = op
		operation <- t
		t = <-result
		return t.Op != optimize.PostIteration
	}
	if m.err != nil {
		send(optimize.MethodDone)
		return
	}
	const evaluate = optimize.FuncEvaluation | optimize.GradEvaluation
	theta, grad := make([]float32, len(t.X)), make([]float32, len(t.X))
	for send(evaluate) {
		if m.err = checkFinite(t.Location); m.err != nil {
			send(optimize.MethodDone)
			return
		}
		if !send(optimize.MajorIteration) {
			return
		}
		for i := range t.X {
			theta[i], grad[i] = float32(t.X[i]), float32(t.Gradient[i])
		}
		if m.err = m.opt.Step(theta, grad); m.err != nil {
			send(optimize.MethodDone)
			return
		}
		for i, x := range theta {
			t.X[i] = float64(x)
		}
	}
}

// checkFinite returns gonum's error for a function value or a derivative that is not finite. A function that reaches −Inf
// is minimized: gonum has a status for it.
func checkFinite(l *optimize.Location) error {
	switch {
	case math.IsInf(l.F, -1):
		return nil
	case math.IsNaN(l.F) || math.IsInf(l.F, 1):
		return optimize.ErrFunc(l.F)
	}
	for i, g := range l.Gradient {
		if math.IsNaN(g) || math.IsInf(g, 0) {
			return optimize.ErrGrad{Grad: g, Index: i}
		}
	}
	return nil
}
