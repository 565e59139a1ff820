package dist

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/seed1498fded/unroll/meta"
)

// A Member evaluates the tasks of estimators: a task is an estimate.
type Member struct {
	estimator meta.Estimator
	carries   meta.Resumable // the estimator
	fresh     []byte         // its state at the beginning
}

var _ Evaluator = (*Member)(nil)

// NewMember returns what evaluates tasks by an estimator, which must be meta.Resumable and new.
func NewMember(e meta.Estimator) (*Member, error) {
	r, ok := e.(meta.Resumable)
	if !ok {
		return nil, fmt.Errorf("dist: an estimator of type %T can't be saved, and so not sent", e)
	}
	fresh, err := pack(r)
	if err != nil {
		return nil, err
	}
	return &Member{estimator: e, carries: r, fresh: fresh}, nil
}

// state returns a state with the one of the beginning in the place of none.
func (m *Member) state(s []byte) []byte {
	if len(s) == 0 {
		return m.fresh
	}
	return s
}

// Evaluate implements Evaluator.
func (m *Member) Evaluate(ctx context.Context, t Task) (Result, error) {
	if len(t.Phi) != m.estimator.Phi().Len() {
		return Result{}, fmt.Errorf("dist: phi of %d numbers, want %d", len(t.Phi), m.estimator.Phi().Len())
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if err := unpack(m.carries, m.state(t.State)); err != nil {
		return Result{}, err
	}
	r := Result{Grad: make([]float32, len(t.Phi))}
	var err error
	if r.Estimate, err = m.estimator.Estimate(ctx, r.Grad, t.Phi, t.Key); err != nil {
		return Result{}, err
	}
	if r.State, err = pack(m.carries); err != nil {
		return Result{}, err
	}
	if bytes.Equal(r.State, m.fresh) {
		r.State = nil
	}
	return r, nil
}

// Check implements Evaluator: a gradient of phi's length, counts that are none below zero, and a state that the estimator can go on from.
func (m *Member) Check(t Task, r Result) error {
	switch {
	case len(r.Grad) != len(t.Phi):
		return fmt.Errorf("dist: a gradient of %d numbers, want %d", len(r.Grad), len(t.Phi))
	case r.Steps < 0 || r.Episodes < 0:
		return errors.New("dist: fewer than no steps or episodes")
	case len(r.State) == 0:
		return nil
	}
	return unpack(m.carries, r.State)
}
