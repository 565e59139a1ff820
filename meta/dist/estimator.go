package dist

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// An Estimator is the mean of the estimates of several members that a Pool makes: bit for bit what meta.Many is of as many estimators,
// and for one member what that estimator is by itself, in gradients and in checkpoints. It is for one goroutine at a time.
type Estimator struct {
	config EstimatorConfig
	own    *Member // for what can be done here
	states [][]byte
	before [][]byte // the states before the last estimate
}

// EstimatorConfig says what the members are.
type EstimatorConfig struct {
	Count int // members; 1 if zero
	Pool  Pool

	// New makes an estimator as those that the pool evaluates tasks by, one more for this process. It must be meta.Resumable.
	New func() (meta.Estimator, error)
}

var (
	_ meta.Estimator  = (*Estimator)(nil)
	_ meta.Resumable  = (*Estimator)(nil)
	_ meta.Reversible = (*Estimator)(nil)
)

// NewEstimator returns an estimator, or an error if the configuration makes no sense.
func NewEstimator(c EstimatorConfig) (*Estimator, error) {
	if c.Count == 0 {
		c.Count = 1
	}
	switch {
	case c.Count < 0:
		return nil, fmt.Errorf("dist: %d members; want at least 1", c.Count)
	case c.Pool == nil || c.New == nil:
		return nil, errors.New("dist: an estimator without a pool, or without a way to make one here")
	}
	e, err := c.New()
	if err != nil {
		return nil, err
	}
	own, err := NewMember(e)
	if err != nil {
		return nil, err
	}
	return &Estimator{config: c, own: own, states: make([][]byte, c.Count)}, nil
}

// Phi implements meta.Estimator.
func (e *Estimator) Phi() params.Layout { return e.own.estimator.Phi() }

// Estimate implements meta.Estimator: each member makes an estimate, by a key of its own if there are several. Loss and gradient are
// the means over the members whose loss is finite; if none is, the loss is +Inf and the gradient zero.
func (e *Estimator) Estimate(ctx context.Context, grad, phi []float32, key uint64) (meta.Estimate, error) {
	clear(grad)
	phi = slices.Clone(phi) // tasks may be on their way longer than this call
	tasks := make([]Task, e.config.Count)
	for i := range tasks {
		tasks[i] = Task{Key: key, Phi: phi, State: e.states[i]}
		if len(tasks) > 1 {
			tasks[i].Key = rng.Split(key, uint64(i))
		}
	}
	results, err := e.config.Pool.Do(ctx, tasks)
	if err != nil {
		return meta.Estimate{}, err
	}
	e.before = slices.Clone(e.states)
	for i, r := range results {
		e.states[i] = r.State
	}
	if len(results) == 1 {
		copy(grad, results[0].Grad)
		return results[0].Estimate, nil
	}
	estimates, grads := make([]meta.Estimate, len(results)), make([][]float32, len(results))
	for i, r := range results {
		estimates[i], grads[i] = r.Estimate, r.Grad
	}
	return meta.MeanOf(grad, estimates, grads), nil
}

// Revert implements meta.Reversible.
func (e *Estimator) Revert() { e.states = e.before }

// prefix returns what the names of a member's state in a checkpoint begin with.
func (e *Estimator) prefix(of string, i int) string {
	if e.config.Count == 1 {
		return of
	}
	return of + "." + strconv.Itoa(i)
}

// Save implements meta.Resumable.
func (e *Estimator) Save(f *checkpoints.File, prefix string) error {
	for i, s := range e.states {
		if err := insert(f, e.prefix(prefix, i), e.own.state(s)); err != nil {
			return err
		}
	}
	return nil
}

// Load implements meta.Resumable.
func (e *Estimator) Load(f *checkpoints.File, prefix string) error {
	if _, more := f.Meta[prefix+"."+strconv.Itoa(e.config.Count)]; more && e.config.Count > 1 {
		return fmt.Errorf("dist: training checkpoint: %s: more than %d members", prefix, e.config.Count)
	}
	states := make([][]byte, e.config.Count)
	for i := range states {
		p := e.prefix(prefix, i)
		if err := e.own.carries.Load(f, p); err != nil { // whose errors name what does not fit
			return err
		}
		var err error
		if states[i], err = extract(f, p); err != nil {
			return err
		}
	}
	e.states, e.before = states, nil
	return nil
}
