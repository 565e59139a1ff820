package meta

import (
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// The keys of a trajectory's parts are children of its own.
const (
	keyProblem = iota
	keyStart
	keyBatches
	keySample // of an estimate, not of a trajectory
	keyOther
)

// A Trajectory is a training run of a problem under a rule, or several runs side by side, between two steps. Everything that
// trains a problem stands on it: meta-gradients, validation, comparisons.
//
// Runs side by side are runs apart: each has its own problem, start, minibatches and memory, and no rule can couple them. They
// only take their steps together, because a rule of scope Coordinates then works on many more at a time.
type Trajectory[F params.Float] struct {
	compiled *learnedopt.Compiled[F]
	horizon  int
	key      uint64
	runs     []run[F]
	steps    int // taken so far

	Theta    []F       // the weights of all runs, one after another
	State    []F       // the rule's memory, laid out by the rule's State
	Grad     []F       // the gradients, or signals, that the next step will see; set by Evaluate
	TrueGrad []F       // the derivatives of the losses; Grad itself where the rule sees that
	Losses   []float64 // where the runs are now, on the minibatches that Grad is of; set by Evaluate
	Senses   []F       // what the next step's synapses will feel, for rules that read it; set by Evaluate and by Sense

	// MetaLosses are what the losses count as, see SetMetaLoss: Losses itself unless that was called. Set by Evaluate.
	MetaLosses []float64

	score    *score[F]
	metaGrad []F // the derivatives of the losses that count; nil where these are those that the rule sees

	losses []F // for rules that read them
	step   []F // nil where the rule moves the weights itself
}

// A run is one of the runs side by side.
type run[F params.Float] struct {
	problem               inner.ProblemOf[F]
	signal                inner.SignalledOf[F] // the problem, if it tells the gradient from the derivative; else nil
	synaptic              inner.SynapticOf[F]  // the problem, if somebody must ask what it shows to synapses; else nil
	theta, grad, trueGrad []F                  // its parts of the vectors
	senses                []F                  // likewise
}

// NewTrajectory makes room for runs under a bound rule, as many as it was bound for. The horizon is the number of steps that a
// run will have in all, for rules that read it; 0 if nobody knows.
func NewTrajectory[F params.Float](c *learnedopt.Compiled[F], horizon int) *Trajectory[F] {
	n := c.Coordinates()
	t := &Trajectory[F]{
		compiled: c, horizon: horizon, runs: make([]run[F], c.Copies()),
		Theta: make([]F, n), State: make([]F, c.State().Len()), Grad: make([]F, n), Losses: make([]float64, c.Copies()),
		losses: make([]F, c.Copies()),
	}
	if senses(c.Reads()) {
		t.Senses = make([]F, c.Copies()*c.Senses().Len())
	}
	t.TrueGrad, t.MetaLosses = t.Grad, t.Losses
	if !c.Moves() {
		t.step = make([]F, n)
	}
	return t
}

// Begin samples a problem for each run, of a family of tasks each task in turn if there are runs enough for all, and puts all
// runs at their starts, with the rule's memory as it is at the start of a run. Everything follows from the key. The problems
// must have the layout that the rule is bound to.
func (t *Trajectory[F]) Begin(f inner.FamilyOf[F], phi []F, key uint64) error {
	t.key, t.steps = key, 0
	for i := range t.runs {
		p, err := t.sample(f, i)
		if err != nil {
			return err
		}
		t.set(i, p)
	}
	return t.start(phi)
}

// sample returns run i's problem. Where there are runs enough for all tasks of a family, the tasks take turns.
func (t *Trajectory[F]) sample(f inner.FamilyOf[F], i int) (inner.ProblemOf[F], error) {
	key := t.keyOf(keyProblem, i)
	if tasks, ok := f.(inner.TasksOf[F]); ok && len(t.runs) >= tasks.Tasks() {
		return tasks.Task(i%tasks.Tasks(), key)
	}
	return f.Sample(key)
}

// set gives run i a problem.
func (t *Trajectory[F]) set(i int, p inner.ProblemOf[F]) {
	n := len(t.Theta) / len(t.runs)
	if got := p.Params().Len(); got != n {
		panic(fmt.Sprintf("meta: a problem of %d weights for a trajectory of %d", got, n))
	}
	r := &t.runs[i]
	r.problem = p
	if s, ok := p.(inner.SignalledOf[F]); ok {
		if r.signal = s; &t.TrueGrad[0] == &t.Grad[0] {
			t.TrueGrad = make([]F, len(t.Grad))
		}
	}
	from, to := i*n, (i+1)*n
	r.theta, r.grad, r.trueGrad = t.Theta[from:to:to], t.Grad[from:to:to], t.TrueGrad[from:to:to]
	t.setSenses(r, i)
}

// setSenses has a run's problem tell what its synapses feel, if the rule reads that, or if it is a life: there time passes by it.
func (t *Trajectory[F]) setSenses(r *run[F], i int) {
	s, synaptic := r.problem.(inner.SynapticOf[F])
	_, lives := r.problem.(inner.Lived)
	if !senses(t.compiled.Reads()) && !(synaptic && lives) {
		return
	}
	m := s.Senses().Len()
	if t.Senses == nil {
		t.Senses = make([]F, m*len(t.runs))
	}
	if len(t.Senses) != m*len(t.runs) {
		panic(fmt.Sprintf("meta: a problem that shows %d numbers to its synapses for a trajectory of %d", m, len(t.Senses)/len(t.runs)))
	}
	r.synaptic, r.senses = s, t.Senses[i*m:(i+1)*m:(i+1)*m]
}

// senses reports whether what a rule reads has to do with synapses.
func senses(reads learnedopt.Vars) bool { return len(reads.Senses()) > 0 }

// start puts every run at its start.
func (t *Trajectory[F]) start(phi []F) error {
	for i := range t.runs {
		t.runs[i].problem.Init(t.runs[i].theta, t.keyOf(keyStart, i))
	}
	return t.compiled.Start(t.State, phi)
}

// keyOf returns the key of a part of run i.
func (t *Trajectory[F]) keyOf(part uint64, i int) uint64 { return t.ofRun(rng.Split(t.key, part), i) }

// ofRun returns run i's child of a key; a single run has the key itself.
func (t *Trajectory[F]) ofRun(key uint64, i int) uint64 {
	if len(t.runs) > 1 {
		return rng.Split(key, uint64(i))
	}
	return key
}

// Steps returns the number of steps taken since Begin.
func (t *Trajectory[F]) Steps() int { return t.steps }

// Runs returns how many runs go on side by side.
func (t *Trajectory[F]) Runs() int { return len(t.runs) }

// batch returns the key of the minibatch that run i sees at the next step.
func (t *Trajectory[F]) batch(i int) uint64 {
	return t.batchAt(t.steps, i)
}

// batchAt returns the key of the minibatch that run i sees at a step.
func (t *Trajectory[F]) batchAt(step, i int) uint64 {
	return t.ofRun(rng.Split(rng.Split(t.key, keyBatches), uint64(step)), i)
}

// otherBatch returns the key of a minibatch that is like the next step's and that no step sees.
func (t *Trajectory[F]) otherBatch(i int) uint64 {
	return t.ofRun(rng.Split(rng.Split(t.key, keyOther), uint64(t.steps)), i)
}

// Evaluate sets losses, gradients, derivatives and what synapses feel for where the runs are now. It must be called, or Sense,
// once before each step.
func (t *Trajectory[F]) Evaluate() error {
	if err := t.Measure(); err != nil {
		return err
	}
	return t.Sense()
}

// Sense sets what synapses feel and nothing else: that is all there need be before a step of a rule that reads neither gradients
// nor losses.
func (t *Trajectory[F]) Sense() error {
	if t.Senses == nil {
		return nil
	}
	for i := range t.runs {
		r := &t.runs[i]
		if err := r.synaptic.Sense(r.senses, r.theta, t.steps, t.batch(i)); err != nil {
			return err
		}
	}
	return nil
}

// Measure sets losses, gradients and derivatives, as Evaluate does, and lets no time pass in problems with a world of their
// own: this is for the end of a run.
func (t *Trajectory[F]) Measure() (err error) {
	for i := range t.runs {
		r, batch := &t.runs[i], t.batch(i)
		if t.Losses[i], err = r.problem.Eval(r.grad, r.theta, batch); err != nil {
			return err
		}
		t.losses[i] = F(t.Losses[i])
		if r.signal != nil {
			if err := r.signal.Derivative(r.trueGrad, r.theta, batch); err != nil {
				return err
			}
		}
	}
	return t.tally()
}

// Scores returns, for each measure that the problems have of a life that has come to where the runs are now, the number of each
// run; nil for problems that have none. See inner.ScoredOf.
func (t *Trajectory[F]) Scores() (map[string][]float64, error) {
	var scores map[string][]float64
	for i := range t.runs {
		s, ok := t.runs[i].problem.(inner.ScoredOf[F])
		if !ok {
			return nil, nil
		}
		each, err := s.Score(t.runs[i].theta)
		if err != nil {
			return nil, err
		}
		if scores == nil {
			scores = make(map[string][]float64)
		}
		for name, v := range each {
			scores[name] = append(scores[name], v)
		}
	}
	return scores, nil
}

// Advance takes one step, from what Evaluate set.
func (t *Trajectory[F]) Advance(phi []F) error {
	p := t.point(phi)
	t.steps++
	if t.compiled.Moves() {
		return t.compiled.Move(t.Theta, t.State, p)
	}
	if err := t.compiled.Step(t.step, t.State, p); err != nil {
		return err
	}
	for i, s := range t.step {
		t.Theta[i] += s
	}
	return nil
}

// point is what the next step is computed from.
func (t *Trajectory[F]) point(phi []F) learnedopt.Point[F] {
	return learnedopt.Point[F]{
		Phi: phi, State: t.State, Grad: t.Grad, Theta: t.Theta, Loss: t.losses, Step: t.steps, Horizon: t.horizon,
		Senses: t.Senses,
	}
}

// Loss returns the sum of the runs' meta-losses, which are their losses unless SetMetaLoss says else.
func (t *Trajectory[F]) Loss() float64 {
	sum := 0.0
	for _, loss := range t.MetaLosses {
		sum += loss
	}
	return sum
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
