package metatrain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/es"
)

// trial is the part of a budget in which is found out how many episodes it is enough for, and longest how long that takes at most.
const (
	trial   = 0.03
	longest = 10 * time.Second
)

// settles decides how long a run is over which the outer rate falls to nothing: as many episodes as were asked for, or as many as
// the budget is found to be enough for. The number is a setting from then on, so that a run that is repeated or resumed has the same.
func (s *session) settles(ctx context.Context, o options) error {
	if !s.settings.Settle || s.settings.Cosine > 0 {
		return nil
	}
	s.settings.Cosine = o.Episodes
	if o.Episodes == 0 {
		budget := o.Budget.Duration()
		if budget == 0 {
			budget = usualBudget
		}
		n, err := s.affordable(ctx, budget)
		if err != nil {
			return err
		}
		s.settings.Cosine = cli.Count(n)
		s.note = fmt.Sprintf("the outer rate falls to nothing over %d episodes, as many as %v are found to be enough for", n, budget)
	}
	return s.build() // with the rate's fall
}

// affordable returns how many episodes can be learned from in a time, validations included, from how long a few outer steps and one
// validation take.
func (s *session) affordable(ctx context.Context, budget time.Duration) (episodes int, err error) {
	learner, err := s.learner()
	if err != nil {
		return 0, err
	}
	validate, err := s.validation()
	if err != nil {
		return 0, err
	}
	steps := 0
	if _, err := learner.Learn(ctx, rng.Split(s.trainingKey(), keyTrial), meta.Progress{}); err != nil { // which makes what is made once
		return 0, err
	}
	began, enough := time.Now(), min(longest, time.Duration(trial*float64(budget)))
	for i := uint64(1); i < 3 || time.Since(began) < enough; i++ {
		o, err := learner.Learn(ctx, rng.Split(s.trainingKey(), keyTrial+i), meta.Progress{})
		if err != nil {
			return 0, err
		}
		steps += o.Steps
	}
	each := time.Since(began).Seconds() / float64(steps) * s.settings.episodeSteps()
	began = time.Now()
	if _, err := validate(ctx, learner.Phi()); err != nil {
		return 0, err
	}
	validation := time.Since(began).Seconds()
	n := (budget - enough).Seconds() / (each + validation/float64(s.settings.Every))
	return max(1, int(n)), nil
}

// episodeSteps returns how many inner steps an episode has on average, of all branches.
func (s settings) episodeSteps() float64 {
	if !s.perturbs() {
		return float64(s.Horizon)
	}
	e, err := es.SettingsNamed(s.Estimator, []byte(s.EstimatorConfig))
	if err != nil {
		return float64(s.Horizon)
	}
	return e.EpisodeSteps(int(s.Horizon))
}

// validateSettle reports what makes no sense beside a rate that falls to nothing by the end.
func (s settings) validateSettle() error {
	switch {
	case s.Settle && s.searches():
		return fmt.Errorf("--settle: not with --learner %s, which has no outer rate", s.Learner)
	case s.Settle && s.life() > 0:
		return errors.New("--settle: not for lives; want --cosine")
	}
	return nil
}
