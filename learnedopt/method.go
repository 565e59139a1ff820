package learnedopt

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/optimize"
)

// NoProgress is the status of a run that a rule's method has ended itself, because it found nothing better in as many
// evaluations as [WithPatience] says. It is not convergence: the result is the best location seen, and may be far from a
// minimum.
var NoProgress = optimize.NewStatus("NoProgress", true, errors.New("learnedopt: no better location in many evaluations"))

// Method returns the rule as an optimize.Method of gonum, to be given to optimize.Minimize together with a problem that
// has a gradient. It takes one step of the rule after each evaluation, without a line search, and the function may rise on
// the way. The result is the best location seen, however the run ends.
//
// A major iteration is a new best location, and the evaluations between them are minor ones, like those of a line search.
// So what gonum checks at major iterations is checked of the best: FunctionConvergence means that the best has stopped
// getting better, GradientThreshold that the gradient at the result is small; a gradient below 1e-12 ends the run by
// itself, as with gonum's own methods. A run that finds nothing better ends with [NoProgress]. A function without a lower
// bound, or with a long way down to it, needs a limit in optimize.Settings; Runtime is looked at when a better location is
// found, the others at every evaluation, but for MajorIterations.
//
// A function or gradient that is not finite at the start is gonum's ErrFunc or ErrGrad. Later it ends the run with an error
// that says at which evaluation, and wraps one of these. The guards and options are those of [Trained.New], except
// SkipNonFinite and WithLoss; a gradient beyond float32's range counts as the largest number in it, and the rule's steps are added to
// the location in float64.
func (t *Trained) Method(opts ...Option) optimize.Method { return &method{trained: t, given: opts} }

type method struct {
	trained *Trained
	given   []Option

	opt    *Optimizer
	status optimize.Status // how the method ended the run, if it did
	err    error
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
	m.opt, m.status, m.err = nil, optimize.NotTerminated, nil
	opts, err := newOptions("Method", m.given, "SkipNonFinite", "WithLoss")
	if err == nil {
		m.opt, err = m.trained.guarded(flatLayout(dim), opts)
	}
	m.end(optimize.NotTerminated, err)
	return 1
}

// end keeps how the method ended a run: with an error, or else a status.
func (m *method) end(status optimize.Status, err error) {
	if m.status, m.err = status, err; err != nil {
		m.status = optimize.Failure
	}
}

// Status tells gonum how the method ended the run.
func (m *method) Status() (optimize.Status, error) { return m.status, m.err }

// Run speaks gonum's protocol: it sends a task to be evaluated or marked as an iteration and reads it back, until the
// other side says PostIteration; then it drains result and closes operation.
func (m *method) Run(operation chan<- optimize.Task, result <-chan optimize.Task, tasks []optimize.Task) {
	defer close(operation)
	s := &search{method: m, operation: operation, result: result, task: tasks[0], at: tasks[0].Location, best: math.Inf(1)}
	s.run()
	s.finish()
}

// A search is one run of the method.
type search struct {
	*method
	operation   chan<- optimize.Task
	result      <-chan optimize.Task
	task        optimize.Task
	at          *optimize.Location // where the run is, evaluated
	best        float64            // the function at the best location so far
	evaluations int                // calls of the function
	idle        int                // those since the best location
	slab        slabOf[float64]
	slabs       []slab
}

// run searches until something ends it.
func (s *search) run() {
	if s.err != nil {
		s.done(s.status, s.err)
		return
	}
	s.slabs = []slab{&s.slab}
	known := s.task.Op // by Settings.InitValues
	for more := s.evaluate(known); more && s.judge() && s.move(); {
		more = s.evaluate(optimize.NoOperation)
	}
}

// send has an operation carried out and says whether the run goes on.
func (s *search) send(op optimize.Operation) (more bool) {
	s.task.Op, s.task.Location = op, s.at
	s.operation <- s.task
	return (<-s.result).Op != optimize.PostIteration
}

// done ends the run.
func (s *search) done(status optimize.Status, err error) {
	s.end(status, err)
	s.send(optimize.MethodDone)
}

// evaluate asks for what is not known of the function and its gradient where the run is.
func (s *search) evaluate(known optimize.Operation) (more bool) {
	op := (optimize.FuncEvaluation | optimize.GradEvaluation) &^ known
	if op&optimize.FuncEvaluation != 0 {
		s.evaluations++
	}
	return op == optimize.NoOperation || s.send(op)
}

// judge tells gonum of a new best location, and ends the run where there is nothing to be had.
func (s *search) judge() (more bool) {
	err := s.check()
	switch {
	case err != nil && math.IsInf(s.best, 1): // at the start
		if cause := errors.Unwrap(err); cause != nil {
			err = cause
		}
		s.done(optimize.Failure, err)
		return false
	case s.better():
		s.best, s.idle = s.at.F, 0
		if !s.send(optimize.MajorIteration) {
			return false
		}
	default:
		s.idle++
	}
	switch {
	case err != nil && s.opt.guard.recovers():
		return true
	case err != nil:
		s.done(optimize.Failure, err)
	case s.idle == 0 && floats.Norm(s.at.Gradient, math.Inf(1)) < smallGradient:
		s.done(optimize.GradientThreshold, nil)
	case s.idle >= s.opt.guard.patience:
		s.done(NoProgress, nil)
	default:
		return true
	}
	return false
}

// smallGradient is what gonum's own methods take for none.
const smallGradient = 1e-12

// better says whether the run is at a better location than all before. One that is not finite is none.
func (s *search) better() bool {
	return s.at.F < s.best && (math.IsInf(s.at.F, -1) || firstNotFinite(s.at.X) < 0)
}

// move takes the rule's step. One that is not finite is left to the function to complain of.
func (s *search) move() (more bool) {
	s.slab = slabOf[float64]{s.at.X, s.at.Gradient}
	s.opt.loss[0] = round1(s.at.F)
	s.opt.guard.told = told{s.at.F, true}
	if r := s.opt.guard.race; r != nil {
		return s.race(r)
	}
	if err := s.opt.guard.propose(s.slabs); err != nil {
		s.done(optimize.Failure, err)
		return false
	}
	s.opt.guard.add(s.slabs)
	return true
}

// race takes the step of whoever's turn it is.
func (s *search) race(r *race) (more bool) {
	if err := r.step(s.slabs); err != nil {
		s.done(optimize.Failure, err)
		return false
	}
	return true
}

// finish reads what is still to come. A limit that an evaluation reached is told before the evaluation's result, which may
// be the best of all.
func (s *search) finish() {
	evaluated := false
	for t := range s.result {
		evaluated = evaluated || t.Op&optimize.FuncEvaluation != 0
	}
	if evaluated && s.better() {
		s.task.Op, s.task.Location = optimize.MajorIteration, s.at
		s.operation <- s.task
	}
}

// check returns an error for a function value or a derivative that is not finite. A function that reaches −Inf is
// minimized: gonum has a status for it.
func (s *search) check() error {
	fail := func(what string, v float64, cause error) error {
		return &evaluationError{fmt.Sprintf("learnedopt: %s is %v at evaluation %d; the result is the best location seen", what, v, s.evaluations), cause}
	}
	switch f := s.at.F; {
	case math.IsInf(f, -1):
		return nil
	case math.IsNaN(f) || math.IsInf(f, 1):
		return fail("the function", f, optimize.ErrFunc(f))
	}
	if i := firstNotFinite(s.at.Gradient); i >= 0 {
		g := s.at.Gradient[i]
		return fail(fmt.Sprintf("derivative %d", i), g, optimize.ErrGrad{Grad: g, Index: i})
	}
	if i := firstNotFinite(s.at.X); i >= 0 {
		return fail(fmt.Sprintf("coordinate %d", i), s.at.X[i], nil)
	}
	return nil
}

// An evaluationError is what went wrong after the start. gonum's own errors, which it wraps, say "initial".
type evaluationError struct {
	text  string
	cause error
}

func (e *evaluationError) Error() string { return e.text }
func (e *evaluationError) Unwrap() error { return e.cause }
