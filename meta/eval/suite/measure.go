package suite

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/seed1498fded/unroll/inner"
	problems "github.com/seed1498fded/unroll/inner/suite"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/eval"
)

// A course is a number of runs of one problem: each has its own key, of which its start, its minibatches and, where the family
// has more than one, its problem follow.
type course struct {
	problems.Problem
	key    uint64
	runs   int
	curves bool            // whether outcomes have them
	ended  func(outcome)   // called when a run has ended, from any goroutine; may be nil
	tell   func(steps int) // called now and then from any goroutine, with the steps done since; of a run that diverges early, all at once
}

// newCourse returns runs whose keys are children of key and of the problem's name, whatever else is measured.
func newCourse(p problems.Problem, key uint64, runs int, tell func(int)) course {
	h := fnv.New64a()
	h.Write([]byte(p.Name))
	return course{Problem: p, key: rng.Split(key, h.Sum64()), runs: runs, tell: tell}
}

// plan is what package eval knows the runs as.
func (c course) plan() eval.Runs {
	return eval.Runs{Family: c.Family, Steps: c.Steps, Count: c.runs, Key: c.key}
}

// An outcome is what came of a run. Of one that diverged all numbers from there on are +Inf.
type outcome struct {
	smoothed []float64 // the mean of the last losses at each step; nil if nobody asks
	final    float64
	test     float64
	diverged bool
}

// measure runs every rule from the same starts over the same minibatches and returns the outcomes of its runs. They are spread
// over runtime.GOMAXPROCS(0) goroutines, and do not depend on how many these are.
func (c course) measure(ctx context.Context, rules []*learnedopt.Trained) ([][]outcome, error) {
	outcomes := make([][]outcome, len(rules))
	for i := range outcomes {
		outcomes[i] = make([]outcome, c.runs)
	}
	jobs := int64(len(rules) * c.runs)
	workers := min(int(jobs), runtime.GOMAXPROCS(0))
	var next atomic.Int64
	eg, ctx := errgroup.WithContext(ctx)
	for range workers {
		eg.Go(func() error {
			w := worker{course: c, threads: max(1, runtime.GOMAXPROCS(0)/workers)}
			for job := next.Add(1) - 1; job < jobs; job = next.Add(1) - 1 {
				rule, run := int(job)/c.runs, int(job)%c.runs
				if err := w.take(rules[rule]); err != nil {
					return err
				}
				var err error
				if outcomes[rule][run], err = w.run(ctx, rng.Split(c.key, uint64(run))); err != nil {
					return err
				}
				if c.ended != nil {
					c.ended(outcomes[rule][run])
				}
			}
			return nil
		})
	}
	return outcomes, eg.Wait()
}

// A worker takes one run after the other.
type worker struct {
	course
	threads int
	rule    *learnedopt.Trained
	phi     []float32
	tr      *meta.Trajectory[float32]
}

// take binds a rule, if it is another one than before.
func (w *worker) take(t *learnedopt.Trained) error {
	if w.rule == t {
		return nil
	}
	p, err := w.Family.Sample(w.key)
	if err != nil {
		return err
	}
	options := learnedopt.Options{Workers: w.threads, Senses: inner.SensesOf(p)}
	compiled, err := learnedopt.CompileWith[float32](t.Rule, p.Params(), options)
	if err != nil {
		return fmt.Errorf("suite: %s: %w", w.Name, err)
	}
	if w.phi = t.Phi; w.phi == nil {
		w.phi = learnedopt.Phi(t.Rule, 0)
	}
	w.rule, w.tr = t, meta.NewTrajectory(compiled, w.Steps)
	return nil
}

// run trains from a start to the end.
func (w *worker) run(ctx context.Context, key uint64) (outcome, error) {
	p, err := w.Family.Sample(rng.Split(key, 0))
	if err != nil {
		return outcome{}, err
	}
	if err := w.tr.Begin(oneProblem{p}, w.phi, key); err != nil {
		return outcome{}, err
	}
	losses, err := w.train(ctx)
	if err != nil {
		return outcome{}, err
	}
	test, err := p.(inner.Tested).TestLoss(w.tr.Theta)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{final: mean(losses[len(losses)-w.Final:]), test: test}
	if w.curves {
		o.smoothed = smooth(losses, w.Final)
	}
	if !finite(o.final) || !finite(o.test) {
		o.final, o.test, o.diverged = math.Inf(1), math.Inf(1), true
	}
	return o, nil
}

// train returns the loss at each step, each before the update it leads to.
func (w *worker) train(ctx context.Context) ([]float64, error) {
	const often = 64
	losses, told := make([]float64, w.Steps), 0
	for t := range losses {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := w.tr.Evaluate(); err != nil {
			return nil, err
		}
		if losses[t] = w.tr.Losses[0]; !finite(losses[t]) {
			for i := range losses[t:] {
				losses[t+i] = math.Inf(1)
			}
			break
		}
		if err := w.tr.Advance(w.phi); err != nil {
			return nil, err
		}
		if t+1-told == often {
			w.tell(often)
			told = t + 1
		}
	}
	w.tell(w.Steps - told)
	return losses, nil
}

// oneProblem is a family of one problem, which is asked for its test loss when it has been trained.
type oneProblem struct{ inner.Problem }

func (p oneProblem) Sample(uint64) (inner.Problem, error) { return p.Problem, nil }

// smooth returns at each step the mean of the last n losses, or of all if there are fewer yet.
func smooth(losses []float64, n int) []float64 {
	smoothed := make([]float64, len(losses))
	for t := range losses {
		last := losses[max(0, t+1-n) : t+1]
		smoothed[t] = mean(last)
	}
	return smoothed
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
