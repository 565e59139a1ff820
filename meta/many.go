package meta

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// Reversible is implemented by estimators that can take back an estimate.
type Reversible interface {
	// Revert puts the estimator back to where it was before its last call of Estimate, which must have succeeded.
	Revert()
}

// ManyOf is the mean of several estimators, each of which goes through episodes of its own: several tasks an outer step. It is for one
// goroutine at a time, and uses several itself; the bits do not depend on how many.
//
// Loss and gradient are the means over the estimators whose loss is finite; if none is, the loss is +Inf and the gradient zero.
type ManyOf[F params.Float] struct {
	config ManyConfigOf[F]
	all    []EstimatorOf[F]
	grads  [][]F
	seen   []Estimate
	made   []bool
}

// ManyConfigOf says what there are many of.
type ManyConfigOf[F params.Float] struct {
	Count int // estimators; 1 if zero

	// New makes an estimator, with which there are no others but in the same configuration. It must be Reversible, and to be saved
	// Resumable.
	New func() (EstimatorOf[F], error)

	Workers int // goroutines that estimates are made on at most; runtime.GOMAXPROCS(0) if zero
}

// The float32 forms are the ones in use.
type (
	Many       = ManyOf[float32]
	ManyConfig = ManyConfigOf[float32]
)

var (
	_ Estimator = (*Many)(nil)
	_ Resumable = (*Many)(nil)
)

// NewMany returns the mean of new estimators, or an error if the configuration makes no sense.
func NewMany[F params.Float](c ManyConfigOf[F]) (*ManyOf[F], error) {
	if c.Count == 0 {
		c.Count = 1
	}
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	switch {
	case c.Count < 1:
		return nil, fmt.Errorf("meta: %d estimators; want at least 1", c.Count)
	case c.Workers < 1:
		return nil, fmt.Errorf("meta: %d workers; want 0 for all processors, or more", c.Workers)
	}
	m := &ManyOf[F]{config: c, seen: make([]Estimate, c.Count), made: make([]bool, c.Count)}
	for range c.Count {
		e, err := c.New()
		if err != nil {
			return nil, err
		}
		if _, ok := e.(Reversible); !ok {
			return nil, fmt.Errorf("meta: an estimator of type %T can't take back an estimate", e)
		}
		m.all, m.grads = append(m.all, e), append(m.grads, make([]F, e.Phi().Len()))
	}
	return m, nil
}

// Phi implements EstimatorOf.
func (m *ManyOf[F]) Phi() params.Layout { return m.all[0].Phi() }

// Estimate implements EstimatorOf: each estimator makes an estimate, by a key of its own. Steps and episodes are those of all.
func (m *ManyOf[F]) Estimate(ctx context.Context, grad, phi []F, key uint64) (Estimate, error) {
	clear(grad)
	if err := m.estimate(ctx, phi, key); err != nil {
		m.Revert()
		return Estimate{}, err
	}
	return MeanOf(grad, m.seen, m.grads), nil
}

// MeanOf overwrites grad with the mean of the gradients whose estimate has a finite loss, added up in their order, and returns the mean
// of these losses and the sums of all steps and episodes. If no loss is finite, it is +Inf and the gradient zero.
func MeanOf[F params.Float](grad []F, estimates []Estimate, grads [][]F) Estimate {
	clear(grad)
	total, finished := Estimate{}, 0
	for i, e := range estimates {
		total.Steps, total.Episodes = total.Steps+e.Steps, total.Episodes+e.Episodes
		if !finite(e.Loss) {
			continue
		}
		finished++
		total.Loss += e.Loss
		for j, x := range grads[i] {
			grad[j] += x
		}
	}
	if finished == 0 {
		total.Loss = math.Inf(1)
		return total
	}
	total.Loss /= float64(finished)
	for j := range grad {
		grad[j] /= F(finished)
	}
	return total
}

// estimate has every estimator make its estimate.
func (m *ManyOf[F]) estimate(ctx context.Context, phi []F, key uint64) error {
	clear(m.made)
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(min(m.config.Workers, len(m.all)))
	for i, e := range m.all {
		group.Go(func() (err error) {
			if err := inner.Err(); err != nil {
				return err
			}
			m.seen[i], err = e.Estimate(inner, m.grads[i], phi, rng.Split(key, uint64(i)))
			m.made[i] = err == nil
			return err
		})
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Revert implements Reversible.
func (m *ManyOf[F]) Revert() {
	for i, made := range m.made {
		if made {
			m.all[i].(Reversible).Revert()
		}
	}
	clear(m.made)
}

// Save implements Resumable: what each of the estimators carries, under the prefix and its number.
func (m *ManyOf[F]) Save(f *checkpoints.File, prefix string) error {
	return m.each(func(i int, r Resumable) error { return r.Save(f, prefix+"."+strconv.Itoa(i)) })
}

// Load implements Resumable.
func (m *ManyOf[F]) Load(f *checkpoints.File, prefix string) error {
	if _, more := f.Meta[prefix+"."+strconv.Itoa(len(m.all))]; more {
		return fmt.Errorf("meta: training checkpoint: %s: more than %d estimators", prefix, len(m.all))
	}
	return m.each(func(i int, r Resumable) error { return r.Load(f, prefix+"."+strconv.Itoa(i)) })
}

func (m *ManyOf[F]) each(do func(i int, r Resumable) error) error {
	var errs []error
	for i, e := range m.all {
		r, ok := e.(Resumable)
		if !ok {
			return fmt.Errorf("meta: an estimator of type %T can't be saved", e)
		}
		errs = append(errs, do(i, r))
	}
	return errors.Join(errs...)
}
