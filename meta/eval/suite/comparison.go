package suite

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	problems "github.com/seed1498fded/unroll/inner/suite"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta/eval"
)

// A Comparison measures optimizers on the problems of a suite. All fields but Contenders have a zero value that works.
type Comparison struct {
	Suite      string           // its name, see problems.Lookup; "quick" if empty
	Only       []string         // names of its problems that are measured; all if there are none
	Track      Track            // Default if empty
	Contenders []eval.Contender // whose names differ; none is called tuned-adam
	Trials     int              // on the track Tuned, settings tried for each problem, at most [MaxTrials]; 5 if zero
	Runs       int              // of each result; 5 if zero
	TuningRuns int              // of each setting that is tried; 2 if zero
	Fraction   float64          // of the problems' steps that is run, from above 0 to 1; 1 if zero
	Seed       uint64

	// Earlier is a comparison of the same suite and steps. Optimizers that have settings there for all problems, tuned as they would
	// be here, have those again, and only others are tuned. All are tuned if it is nil.
	Earlier *Earlier

	// Expect is told, before anything is tuned or measured, about how long that will take, as if goroutines that run side by side did
	// not slow each other down. It may be nil.
	Expect func(time.Duration)

	// Progress is told how much of the work is done, as a fraction of the time it takes, and what comes next. It may be nil.
	Progress func(fraction float64, next string)

	// Observe is told what is found out as it is found out, one thing after the other, by any goroutine. It may be nil; nothing that
	// is measured depends on it.
	Observe func(Finding)
}

// Reference is the name of Adam tuned for each problem.
const Reference = "tuned-adam"

const kindReference = "reference"

// The keys of a comparison's sets of runs, and of its bootstrap, are children of its seed.
const (
	keyTest = 'S'<<8 + 1 + iota
	keyTuning
	keyBootstrap
)

// filled returns the comparison with its defaults, or what is wrong with it.
func (c Comparison) filled() (Comparison, error) {
	if c.Suite == "" {
		c.Suite = "quick"
	}
	if c.Track == "" {
		c.Track = Default
	}
	if c.Track != Tuned && c.Trials != 0 {
		return c, fmt.Errorf("suite: %d trials on the track %s; only the track %s has any", c.Trials, c.Track, Tuned)
	}
	for _, x := range []struct {
		value *int
		usual int
		what  string
		most  int
	}{{&c.Trials, 5, "trials", MaxTrials()}, {&c.Runs, 5, "runs", maxRuns}, {&c.TuningRuns, 2, "tuning runs", maxRuns}} {
		if *x.value == 0 {
			*x.value = x.usual
		}
		if *x.value < 1 || *x.value > x.most {
			return c, fmt.Errorf("suite: %d %s; want 1 to %d", *x.value, x.what, x.most)
		}
	}
	if c.Fraction == 0 {
		c.Fraction = 1
	}
	if !(c.Fraction > 0 && c.Fraction <= 1) {
		return c, fmt.Errorf("suite: a fraction of %v of the steps; want more than 0 and at most 1", c.Fraction)
	}
	if err := c.Track.check(); err != nil {
		return c, err
	}
	return c, errors.Join(c.checkNames(), c.Earlier.fits(c))
}

// maxRuns is more than anybody has the time for.
const maxRuns = 10_000

func (c Comparison) checkNames() error {
	if len(c.Contenders) == 0 {
		return errors.New("suite: nothing to compare; want one optimizer or more")
	}
	names := []string{Reference}
	for _, x := range c.Contenders {
		if slices.Contains(names, x.Name) {
			return fmt.Errorf("suite: two optimizers are called %.60q; want names that differ, none of them %s", x.Name, Reference)
		}
		names = append(names, x.Name)
	}
	return nil
}

// problems returns what is measured, as long as it is run.
func (c Comparison) problems() ([]problems.Problem, error) {
	list, err := problems.Lookup(c.Suite)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range list {
		names = append(names, p.Name)
	}
	for i, name := range c.Only {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("suite: no problem %.60q in %s; there are %s", name, c.Suite, strings.Join(names, ", "))
		}
		if slices.Contains(c.Only[:i], name) {
			return nil, fmt.Errorf("suite: problem %s is named twice", name)
		}
	}
	if len(c.Only) > 0 {
		list = slices.DeleteFunc(list, func(p problems.Problem) bool { return !slices.Contains(c.Only, p.Name) })
	}
	for i := range list {
		list[i].Steps = max(1, int(math.Round(c.Fraction*float64(list[i].Steps))))
		list[i].Final = min(list[i].Final, list[i].Steps)
	}
	return list, nil
}

// Validate reports what Run would refuse before it begins: fields out of their ranges, rules that the problems are not for, and
// what the machine has no memory for.
func (c Comparison) Validate() error {
	_, err := c.begin()
	return err
}

// A study is a comparison under way.
type study struct {
	Comparison
	list      []problems.Problem
	reference eval.Contender
	work      *work

	adam [][]float64 // for each problem, the mean final loss of each setting of Adam's grid
}

func (c Comparison) begin() (*study, error) {
	c, err := c.filled()
	if err != nil {
		return nil, err
	}
	list, err := c.problems()
	if err != nil {
		return nil, err
	}
	adam, err := eval.FindBaseline("adam")
	if err != nil {
		return nil, err
	}
	s := &study{Comparison: c, list: list, adam: make([][]float64, len(list))}
	s.reference = eval.Contender{Name: Reference, Baseline: &adam}
	for _, p := range list {
		for _, x := range c.Contenders {
			if err := check(p, fixed(x), max(c.Runs, c.TuningRuns)); err != nil {
				return nil, fmt.Errorf("suite: %s on %s: %w", x.Name, p.Name, err)
			}
		}
	}
	return s, nil
}

// check reports why a rule could not be run on a problem.
func check(p problems.Problem, s setting, runs int) error {
	c := newCourse(p, 0, runs, nil)
	if err := c.plan().Validate(s.rule.Rule); err != nil {
		return err
	}
	w := worker{course: c, threads: 1}
	return w.take(s.rule)
}

// Run tunes and measures. It takes as long as Progress says; a context that ends ends it.
func (c Comparison) Run(ctx context.Context) (*Report, error) {
	s, err := c.begin()
	if err != nil {
		return nil, err
	}
	if s.work, err = s.plan(ctx); err != nil {
		return nil, err
	}
	chosen, err := s.choose(ctx)
	if err != nil {
		return nil, err
	}
	r := s.head()
	measured := make([][]method, len(s.list))
	for i := range s.list {
		if measured[i], err = s.measure(ctx, i, chosen[i], &r.Problems[i]); err != nil {
			return nil, err
		}
	}
	s.aggregate(r, measured)
	return r, nil
}

// all returns everything that is measured, the reference first.
func (s *study) all() []eval.Contender { return append([]eval.Contender{s.reference}, s.Contenders...) }

// A method is what an optimizer does on a problem.
type method struct {
	eval.Contender
	setting
	runs []outcome
	us   float64 // a step in µs
	room int     // numbers in its state
}

// measure runs every optimizer at the setting that was chosen for it on problem i, and puts the results into the report.
func (s *study) measure(ctx context.Context, i int, chosen []setting, p *Problem) (list []method, err error) {
	for k, x := range s.all() {
		c := newCourse(s.list[i], rng.Split(s.Seed, keyTest), s.Runs, s.work.begin(i, k, s.list[i].Name+", "+x.Name))
		c.curves, c.ended = true, s.runHook(i, k)
		m := method{Contender: x, setting: chosen[k]}
		outcomes, err := c.measure(ctx, []*learnedopt.Trained{m.rule})
		if err != nil {
			return nil, err
		}
		m.runs = outcomes[0]
		took, err := eval.StepTime(ctx, m.rule, c.plan(), 100)
		if err != nil {
			return nil, err
		}
		m.us = float64(took.Nanoseconds()) / 1000
		sample, err := c.Family.Sample(c.key)
		if err != nil {
			return nil, err
		}
		if m.room, err = learnedopt.StateLen(m.rule.Rule, sample.Params(), 1); err != nil {
			return nil, err
		}
		list = append(list, m)
		result, err := p.result(list[0], m)
		if err != nil {
			return nil, err
		}
		p.Results = append(p.Results, result)
		s.tell(Finding{Problem: i, Optimizer: k, Result: &result})
	}
	return list, nil
}
