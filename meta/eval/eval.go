// Package eval compares rules: on the same problems, from the same starts, over the same minibatches, with every
// baseline's learning rate tuned on other ones.
package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// Runs says what is measured: training runs of the problems of a family.
type Runs struct {
	Family inner.Family
	Steps  int    // updates a run
	Count  int    // runs; each has its own problem, start and minibatches
	Key    uint64 // names them all
}

// Validate reports numbers of runs or steps below 1, and what the machine has no memory for under any of the rules. Measure
// does so too, for its rule; this is for those who want to know early.
func (r Runs) Validate(rules ...learnedopt.Rule) error {
	if r.Steps < 1 || r.Count < 1 {
		return fmt.Errorf("eval: %d runs of %d steps; want at least 1 of each", r.Count, r.Steps)
	}
	for _, rule := range rules {
		if err := learnedopt.Validate(rule); err != nil {
			return err
		}
	}
	p, err := r.Family.Sample(r.problemKey(0))
	if err != nil {
		return err
	}
	for _, rule := range rules {
		need, err := r.bytes(p, rule)
		if err == nil {
			err = machine.Fits(need)
		}
		if err != nil {
			return fmt.Errorf("eval: %d runs of %d steps of %q on %d weights: %w", r.Count, r.Steps, rule.Name(), p.Params().Len(), err)
		}
	}
	return nil
}

// bytes estimates what Measure takes: all losses, and for each goroutine a run's vectors, the rule's state and the problem.
func (r Runs) bytes(p inner.Problem, rule learnedopt.Rule) (float64, error) {
	training, err := trainingBytes(p.Params(), rule)
	if err != nil {
		return 0, err
	}
	if s, ok := p.(inner.Sized); ok {
		training += s.Bytes()
	}
	losses := float64(r.Count) * (float64(r.Steps)*machine.Size[float64]() + machine.Size[[]float64]())
	return losses + training*float64(min(r.Count, runtime.GOMAXPROCS(0))), nil
}

// trainingBytes estimates what a training run takes beside its problem: weights, gradient, step, and the rule's state.
func trainingBytes(theta params.Layout, rule learnedopt.Rule) (float64, error) {
	state, err := learnedopt.StateLen(rule, theta, 1)
	return (3*float64(theta.Len()) + float64(state)) * machine.Size[float32](), err
}

// Losses are the losses of a number of runs: Losses[i][t] is that of run i at the weights that its update t, counted
// from 0, starts from, on the minibatch this update sees. From the first loss that is not finite on, a run's losses are
// +Inf.
type Losses [][]float64

// Measure runs a rule. The runs are spread over runtime.GOMAXPROCS(0) goroutines; the result does not depend on how many
// these are.
func Measure(ctx context.Context, t *learnedopt.Trained, r Runs) (Losses, error) {
	if err := r.Validate(t.Rule); err != nil {
		return nil, err
	}
	losses, phi := make(Losses, r.Count), phiOf(t)
	workers := min(r.Count, runtime.GOMAXPROCS(0))
	eg, ctx := errgroup.WithContext(ctx)
	for w := range workers {
		eg.Go(func() error {
			tr, err := r.trajectory(t, w, workers)
			if err != nil {
				return err
			}
			for i := w; i < r.Count; i += workers {
				if losses[i], err = r.train(ctx, tr, phi, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return losses, eg.Wait()
}

// key returns that of run i, whose children name its problem, its start and its minibatches.
func (r Runs) key(i int) uint64 { return rng.Split(r.Key, uint64(i)) }

func (r Runs) problemKey(i int) uint64 { return rng.Split(r.key(i), 0) }

// phiOf returns a rule's meta-parameters, its own start if there are none.
func phiOf(t *learnedopt.Trained) []float32 {
	if t.Phi == nil {
		return learnedopt.Phi(t.Rule, 0)
	}
	return t.Phi
}

// trajectory makes room for runs from the given one on, of which several go on at a time.
func (r Runs) trajectory(t *learnedopt.Trained, first, atOnce int) (*meta.Trajectory[float32], error) {
	p, err := r.Family.Sample(r.problemKey(first)) // for its layout
	if err != nil {
		return nil, err
	}
	c, err := learnedopt.CompileWith[float32](t.Rule, p.Params(), learnedopt.Options{Workers: max(1, runtime.GOMAXPROCS(0)/atOnce)})
	if err != nil {
		return nil, err
	}
	return meta.NewTrajectory(c, r.Steps), nil
}

// train takes the steps of run i and returns the losses.
func (r Runs) train(ctx context.Context, tr *meta.Trajectory[float32], phi []float32, i int) ([]float64, error) {
	if err := tr.Begin(r.Family, phi, r.key(i)); err != nil {
		return nil, err
	}
	losses := make([]float64, r.Steps)
	for t := range losses {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := step(tr, phi); err != nil {
			return nil, err
		}
		loss := tr.Losses[0]
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			for i := range losses[t:] {
				losses[t+i] = math.Inf(1)
			}
			break
		}
		losses[t] = loss
	}
	return losses, nil
}

// step takes one training step: gradient and update.
func step(tr *meta.Trajectory[float32], phi []float32) error {
	if err := tr.Evaluate(); err != nil {
		return err
	}
	return tr.Advance(phi)
}

// StepTime returns the median time of a whole training step, gradient and update, over one run of a rule.
func StepTime(ctx context.Context, t *learnedopt.Trained, r Runs) (time.Duration, error) {
	if err := r.Validate(t.Rule); err != nil {
		return 0, err
	}
	tr, err := r.trajectory(t, 0, 1)
	if err != nil {
		return 0, err
	}
	phi := phiOf(t)
	if err := tr.Begin(r.Family, phi, r.key(0)); err != nil {
		return 0, err
	}
	times := make([]time.Duration, min(r.Steps, 100))
	for i := range times {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		began := time.Now()
		if err := step(tr, phi); err != nil {
			return 0, err
		}
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// Summary is the mean of a number over runs, and the standard error of that mean, σ/√runs with σ over runs−1. With
// diverged runs the mean is +Inf; with one run the error is 0.
type Summary struct{ Mean, StdErr float64 }

func summarize(v []float64) Summary {
	n := float64(len(v))
	var s Summary
	for _, x := range v {
		s.Mean += x / n
	}
	if math.IsInf(s.Mean, 0) || math.IsNaN(s.Mean) {
		return Summary{Mean: math.Inf(1), StdErr: math.NaN()}
	}
	if len(v) > 1 {
		for _, x := range v {
			s.StdErr += (x - s.Mean) * (x - s.Mean)
		}
		s.StdErr = math.Sqrt(s.StdErr / (n - 1) / n)
	}
	return s
}

// over summarizes f of every run.
func (l Losses) over(f func(run []float64) float64) Summary {
	v := make([]float64, len(l))
	for i, run := range l {
		v[i] = f(run)
	}
	return summarize(v)
}

// finalSteps is how many of the last losses of a run are averaged to its final loss: minibatches make one too noisy.
const finalSteps = 5

// Final summarizes the mean of the last 5 losses of a run, or of all if there are fewer.
func (l Losses) Final() Summary {
	return l.over(func(run []float64) float64 {
		last := run[max(0, len(run)-finalSteps):]
		return sum(last) / float64(len(last))
	})
}

// Sum summarizes the sum of a run's losses.
func (l Losses) Sum() Summary { return l.over(sum) }

// Mean summarizes the mean of a run's losses, the score that meta-training minimises.
func (l Losses) Mean() Summary {
	return l.over(func(run []float64) float64 { return sum(run) / float64(len(run)) })
}

// At summarizes the loss at step t.
func (l Losses) At(t int) Summary { return l.over(func(run []float64) float64 { return run[t] }) }

// Diverged counts the runs whose loss was not finite at some step.
func (l Losses) Diverged() int {
	n := 0
	for _, run := range l {
		if math.IsInf(run[len(run)-1], 0) {
			n++
		}
	}
	return n
}

func sum(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	return s
}

var errNoContenders = errors.New("eval: nothing to compare")
