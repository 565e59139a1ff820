package eval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
)

// A Comparison measures every contender on every task, each on the same runs. Exactly one of Steps and Epochs is set.
type Comparison struct {
	Problem    string // its name, for the report
	Tasks      []Task
	Contenders []Contender
	Steps      int      // updates a run
	Epochs     int      // or passes over all images a run; the families of the tasks are Images then
	Runs       int      // by epochs they are those of Seed and of the numbers after it
	TuningRuns int      // for each learning rate, where any are tuned
	Schedules  []string // what baselines are tuned over besides the learning rate, of [Schedules]; nil for that alone
	LR         float64  // learning rate of baselines where nothing is tuned; 0 for each one's own default
	Seed       uint64

	// Expect is told, before anything is tuned or measured, about how long that will take: by the time of a few steps of each contender,
	// as if goroutines that run side by side did not slow each other down. It may be nil.
	Expect func(time.Duration)

	// Progress is told how much of the work is done, as a fraction, and what comes next. It may be nil.
	Progress func(fraction float64, next string)

	// Observe is told what is found out as it is found out, one thing after the other, by any goroutine. It may be nil; nothing that
	// is measured depends on it.
	Observe func(Finding)
}

// A Task is the problem as it is under one credit rule, or one of several problems.
type Task struct {
	Name   string       // of the problem, where there are several, for the report
	Credit string       // the credit rule's name, for the report; empty for the gradient itself
	Test   inner.Family // problems that the results are measured on
	Tuning inner.Family // problems that the learning rates of baselines are tuned on; nil if they are not tuned

	// Transfer are problems of another kind than those that anything was learned on, such as tasks of another size; nil if there
	// are none. They must know how a life went, see inner.ScoredOf, and their runs are as many and as long as their life.
	Transfer inner.Family
}

// A Contender is a learned rule, as it is, a baseline, to be tuned, or a rule as somebody configured it, as it is. Exactly one is
// set.
type Contender struct {
	Name     string
	Learned  *learnedopt.Trained
	Baseline *Baseline

	Configured learnedopt.Rule
}

// The kinds of contenders.
const (
	kindLearned    = "learned"
	kindBaseline   = "baseline"
	kindConfigured = "configured"
)

func (c Contender) kind() string {
	switch {
	case c.Baseline != nil:
		return kindBaseline
	case c.Configured != nil:
		return kindConfigured
	}
	return kindLearned
}

// The keys of a comparison's two sets of runs are children of its seed, far from those that other users of a seed take.
const (
	keyTest   = 'T'<<8 + 1
	keyTuning = 'T'<<8 + 2
)

// A cell is a contender at a task: one row of the report.
type cell struct {
	Comparison
	row       int
	task      Task
	contender Contender
}

func (c Comparison) cells() (cells []cell) {
	for _, task := range c.Tasks {
		for _, x := range c.Contenders {
			cells = append(cells, cell{c, len(cells), task, x})
		}
	}
	return cells
}

// name says what is being done, for the progress.
func (c cell) name() string {
	if len(c.Tasks) == 1 {
		return c.contender.Name
	}
	return c.task.Name + c.task.Credit + " × " + c.contender.Name
}

// grid returns what the contender is tuned over; it is empty if it is not tuned.
func (c cell) grid() grid {
	if c.contender.Baseline == nil || c.task.Tuning == nil {
		return grid{}
	}
	g := gridOf(*c.contender.Baseline, c.Schedules)
	if c.contender.Baseline.Fixed && len(c.Schedules) == 0 {
		return grid{}
	}
	return g
}

// tunes reports whether the contender is tuned.
func (c cell) tunes() bool { return c.grid().size() > 0 }

// untuned returns what the contender is at first: a baseline that is to be tuned has some learning rate.
func (c cell) untuned() *learnedopt.Trained {
	switch {
	case c.contender.Configured != nil:
		return &learnedopt.Trained{Rule: c.contender.Configured}
	case c.contender.Baseline == nil:
		return c.contender.Learned
	case c.tunes():
		g := c.grid()
		return &learnedopt.Trained{Rule: Scheduled(c.contender.Baseline.With(g.rates[0]), g.schedules[0])}
	}
	return &learnedopt.Trained{Rule: c.contender.Baseline.With(c.LR)}
}

// test returns the runs that the results are measured on.
func (c cell) test() Runs {
	r := Runs{Family: c.task.Test, Steps: c.Steps, Epochs: c.Epochs, Count: c.Runs, Key: c.Seed}
	if c.Epochs == 0 {
		r.Key = rng.Split(c.Seed, keyTest)
	}
	return r
}

// tuning returns the runs that learning rates are tuned on.
func (c cell) tuning() Runs {
	return Runs{Family: c.task.Tuning, Steps: c.Steps, Epochs: c.Epochs, Count: c.TuningRuns, Key: rng.Split(c.Seed, keyTuning)}
}

// Validate reports what Run would refuse before it begins: that there is nothing to compare, numbers of runs, steps or epochs
// below 1, images that cannot be trained on, and what the machine has no memory for.
func (c Comparison) Validate() error {
	cells := c.cells()
	if len(cells) == 0 {
		return errors.New("eval: nothing to compare")
	}
	if err := CheckSchedules(c.Schedules); err != nil {
		return err
	}
	for _, x := range cells {
		if err := x.test().Validate(x.untuned().Rule); err != nil {
			return err
		}
	}
	const perPoint = 80 // of a curve: mean and error, while the slices grow, and both as text
	laps := cells[0].test().laps()
	if err := machine.Fits(perPoint * float64(len(cells)) * float64(laps)); err != nil {
		return fmt.Errorf("eval: %d curves of %d losses: %w", len(cells), laps, err)
	}
	for _, x := range cells {
		if x.tunes() {
			if err := x.tuning().Validate(x.untuned().Rule); err != nil {
				return err
			}
		}
	}
	return nil
}

// Run tunes, measures and times every contender at one task after the other.
func (c Comparison) Run(ctx context.Context) (*Report, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	report, err := c.head()
	if err != nil {
		return nil, err
	}
	cells := c.cells()
	shares, minibatches, takes, err := work(ctx, cells)
	if err != nil {
		return nil, err
	}
	if c.Expect != nil {
		c.Expect(takes)
	}
	m := meter{told: c.Progress}
	for i, x := range cells {
		r, err := x.measure(ctx, m.begin(x.name(), shares[i], minibatches[i]))
		if err != nil {
			return nil, err
		}
		report.Results = append(report.Results, r)
		x.tell(Finding{Result: &r})
	}
	return report, nil
}

// work returns the cells' shares of the time that all will take, from the time of a few steps of each, the minibatches that each of
// them is trained on, and the time itself, with as many runs side by side as there are going to be.
func work(ctx context.Context, cells []cell) (shares, minibatches []float64, all time.Duration, err error) {
	total, aside := 0.0, 0.0
	for _, x := range cells {
		runs := x.Runs
		if x.tunes() {
			runs += x.TuningRuns * x.grid().size()
		}
		plan, err := x.test().plan()
		if err != nil {
			return nil, nil, 0, err
		}
		p, err := plan.sample(0)
		if err != nil {
			return nil, nil, 0, err
		}
		took, err := StepTime(ctx, x.untuned(), x.test(), 10)
		if err != nil {
			return nil, nil, 0, err
		}
		_, each := plan.size(p)
		n := float64(runs) * float64(each)
		minibatches, shares = append(minibatches, n), append(shares, n*float64(took))
		total += n * float64(took)
		aside += n * float64(took) / float64(plan.atOnce())
	}
	for i := range shares {
		shares[i] /= total
	}
	return shares, minibatches, time.Duration(min(aside, math.MaxInt64/2)), nil
}

func (c cell) measure(ctx context.Context, batch func()) (Result, error) {
	r := Result{Problem: c.task.Name, Credit: c.task.Credit, Name: c.contender.Name, Kind: c.contender.kind()}
	trained := c.untuned()
	if c.tunes() {
		tuned, err := c.tuning().tune(ctx, *c.contender.Baseline, c.grid(), c.tuningHooks(batch))
		if err != nil {
			return r, err
		}
		trained, r.Edge = &learnedopt.Trained{Rule: tuned.Rule}, !c.contender.Baseline.Fixed && tuned.AtEdge()
		if len(c.Schedules) > 0 {
			r.Schedule = tuned.Schedule
		}
	}
	var err error
	if r.Hyper, err = json.Marshal(trained.Rule); err != nil {
		return r, err
	}
	test := c.test()
	runs, err := test.measure(ctx, trained, c.testHooks(batch, test))
	if err != nil {
		return r, err
	}
	r.summarize(runs, test)
	if c.Epochs != 0 {
		return r, nil
	}
	if err := c.transfer(ctx, trained, &r); err != nil {
		return r, err
	}
	took, err := StepTime(ctx, trained, test, 100)
	r.USPerStep = float64(took) / float64(time.Microsecond)
	return r, err
}

// keyTransfer is the child of a seed that runs on other tasks have.
const keyTransfer = 'T'<<8 + 3

// transfer measures what a rule does on tasks of another kind, if there are any that it can work on: on each once, or as often as
// there are runs.
func (c cell) transfer(ctx context.Context, t *learnedopt.Trained, r *Result) error {
	if c.task.Transfer == nil {
		return nil
	}
	runs := Runs{Family: c.task.Transfer, Steps: c.Steps, Count: c.Runs, Key: rng.Split(c.Seed, keyTransfer)}
	p, err := runs.Family.Sample(runs.Key)
	if err != nil {
		return err
	}
	if l, ok := p.(inner.Lived); ok {
		runs.Steps = l.Life()
	}
	if !possible(p, t.Rule) {
		return nil // such as a rule for networks of one size
	}
	if t, ok := runs.Family.(inner.Tasks); ok {
		runs.Count = max(runs.Count, t.Tasks())
	}
	lives, err := runs.measure(ctx, t, hooks{})
	if err != nil {
		return err
	}
	r.transfer(scoresOf(lives))
	return nil
}

// possible reports whether a rule can work on a problem at all.
func possible(p inner.Problem, rule learnedopt.Rule) bool {
	_, err := learnedopt.CompileWith[float32](rule, p.Params(), learnedopt.Options{Senses: inner.SensesOf(p)})
	return err == nil
}
