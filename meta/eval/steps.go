package eval

import (
	"context"
	"runtime"
	"time"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
)

// bySteps is the plan of runs each of which samples a problem and, for each update, a minibatch.
type bySteps struct{ Runs }

// key returns that of a run, whose children name its problem, its start and its minibatches.
func (s bySteps) key(run int) uint64 { return rng.Split(s.Key, uint64(run)) }

func (s bySteps) sample(run int) (inner.Problem, error) {
	return s.Family.Sample(rng.Split(s.key(run), 0))
}

func (s bySteps) size(inner.Problem) (updates, minibatches int) { return s.Steps, s.Steps }

func (s bySteps) atOnce() int { return min(s.Count, runtime.GOMAXPROCS(0)) }

func (s bySteps) begin(w *worker, run int) (course, error) {
	return step{}, w.tr.Begin(s.Family, w.phi, s.key(run))
}

// A step is all there is to a lap by steps: the trajectory's own keys draw its minibatch.
type step struct{}

func (step) prepare(context.Context) (bool, error)         { return true, nil }
func (step) lap(int) lap                                   { return lap{batches: 1, repeats: 1, draw: func(int) {}} }
func (step) measure(_ *Run, loss float64) (float64, error) { return loss, nil }
func (step) end(*Run, time.Duration, bool) error           { return nil }
