package metatrain

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/dist"
	"github.com/seed1498fded/unroll/meta/es"
)

// distils is the name of the estimator that fits a rule to the steps of another one.
const distils = "distil"

// estimators returns the names of all estimators of a gradient, the default first.
func estimators() []string { return append(append([]string{bptt}, es.Names()...), distils) }

// perturbs reports whether the gradient is estimated by perturbing the rule, with nothing differentiated.
func (s settings) perturbs() bool { return s.Estimator != "" && s.Estimator != bptt && !s.distils() }

// distils reports whether the rule is fitted to the steps of the one that it begins with.
func (s settings) distils() bool { return s.Estimator == distils }

// windowed reports whether the estimator goes by windows.
func (s settings) windowed() bool { return s.Estimator != string(es.Full) && !s.distils() }

// pairs returns how many pairs of branches the estimator has, 1 if it has none. What is wrong with its settings comes out later.
func (s settings) pairs() int {
	if !s.perturbs() {
		return 1
	}
	if e, err := es.SettingsNamed(s.Estimator, json.RawMessage(s.EstimatorConfig)); err == nil {
		return e.Pairs
	}
	return 1
}

// ofPairs changes the defaults for estimators whose pairs of branches each have problems of their own, and so need no more copies to
// see many, and for one that has one problem at a time. Those of whole episodes have windows as long.
func (s settings) ofPairs(d *defaults, lives bool) {
	if !lives {
		d.copies = 1
	}
	if !s.windowed() {
		d.window = max(cli.Count(1), s.Horizon, d.horizon)
	}
	d.lengths = nil
	d.every *= cli.Count(s.pairs())
}

// canonicalEstimator writes an estimator's settings in the one way with which two spellings of them can be told equal.
func (s *settings) canonicalEstimator() error {
	if !slices.Contains(append(estimators(), ""), s.Estimator) {
		return fmt.Errorf("--estimator %s: want one of %s", brief.Text(s.Estimator, 60), strings.Join(estimators(), ", "))
	}
	if s.distils() {
		return s.canonicalDistillation()
	}
	if !s.perturbs() {
		return nil
	}
	e, err := es.SettingsNamed(s.Estimator, json.RawMessage(s.EstimatorConfig))
	if err != nil {
		return fmt.Errorf("--estimator-config: %w", err)
	}
	config, err := json.Marshal(e)
	s.EstimatorConfig = cli.JSON(config)
	return err
}

// validateEstimator reports what makes no sense for the estimator.
func (s settings) validateEstimator() error {
	switch {
	case s.MetaLoss != "" && s.searches():
		return fmt.Errorf("--meta-loss: not with --learner %s, which takes no gradient", s.Learner)
	case s.TasksPerStep > 1 && s.searches():
		return fmt.Errorf("--tasks-per-step: not with --learner %s, which takes no gradient", s.Learner)
	case s.Estimator != "" && s.searches():
		return fmt.Errorf("--estimator %s: not with --learner %s, which takes no gradient", s.Estimator, s.Learner)
	case s.distils():
		return s.validateDistillation()
	case !s.perturbs() && s.EstimatorConfig != "":
		return fmt.Errorf("--estimator-config: these are the settings of an evolution strategy, and --estimator is %s", bptt)
	case !s.perturbs():
		return nil
	case s.Exact:
		return fmt.Errorf("--exact: not with --estimator %s, which differentiates nothing", s.Estimator)
	case s.Fraction != 1:
		return fmt.Errorf("--fraction: not with --estimator %s, which differentiates nothing", s.Estimator)
	case len(s.Curriculum) > 0:
		return fmt.Errorf("--curriculum: not with --estimator %s", s.Estimator)
	case !s.windowed() && s.Window != s.Horizon:
		return fmt.Errorf("--window %d: --estimator %s takes whole episodes; want the horizon, %d", s.Window, s.Estimator, s.Horizon)
	}
	return nil
}

// tasksPerStep returns how many estimates an outer step is the mean of.
func (s settings) tasksPerStep() int { return max(1, int(s.TasksPerStep)) }

// canonicalMetaLoss writes a meta-loss in the one way with which two spellings of it can be told equal; that of the loss itself is none.
func (s *settings) canonicalMetaLoss() error {
	m, err := meta.ParseMetaLoss(json.RawMessage(s.MetaLoss))
	if err != nil {
		return fmt.Errorf("--meta-loss: %w", err)
	}
	if s.MetaLoss = ""; m.Plain() {
		return nil
	}
	text, err := json.Marshal(m)
	s.MetaLoss = cli.JSON(text)
	return err
}

// estimator makes what estimates the meta-gradient: the mean of several estimates if a step is to be of several tasks.
func (s *session) estimator(family inner.Family) (meta.Estimator, error) {
	n := s.settings.tasksPerStep()
	if s.remote != nil {
		return dist.NewEstimator(dist.EstimatorConfig{Count: n, Pool: s.remote, New: func() (meta.Estimator, error) {
			return s.single(family, s.workers)
		}})
	}
	if n == 1 {
		return s.single(family, s.workers)
	}
	workers := cmp.Or(s.workers, runtime.GOMAXPROCS(0))
	e, err := meta.NewMany(meta.ManyConfig{Count: n, Workers: workers, New: func() (meta.Estimator, error) {
		return s.single(family, max(1, workers/n))
	}})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// single makes an estimator with a number of goroutines, 0 for the default.
func (s *session) single(family inner.Family, workers int) (meta.Estimator, error) {
	c := s.settings
	if c.distils() {
		return c.distillation(s.rule, family)
	}
	loss, err := meta.ParseMetaLoss(json.RawMessage(c.MetaLoss))
	if err != nil {
		return nil, fmt.Errorf("--meta-loss: %w", err)
	}
	if !c.perturbs() {
		config := meta.BPTTConfig{
			Rule: s.rule, Family: family, Horizon: int(c.Horizon), Window: int(c.Window), Exact: c.Exact, Copies: int(c.Copies),
			Fraction: float64(c.Fraction), Objective: s.objective(), MetaLoss: loss, Workers: workers, Curriculum: c.Curriculum,
		}
		if catalog.Mixed(c.Problem) {
			return meta.NewMixed(config)
		}
		return meta.NewBPTT(config)
	}
	e, err := es.Named(c.Estimator, json.RawMessage(c.EstimatorConfig), es.Config{
		Rule: s.rule, Family: family, Copies: int(c.Copies), Horizon: int(c.Horizon), Window: int(c.Window), Objective: s.objective(),
		MetaLoss: loss, Workers: workers,
	})
	if err != nil {
		return nil, fmt.Errorf("--estimator: %w", err)
	}
	return e, nil
}

// objectivesOf returns the names of what can be minimised by the estimator.
func (s settings) objectivesOf() []string {
	if s.perturbs() {
		return es.ObjectivesOf(es.Method(s.Estimator))
	}
	return objectives()
}
