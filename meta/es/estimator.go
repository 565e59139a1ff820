package es

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// EstimatorOf estimates a meta-gradient by one of the Methods. It is for one goroutine at a time, and uses several itself: the
// pairs are shared out to workers, and added up in their order.
//
// The estimate is of the gradient of E L(phi + ε), which is that of L where L is straight over distances of σ. Episodes of the
// methods that go by windows begin at different times, so that an estimate sees all parts of an episode; for that a pair's
// first one is cut to a random number of windows. With the objectives meta.Sum and Last, the estimates of PES, NRES and GPES over an
// episode at one phi add up, in expectation, to the gradient of the sum of its losses, or of its last; with Mean each is that
// divided by the steps of a window, so that their mean is the gradient of the mean loss.
//
// A loss that is not finite ends the pair's episode and does not count, unless Settings.Cap says what it counts as; in Full
// the episode does not count. The loss of an estimate is the mean over pairs and both branches of what counts, and +Inf if nothing does.
type EstimatorOf[F params.Float] struct {
	config  ConfigOf[F]
	workers []*worker[F]
	pairs   []*pair[F]

	tallies    []*tally // of the pairs
	regression regression
}

// Estimator is the form in use.
type Estimator = EstimatorOf[float32]

var (
	_ meta.Estimator  = (*Estimator)(nil)
	_ meta.Resumable  = (*Estimator)(nil)
	_ meta.Reversible = (*Estimator)(nil)
)

// allocate makes the pairs.
func (e *EstimatorOf[F]) allocate() error {
	for i := range e.config.Pairs {
		p := &pair[F]{number: i, tally: tally{grad: make([]float64, e.Phi().Len())}}
		var err error
		if p.at, err = e.place(counts{}, i); err != nil {
			return err
		}
		if p.next, err = e.place(counts{}, i); err != nil {
			return err
		}
		e.pairs = append(e.pairs, p)
		if e.config.Control != NoControl {
			p.control = make([]float64, e.Phi().Len())
		}
		e.tallies = append(e.tallies, &p.tally)
	}
	if n := e.Phi().Len(); e.config.Control != NoControl {
		e.regression = regression{grad: make([]float64, n), control: make([]float64, n), coefficients: make([]float64, len(e.pairs))}
	}
	return nil
}

// place returns a new place of a pair, with states of the length that its episode has.
func (e *EstimatorOf[F]) place(c counts, pair int) (*place[F], error) {
	w := e.workers[0]
	n := w.system.State().Len()
	if _, ok := w.system.(VariedOf[F]); ok {
		n = 0
	}
	p := newPlace[F](e.config.branches(), n, e.Phi().Len())
	p.counts = c
	return p, w.fit(p, pair)
}

// Phi implements meta.EstimatorOf.
func (e *EstimatorOf[F]) Phi() params.Layout { return e.config.Phi }

// Settings returns the method's settings, with every default in its place.
func (e *EstimatorOf[F]) Settings() Settings { return e.config.Settings }

// Estimate implements meta.EstimatorOf: it takes each pair through its next window, or in Full through an episode. Steps are those
// of all branches of all copies; a pair's episode counts once for each copy.
func (e *EstimatorOf[F]) Estimate(ctx context.Context, grad, phi []F, key uint64) (meta.Estimate, error) {
	if len(grad) != e.Phi().Len() || len(phi) != len(grad) {
		panic(fmt.Sprintf("es: gradient of length %d and phi of length %d, want %d", len(grad), len(phi), e.Phi().Len()))
	}
	clear(grad)
	if err := e.run(ctx, phi, key); err != nil {
		return meta.Estimate{}, err
	}
	for _, p := range e.pairs {
		p.at, p.next = p.next, p.at
	}
	return e.gather(grad), nil
}

// Revert implements meta.Reversible.
func (e *EstimatorOf[F]) Revert() {
	for _, p := range e.pairs {
		p.at, p.next = p.next, p.at
	}
}

// run takes all pairs on. A worker that is through with a pair takes the next that nobody has: what a pair comes to does not
// depend on the worker.
func (e *EstimatorOf[F]) run(ctx context.Context, phi []F, key uint64) error {
	group, inner := errgroup.WithContext(ctx)
	var taken atomic.Int64
	for _, w := range e.workers {
		group.Go(func() error {
			for {
				i := int(taken.Add(1)) - 1
				if i >= len(e.pairs) {
					return nil
				}
				if err := w.estimate(inner, e.pairs[i], phi, key); err != nil {
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

// estimate takes a pair from where it stands on.
func (w *worker[F]) estimate(ctx context.Context, p *pair[F], phi []F, key uint64) error {
	p.reset()
	if w.config.Method == Full {
		p.next.Outer = p.at.Outer
	} else {
		p.next.set(p.at)
	}
	err := w.advance(ctx, p, phi, key)
	if w.config.Imitate != nil {
		p.next.Outer++
	}
	return err
}

// advance takes a pair through an episode or a window.
func (w *worker[F]) advance(ctx context.Context, p *pair[F], phi []F, key uint64) error {
	if w.config.Method == Full {
		return w.whole(ctx, p, phi, key)
	}
	if w.config.Form == LearnedOptimization {
		return w.windowLO(ctx, p, phi, key)
	}
	return w.window(ctx, p, phi, key)
}

// gather adds up what the pairs have seen.
func (e *EstimatorOf[F]) gather(grad []F) meta.Estimate {
	c := e.config
	est := meta.Estimate{}
	e.steer()
	loss, seen := 0.0, 0
	for _, p := range e.pairs {
		est.Steps += p.steps * c.Copies
		est.Episodes += p.ended * c.Copies
		if p.counted > 0 {
			loss += p.loss / float64(p.counted)
			seen++
		}
	}
	scale := 1 / (2 * c.Sigma * c.Sigma * float64(len(e.pairs)))
	for j := range grad {
		sum := 0.0
		for _, p := range e.pairs {
			sum += p.grad[j]
		}
		grad[j] = F(sum * scale)
	}
	est.Loss = loss / float64(seen)
	if c.Objective == meta.Sum && c.Method != Full {
		est.Loss *= float64(c.Window)
	}
	if seen == 0 || !finite(est.Loss) {
		est.Loss = math.Inf(1)
	}
	return est
}
