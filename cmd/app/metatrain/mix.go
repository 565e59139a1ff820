package metatrain

import (
	"context"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta/eval"
)

// A validationFunc scores a phi.
type validationFunc func(ctx context.Context, phi []float32) (float64, error)

// mixRuns is how many runs of each network of a mix a phi is scored by.
const mixRuns = 2

// validateMix scores a phi by the mean, over the networks of the mix that are set apart for it, of the logarithm of the loss that runs
// end with: what halves one loss and doubles another is no better. A run that diverges makes the score infinite.
func (s *session) validateMix(family inner.Family, key uint64) (validationFunc, error) {
	var all []eval.Runs
	for i, f := range inner.MembersOf(family) {
		r := eval.Runs{Family: f, Steps: int(s.settings.Horizon), Count: mixRuns, Key: rng.Split(key, uint64(i))}
		if err := r.Validate(s.rule); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return func(ctx context.Context, phi []float32) (float64, error) {
		score := 0.0
		for i, r := range all {
			measure := eval.Measure
			if i == 0 {
				measure = s.page.measure
			}
			losses, err := measure(ctx, &learnedopt.Trained{Rule: s.rule, Phi: phi}, r)
			if err != nil {
				return 0, err
			}
			score += math.Log(losses.Final().Mean) / float64(len(all))
		}
		return score, nil
	}, nil
}

// mixTasks returns the networks of the mix that what was learned is measured on.
func (s *session) mixTasks() ([]eval.Task, error) {
	networks, err := catalog.MeasuredOf(s.settings.Problem, s.settings.catalog())
	var tasks []eval.Task
	for _, n := range networks {
		tasks = append(tasks, eval.Task{Name: n.Name, Test: n.Test, Tuning: n.Tuning})
	}
	return tasks, err
}
