package identify

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
)

// A Training is one training run of a network.
type Training struct {
	Family credit.Family // what is trained; its Rule is replaced by the rule's
	Rule   Rule
	Rate   float64 // the optimizer's; learned ones pass it over
	Steps  int
	Key    uint64 // names the start, the minibatches and what the credit rule draws
}

// Run trains until the context ends, and tells the observer of the start and of every step. Whatever the observer does,
// the weights are the same to the bit; it may be nil. Run returns the weights at the end, the net's and then the credit rule's
// own. A loss that is not finite is an ErrNotFinite.
func (t Training) Run(ctx context.Context, observer Observer) (theta []float32, err error) {
	p, err := t.problem()
	if err != nil {
		return nil, err
	}
	trained := t.Rule.With(t.Rate)
	compiled, err := compile(trained.Rule, p)
	if err != nil {
		return nil, fmt.Errorf("identify: rule %.60q: %w", t.Rule.Name, err)
	}
	phi := trained.Phi
	if phi == nil {
		phi = learnedopt.Phi(trained.Rule, 0)
	}
	run := meta.NewTrajectory(compiled, t.Steps)
	if err := run.Begin(single{p}, phi, t.Key); err != nil {
		return nil, err
	}
	copied := make([]float32, len(run.Theta))
	for {
		if observer != nil {
			copy(copied, run.Theta)
			if err := observer.Observe(run.Steps(), copied); err != nil {
				return nil, err
			}
		}
		if run.Steps() == t.Steps {
			return slices.Clone(run.Theta), nil
		}
		if err := step(ctx, run, phi); err != nil {
			return nil, err
		}
	}
}

// compile binds an optimizer to a problem. It is an error if it reads senses that the problem does not show.
func compile(r learnedopt.Rule, p inner.Problem) (*learnedopt.Compiled[float32], error) {
	return learnedopt.CompileWith[float32](r, p.Params(), learnedopt.Options{Workers: 1, Senses: inner.SensesOf(p)})
}

func step(ctx context.Context, run *meta.Trajectory[float32], phi []float32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := run.Evaluate(); err != nil {
		return err
	}
	if loss := run.Loss(); math.IsNaN(loss) || math.IsInf(loss, 0) {
		return fmt.Errorf("identify: %w: the loss after %d steps is %v", ErrNotFinite, run.Steps(), loss)
	}
	return run.Advance(phi)
}

// problem returns the network under the rule. It is not asked for derivatives beside the signal, which only meta-gradients need.
func (t Training) problem() (inner.Problem, error) {
	var err error
	if t.Family.Rule, err = credit.Named[float32](t.Rule.Credit, nil); err != nil {
		return nil, err
	}
	if t.Rule.Problem != nil {
		return t.Rule.Problem(t.Family)
	}
	return t.Family.Problem()
}

// single is a family of one problem.
type single struct{ inner.Problem }

func (s single) Sample(uint64) (inner.Problem, error) { return s.Problem, nil }
