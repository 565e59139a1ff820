package metatrain

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/distil"
)

// canonicalDistillation writes the settings in the one way with which two spellings of them can be told equal.
func (s *settings) canonicalDistillation() error {
	d, err := distil.SettingsFrom(json.RawMessage(s.EstimatorConfig))
	if err != nil {
		return fmt.Errorf("--estimator-config: %w", err)
	}
	config, err := json.Marshal(d)
	s.EstimatorConfig = cli.JSON(config)
	return err
}

// validateDistillation reports what makes no sense where a rule is fitted to the steps of another one.
func (s settings) validateDistillation() error {
	switch {
	case s.From == "":
		return errors.New("--estimator distil: want --from, the rule whose steps are to be imitated")
	case s.Exact:
		return errors.New("--exact: not with --estimator distil, which does not go through the inner training")
	case s.Fraction != 1:
		return errors.New("--fraction: not with --estimator distil, which compares whole steps")
	case len(s.Curriculum) > 0:
		return errors.New("--curriculum: not with --estimator distil")
	case s.Copies > 1:
		return errors.New("--copies: not with --estimator distil, which has one problem in an episode; --tasks-per-step has several")
	case s.MetaLoss != "":
		return errors.New("--meta-loss: not with --estimator distil, which minimises the distance of steps")
	case s.Window != s.Horizon:
		return fmt.Errorf("--window %d: --estimator distil takes whole episodes; want the horizon, %d", s.Window, s.Horizon)
	}
	return nil
}

// distillation makes the estimator.
func (s settings) distillation(r learnedopt.Rule, family inner.Family) (meta.Estimator, error) {
	teacher, err := s.learned()
	if err != nil {
		return nil, err
	}
	d, err := distil.SettingsFrom(json.RawMessage(s.EstimatorConfig))
	if err != nil {
		return nil, err
	}
	e, err := distil.New(distil.Config{Settings: d, Teacher: teacher, Rule: r, Family: family, Horizon: int(s.Horizon)})
	if err != nil {
		return nil, fmt.Errorf("--estimator: %w", err)
	}
	return e, nil
}
