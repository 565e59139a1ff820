package dist

import (
	"context"
	"errors"
	"slices"

	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/search"
)

// A candidate evaluates the tasks of a search.
type candidate struct{ search.Evaluator }

// Candidate returns what evaluates tasks that are candidates of a search: a result is a loss, with neither gradient nor state.
func Candidate(e search.Evaluator) Evaluator { return candidate{e} }

// Evaluate implements Evaluator.
func (c candidate) Evaluate(ctx context.Context, t Task) (Result, error) {
	est, err := c.Evaluator.Evaluate(ctx, t.Phi, t.Key)
	return Result{Estimate: est}, err
}

// Check implements Evaluator.
func (candidate) Check(_ Task, r Result) error {
	switch {
	case len(r.Grad) > 0 || len(r.State) > 0:
		return errors.New("dist: a gradient or a state of a candidate, which has none")
	case r.Steps < 0 || r.Episodes < 0:
		return errors.New("dist: fewer than no steps or episodes")
	}
	return nil
}

// Population returns what a search.Config evaluates a generation's candidates by, on a pool.
func Population(p Pool) func(ctx context.Context, estimates []meta.Estimate, phi [][]float32, key uint64) error {
	return func(ctx context.Context, estimates []meta.Estimate, phi [][]float32, key uint64) error {
		tasks := make([]Task, len(phi))
		for i, x := range phi {
			tasks[i] = Task{Key: key, Phi: slices.Clone(x)}
		}
		results, err := p.Do(ctx, tasks)
		if err != nil {
			return err
		}
		for i, r := range results {
			estimates[i] = r.Estimate
		}
		return nil
	}
}
