package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// An Evaluator tells how good a phi is. It is for one goroutine at a time.
type Evaluator interface {
	// Evaluate returns the loss of phi, and what it took to find out. All that is random in it follows from key: it is the same
	// for all candidates of a generation, so that luck is the same for all. What has diverged has a loss of +Inf or NaN and is no
	// error. phi is read only. If ctx ends first, the error is ctx's.
	Evaluate(ctx context.Context, phi []float32, key uint64) (meta.Estimate, error)
}

// Config says how phi is searched for.
type Config struct {
	Search Search        // of vectors of phi's length, about to take its first generation
	Layout params.Layout // of phi

	// NewEvaluator makes an evaluator for each worker. They must all give the same.
	NewEvaluator func() (Evaluator, error)

	// Population, if not nil, is in the place of evaluators: it sets the estimates of all candidates of a generation, under one key.
	Population func(ctx context.Context, estimates []meta.Estimate, phi [][]float32, key uint64) error

	Workers int // the most goroutines to evaluate on; runtime.GOMAXPROCS(0) if zero. The bits do not depend on it
}

// A Learner is a meta.Learner that takes a generation of a search for an outer step. It evaluates candidates in parallel, each
// rounded to float32. The phi that it stands for is the search's current vector, not the best candidate ever: of many losses, each on
// a generation's own draws, the lowest is luck.
type Learner struct {
	config     Config
	evaluators []Evaluator // one a worker
	phi        [][]float32 // one a worker: the candidate that it evaluates; with a Population all candidates
	estimates  []meta.Estimate
	losses     []float64
	current    []float32
}

var _ meta.Learner = (*Learner)(nil)

// New returns a learner about to take its first outer step.
func New(c Config) (*Learner, error) {
	switch {
	case c.Search == nil || c.NewEvaluator == nil && c.Population == nil:
		return nil, errors.New("search: a learner without a search or without an evaluator")
	case c.Search.Len() != c.Layout.Len():
		return nil, fmt.Errorf("search: a search of %d numbers for a phi of %d", c.Search.Len(), c.Layout.Len())
	case c.Workers < 0:
		return nil, fmt.Errorf("search: %d workers; want 0 for all processors, or more", c.Workers)
	}
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	n := len(c.Search.Ask())
	l := &Learner{config: c, estimates: make([]meta.Estimate, n), losses: make([]float64, n), current: make([]float32, c.Layout.Len())}
	if c.Population != nil {
		for range n {
			l.phi = append(l.phi, make([]float32, c.Layout.Len()))
		}
		return l, nil
	}
	for range min(c.Workers, n) {
		e, err := c.NewEvaluator()
		if err != nil {
			return nil, err
		}
		l.evaluators = append(l.evaluators, e)
		l.phi = append(l.phi, make([]float32, c.Layout.Len()))
	}
	return l, nil
}

// Search returns the search, to be looked at.
func (l *Learner) Search() Search { return l.config.Search }

// Layout implements meta.Learner.
func (l *Learner) Layout() params.Layout { return l.config.Layout }

// Phi implements meta.Learner: the search's current vector, such as the mean of an evolution strategy.
func (l *Learner) Phi() []float32 {
	round(l.current, l.config.Search.Current())
	return l.current
}

// keyEvaluation is the child of an outer step's key that candidates are evaluated by; the search has a key of its own.
const keyEvaluation = 0

// Learn implements meta.Learner: it evaluates a generation and tells the search. The loss is the generation's lowest, steps and
// episodes are those of all candidates. A generation in which no loss is finite counts as skipped.
func (l *Learner) Learn(ctx context.Context, key uint64, _ meta.Progress) (meta.Outcome, error) {
	if err := l.evaluate(ctx, rng.Split(key, keyEvaluation)); err != nil {
		return meta.Outcome{}, err
	}
	o := meta.Outcome{Estimate: meta.Estimate{Loss: math.Inf(1)}}
	for i, e := range l.estimates {
		l.losses[i] = e.Loss
		o.Loss = min(o.Loss, worst(e.Loss))
		o.Steps += e.Steps
		o.Episodes += e.Episodes
	}
	o.Skipped = math.IsInf(o.Loss, 1)
	return o, l.config.Search.Tell(l.losses)
}

// evaluate sets the estimates of all candidates.
func (l *Learner) evaluate(ctx context.Context, key uint64) error {
	candidates := l.config.Search.Ask()
	if len(candidates) != len(l.estimates) {
		return fmt.Errorf("search: %d candidates in a generation, %d in the first", len(candidates), len(l.estimates))
	}
	if l.config.Population != nil {
		for i, x := range candidates {
			round(l.phi[i], x)
		}
		return l.config.Population(ctx, l.estimates, l.phi, key)
	}
	group, inner := errgroup.WithContext(ctx)
	var next atomic.Int64
	for w := range l.evaluators {
		group.Go(func() error {
			for {
				i := int(next.Add(1) - 1)
				if i >= len(candidates) {
					return nil
				}
				if err := inner.Err(); err != nil {
					return err
				}
				round(l.phi[w], candidates[i])
				var err error
				if l.estimates[i], err = l.evaluators[w].Evaluate(inner, l.phi[w], key); err != nil {
					return err
				}
			}
		})
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// round writes numbers as float32.
func round(dst []float32, src []float64) {
	for i, x := range src {
		dst[i] = float32(x)
	}
}

// searchPrefix leads the names of what the search saves.
const searchPrefix = "search."

// Save implements meta.Resumable.
func (l *Learner) Save(f *checkpoints.File, prefix string) error {
	return l.config.Search.Save(f, prefix+searchPrefix)
}

// Load implements meta.Resumable.
func (l *Learner) Load(f *checkpoints.File, prefix string) error {
	return l.config.Search.Load(f, prefix+searchPrefix)
}
