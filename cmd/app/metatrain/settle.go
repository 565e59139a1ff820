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

// trial is the part of a budget in which is found out how many episodes it is enough for, and longest how long that takes at most, if
// the first outer steps and one validation do not take longer.
const (
	trial   = 0.05
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
		c, err := s.costs(ctx, min(longest, time.Duration(trial*float64(budget))))
		if err != nil {
			return err
		}
		n := c.affordable(budget, s.settings)
		s.settings.Cosine = cli.Count(n)
		s.note = fmt.Sprintf("the outer rate falls to nothing over %d episodes, as many as %v are found to be enough for %s", n, budget, c)
	}
	return s.build() // with the rate's fall
}

// costs are seconds that learning was found to take.
type costs struct{ episode, validation, trial float64 }

func (c costs) String() string {
	return fmt.Sprintf("(%.3g ms an episode, %.3g ms a validation, tried for %.1f s)", 1e3*c.episode, 1e3*c.validation, c.trial)
}

// affordable returns how many episodes can be learned from in what a trial has left of a time, validations included.
func (c costs) affordable(budget time.Duration, of settings) (episodes int) {
	return max(1, int((budget.Seconds()-c.trial)/(c.episode+c.validation/float64(of.Every))))
}

// costs finds out how long outer steps and validations take once they are under way, in about so much time.
func (s *session) costs(ctx context.Context, enough time.Duration) (c costs, err error) {
	began := time.Now()
	learner, err := s.learner()
	if err != nil {
		return c, err
	}
	validate, err := s.validation()
	if err != nil {
		return c, err
	}
	tried := uint64(0)
	learn := func() (int, error) {
		o, err := learner.Learn(ctx, rng.Split(s.settings.trainingKey(), keyTrial+tried), meta.Progress{})
		tried++
		return o.Steps, err
	}
	if _, err := learn(); err != nil { // which makes what is made once
		return c, err
	}
	if c.episode, err = pace(time.Now, 2*enough/3, learn); err != nil {
		return c, err
	}
	c.episode *= s.settings.episodeSteps()
	c.validation, err = pace(time.Now, enough/3, func() (int, error) {
		_, err := validate(ctx, learner.Phi())
		return 1, err
	})
	c.trial = time.Since(began).Seconds()
	return c, err
}

// pace returns the seconds that one of what do does takes, of which do returns how many it did. It goes on for some time, and what was
// done in the first half of that counts only if there is no other: caches, memory and processors take a while to be what they will be.
func pace(now func() time.Time, limit time.Duration, do func() (int, error)) (float64, error) {
	began := now()
	half := began.Add(limit / 2)
	done := 0
	for from := began; ; {
		n, err := do()
		if err != nil {
			return 0, err
		}
		done += n
		switch at := now(); {
		case at.Sub(began) >= limit:
			return at.Sub(from).Seconds() / float64(max(1, done)), nil
		case from.Equal(began) && !at.Before(half):
			from, done = at, 0
		}
	}
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
