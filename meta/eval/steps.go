package eval

import (
	"context"
	"runtime"
	"time"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta"
)

// bySteps is the plan of runs each of which samples a problem and, for each update, a minibatch.
type bySteps struct{ Runs }

// key returns that of a run, whose children name its problem, its start and its minibatches.
func (s bySteps) key(run int) uint64 { return rng.Split(s.Key, uint64(run)) }

func (s bySteps) sample(run int) (inner.Problem, error) {
	return s.family(run).Sample(rng.Split(s.key(run), 0))
}

// family returns what a run's problem is of: of a family of tasks, they take turns.
func (s bySteps) family(run int) inner.Family {
	if t, ok := s.Family.(inner.Tasks); ok {
		return oneTask{t, run % t.Tasks()}
	}
	return s.Family
}

// oneTask is a family of one of several tasks.
type oneTask struct {
	of     inner.Tasks
	number int
}

func (t oneTask) Sample(key uint64) (inner.Problem, error) { return t.of.Task(t.number, key) }

func (s bySteps) size(inner.Problem) (updates, minibatches int) { return s.Steps, s.Steps }

func (s bySteps) atOnce() int { return min(s.Count, runtime.GOMAXPROCS(0)) }

func (s bySteps) begin(w *worker, run int) (course, error) {
	return step{w.tr}, w.tr.Begin(s.family(run), w.phi, s.key(run))
}

// A step is all there is to a lap by steps: the trajectory's own keys draw its minibatch.
type step struct{ tr *meta.Trajectory[float32] }

func (step) prepare(context.Context) (bool, error)         { return true, nil }
func (step) lap(int) lap                                   { return lap{batches: 1, repeats: 1, draw: func(int) {}} }
func (step) measure(_ *Run, loss float64) (float64, error) { return loss, nil }

// end scores the life that has ended, if the problem knows how.
func (s step) end(h *Run, _ time.Duration, _ bool) error {
	scores, err := s.tr.Scores()
	if scores == nil || err != nil {
		return err
	}
	h.Scores = make(map[string]float64)
	for name, v := range scores {
		h.Scores[name] = v[0]
	}
	return nil
}
