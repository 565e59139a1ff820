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
	"github.com/seed1498fded/unroll/learnedopt"
)

// Runs says what is measured: training runs of the problems of a family, by steps or by epochs. Exactly one of Steps and
// Epochs is set.
type Runs struct {
	Family inner.Family // by epochs it is an Images
	Steps  int          // updates a run
	Epochs int          // passes over all images a run
	Count  int          // runs; each has its own problem, start and minibatches

	// Key names all runs: the problem, start and minibatches of each follow from it. By epochs it is the first run's own, as
	// the seed is of a training run elsewhere; the next has the one after it, and so on.
	Key uint64
}

// Validate reports numbers of runs, steps or epochs below 1, images that cannot be trained on, and what the machine has no
// memory for under any of the rules. Measure does so too, for its rule; this is for those who want to know early.
func (r Runs) Validate(rules ...learnedopt.Rule) error {
	_, err := r.plan(rules...)
	return err
}

// String returns how many runs there are and of what length, as in 20 runs of 100 steps.
func (r Runs) String() string {
	if _, images := r.Family.(Images); r.Epochs != 0 || images && r.Steps == 0 {
		return fmt.Sprintf("%d runs of %d epochs", r.Count, r.Epochs)
	}
	return fmt.Sprintf("%d runs of %d steps", r.Count, r.Steps)
}

// bytes estimates what Measure takes: all losses, in a Run and in Losses, and for each goroutine the weights, gradient and step
// of a run, the rule's state and the problem.
func (r Runs) bytes(p inner.Problem, rule learnedopt.Rule) (float64, error) {
	state, err := learnedopt.StateLen(rule, p.Params(), 1)
	if err != nil {
		return 0, err
	}
	training := (3*float64(p.Params().Len()) + float64(state)) * machine.Size[float32]()
	if s, ok := p.(inner.Sized); ok {
		training += s.Bytes()
	}
	losses := float64(r.Count) * (2*float64(r.laps())*machine.Size[float64]() + machine.Size[Run]())
	return losses + training*float64(min(r.Count, runtime.GOMAXPROCS(0))), nil
}

// laps returns the number of losses of a run.
func (r Runs) laps() int { return max(r.Steps, r.Epochs) }

// final summarizes the losses that runs come to: that of the last epoch is a mean over many minibatches as it is.
func (r Runs) final(l Losses) Summary {
	if r.Epochs != 0 {
		return l.last(1)
	}
	return l.Final()
}

// A plan is what runs by steps and runs by epochs do not have in common.
type plan interface {
	key(run int) uint64
	sample(run int) (inner.Problem, error)

	// size returns how many steps of the rule a run has, for its horizon, and how many minibatches these and all that comes
	// before them are on.
	size(p inner.Problem) (updates, minibatches int)

	atOnce() int // runs that go on side by side
	begin(w *worker, run int) (course, error)
}

// plan says how the runs go, under each of the rules, if Validate has nothing against them.
func (r Runs) plan(rules ...learnedopt.Rule) (plan, error) {
	images, ok := r.Family.(Images)
	var plan plan = bySteps{r}
	switch {
	case r.Steps != 0 && r.Epochs != 0:
		return nil, fmt.Errorf("eval: runs of %d steps and of %d epochs; want one of the two", r.Steps, r.Epochs)
	case r.laps() < 1 || r.Count < 1:
		return nil, fmt.Errorf("eval: %s; want at least 1 of each", r)
	case r.Epochs != 0 && !ok:
		return nil, errors.New("eval: epochs are over images; want a family that is an Images")
	case r.Epochs != 0:
		plan = byEpochs{r, images}
	}
	for _, rule := range rules {
		if err := learnedopt.Validate(rule); err != nil {
			return nil, err
		}
	}
	p, err := plan.sample(0)
	if err != nil {
		return nil, err
	}
	for _, rule := range rules {
		need, err := r.bytes(p, rule)
		if err == nil {
			err = machine.Fits(need)
		}
		if err != nil {
			return nil, fmt.Errorf("eval: %s of %q on %d weights: %w", r, rule.Name(), p.Params().Len(), err)
		}
	}
	return plan, nil
}

// Measure runs a rule. Runs by steps are spread over runtime.GOMAXPROCS(0) goroutines; runs by epochs go one after the other,
// so that their times can be compared. The result does not depend on the number of goroutines.
func Measure(ctx context.Context, t *learnedopt.Trained, r Runs) (Losses, error) {
	runs, err := r.measure(ctx, t, hooks{})
	return lossesOf(runs), err
}

// measure is Measure with all that was found out.
func (r Runs) measure(ctx context.Context, t *learnedopt.Trained, h hooks) ([]*Run, error) {
	plan, err := r.plan(t.Rule)
	if err != nil {
		return nil, err
	}
	runs, workers := make([]*Run, r.Count), plan.atOnce()
	eg, ctx := errgroup.WithContext(ctx)
	for first := range workers {
		eg.Go(func() error {
			w, err := newWorker(plan, t, first, workers, h)
			for i := first; i < r.Count && err == nil; i += workers {
				runs[i], err = w.run(ctx, i, r.laps())
			}
			return err
		})
	}
	if err := eg.Wait(); err != nil {
		return nil, err
	}
	return runs, nil
}

// StepTime returns the median time of what a rule does with a minibatch, gradient and update, over the first ones of a run, at
// most so many.
func StepTime(ctx context.Context, t *learnedopt.Trained, r Runs, most int) (time.Duration, error) {
	plan, err := r.plan(t.Rule)
	if err != nil {
		return 0, err
	}
	w, err := newWorker(plan, t, 0, 1, hooks{})
	if err != nil {
		return 0, err
	}
	times, err := w.times(ctx, r.laps(), most)
	if err != nil {
		return 0, err
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

func infinite(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }
