package metatrain

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/dist"
	"github.com/seed1498fded/unroll/meta/eval"
	"github.com/seed1498fded/unroll/meta/search"
)

// bptt is the learner by a gradient, genetic the search that moves formulas in place of numbers.
const (
	bptt    = "bptt"
	genetic = "gp"
)

// learners returns the names of all ways to learn, the default first.
func learners() []string { return append([]string{bptt}, search.Names()...) }

// searches reports whether candidates are tried out.
func (s settings) searches() bool { return s.Learner != "" && s.Learner != bptt }

// ofLives returns the defaults for a problem whose runs are lives.
func (s settings) ofLives(life int) (defaults, error) {
	d := defaults{rate: 0.02, clip: 0.3, horizon: cli.Count(life), window: cli.Count(life)}
	f, err := s.family(catalog.Train)
	if err != nil {
		return d, err
	}
	each, outer := 8, 10
	if t, ok := f.(inner.Tasks); ok {
		each = min(t.Tasks(), 32) // of more tasks each life draws one
		if !s.searches() && !s.perturbs() {
			each = min(4*t.Tasks(), 64)
		}
	}
	if s.searches() {
		outer *= 100 // candidates of a generation, or about as many
	} else {
		d.lengths = []int{12, 32, 60}
	}
	d.copies, d.every = cli.Count(each), cli.Count(outer)
	return d, nil
}

// usualObjective returns the default for what is minimised.
func (s settings) usualObjective() string {
	if s.life() > 0 {
		return string(meta.Last)
	}
	if s.perturbs() {
		return string(meta.Mean)
	}
	return string(meta.Borders)
}

// taskSeed names the tasks to learn on.
func (s settings) taskSeed() uint64 {
	if !catalog.HasTasks(s.Problem) {
		return 0 // and what is wrong with the number of tasks is said of that
	}
	return uint64(s.Seed)
}

// canonicalLearner writes a search's settings in the one way with which two spellings of them can be told equal.
func (s *settings) canonicalLearner() error {
	if err := s.knownLearner(); err != nil || !s.searches() {
		return err
	}
	m, err := search.MethodNamed(s.Learner, json.RawMessage(s.LearnerConfig))
	if err != nil {
		return fmt.Errorf("--learner-config: %w", err)
	}
	if s.life() > 0 {
		forLives(m)
	}
	config, err := json.Marshal(m)
	s.LearnerConfig = cli.JSON(config)
	return err
}

// forLives sets what was left open of a search for a rule of lives. The numbers of such a rule add up over a life, so that small
// steps go far, and its losses are below 1. A formula that is longer for no reason is hard to read.
func forLives(m search.Method) {
	switch m := m.(type) {
	case *search.ES:
		m.Sigma = cmp.Or(m.Sigma, 0.2)
	case *search.CMAES:
		m.Sigma = cmp.Or(m.Sigma, 0.2)
	case *search.GA:
		m.Spread = cmp.Or(m.Spread, 0.3)
	case *search.GP:
		m.Parsimony = cmp.Or(m.Parsimony, 1e-4)
	case *search.Anneal:
		m.Step, m.Temperature, m.Cooling = cmp.Or(m.Step, 0.2), cmp.Or(m.Temperature, 0.02), cmp.Or(m.Cooling, 0.99)
	}
}

// generations returns how many outer steps are taken in lives by default.
func (s settings) generations() int {
	switch {
	case s.Learner == "anneal":
		return 400 // of few candidates each
	case s.searches():
		return 80
	}
	return 100 * (len(s.Curriculum) + 1)
}

// knownLearner reports a name that is none of a learner.
func (s settings) knownLearner() error {
	if s.Learner != "" && !slices.Contains(learners(), s.Learner) {
		return fmt.Errorf("--learner %.60s: want one of %s", s.Learner, strings.Join(learners(), ", "))
	}
	return nil
}

// validateLearner reports what makes no sense for the learner.
func (s settings) validateLearner() error {
	switch {
	case !s.searches() && s.LearnerConfig != "":
		return fmt.Errorf("--learner-config: these are the settings of a search, and --learner is %s", bptt)
	case s.searches() && s.Exact:
		return fmt.Errorf("--exact: not with --learner %s, which takes no gradient", s.Learner)
	case s.searches() && catalog.Mixed(s.Problem):
		return fmt.Errorf("--learner %s: not on a mix; want --learner %s, by any --estimator", s.Learner, bptt)
	case s.Learner == genetic && s.Rule != "formula":
		return fmt.Errorf("--learner gp: it learns formulas; want --rule formula, got %s", s.Rule)
	}
	return nil
}

// learner makes what moves phi.
func (s *session) learner() (meta.Learner, error) {
	family, err := s.settings.family(catalog.Train)
	if err != nil {
		return nil, err
	}
	if s.settings.searches() {
		return s.searcher(family)
	}
	if err := s.differentiable(family); err != nil {
		return nil, err
	}
	c := s.settings
	estimator, err := s.estimator(family)
	if err != nil {
		return nil, err
	}
	return meta.NewGradientLearner(meta.GradientConfig{
		Rule: s.rule, Start: s.startPhi(), Key: meta.PhiKey(s.settings.trainingKey()), Estimator: estimator, Outer: &handmade.Adam{LR: float64(c.OuterLR)},
		Clip: float64(c.Clip), Average: c.Average, Cosine: int(c.Cosine),
	})
}

// differentiable reports a problem of which no gradient goes back through what synapses feel, for a rule that reads it.
func (s *session) differentiable(family inner.Family) error {
	p, err := family.Sample(0)
	if err != nil {
		return err
	}
	_, shows := p.(inner.Synaptic)
	_, back := p.(inner.SynapticPullback)
	if len(s.rule.Spec().Reads.Senses()) > 0 && shows && !back {
		return fmt.Errorf("--learner %s: not on %s, whose lives can't be differentiated; want one of %s",
			bptt, s.settings.Problem, strings.Join(search.Names(), ", "))
	}
	return nil
}

// objective returns what is minimised.
func (s *session) objective() meta.Objective {
	return meta.Objective(cmp.Or(s.settings.Objective, s.settings.usualObjective()))
}

// trainingKey names the randomness of learning.
func (s *settings) trainingKey() uint64 { return rng.Split(uint64(s.Seed), keyTraining) }

// startPhi returns where phi begins if a learned rule says so; else nil.
func (s *session) startPhi() []float32 {
	if s.start == nil {
		return nil
	}
	return s.start.Phi
}

// keySearch is the child of the training key that a search has.
const keySearch = 'L'<<8 + 3

// searcher makes a learner that tries out candidates.
func (s *session) searcher(family inner.Family) (meta.Learner, error) {
	m, err := search.MethodNamed(s.settings.Learner, json.RawMessage(s.settings.LearnerConfig))
	if err != nil {
		return nil, err
	}
	if s.rule.Spec().Phi.Len() == 0 {
		return nil, fmt.Errorf("--rule %s: it has nothing to learn", s.settings.Rule)
	}
	c := search.Config{Layout: s.rule.Spec().Phi, Workers: s.workers, NewEvaluator: s.newCandidate(family)}
	if s.remote != nil {
		c.Population = dist.Population(s.remote)
	}
	start := cmp.Or(s.start, &learnedopt.Trained{Rule: s.rule, Phi: learnedopt.Phi(s.rule, meta.PhiKey(s.settings.trainingKey()))})
	phi := start.Phi
	if s.settings.Learner == genetic {
		c.Layout = search.FormulaLayout()
		if phi, err = s.startFormula(start); err != nil {
			return nil, err
		}
	}
	x := make([]float64, len(phi))
	for i, v := range phi {
		x[i] = float64(v)
	}
	c.Search, err = m.New(x, rng.Split(s.settings.trainingKey(), keySearch))
	if _, large := errors.AsType[*machine.MemoryError](err); large {
		return nil, err // the flags to blame come before it
	}
	if err != nil {
		return nil, fmt.Errorf("--learner-config: %w", err)
	}
	return search.New(c)
}

// newCandidate returns what makes evaluators of a search's candidates.
func (s *session) newCandidate(family inner.Family) func() (search.Evaluator, error) {
	lives := s.lives(family, int(s.settings.Copies))
	if s.settings.Learner == genetic {
		return func() (search.Evaluator, error) { return search.FormulaLives(lives), nil }
	}
	return func() (search.Evaluator, error) { return meta.NewLives(lives) }
}

// startFormula returns the formula that a search for one begins at: one that was given, or else 0, for a formula that works already
// is no start for a search.
func (s *session) startFormula(t *learnedopt.Trained) ([]float32, error) {
	if usual, _ := json.Marshal(new(plastic.Formula)); s.start == nil && string(s.settings.RuleConfig) == string(usual) {
		return search.EncodeFormula("0")
	}
	return search.EncodeRule(t.Rule, t.Phi)
}

// lives says what lives are led to tell how good a rule is.
func (s *session) lives(family inner.Family, copies int) meta.LivesConfig {
	return meta.LivesConfig{Rule: s.rule, Family: family, Steps: int(s.settings.Horizon), Copies: copies, Objective: s.objective()}
}

// trained makes a rule of what a learner moves.
func (s *session) trained(phi []float32) (*learnedopt.Trained, error) {
	if s.settings.Learner != genetic {
		return &learnedopt.Trained{Rule: s.rule, Phi: phi}, nil
	}
	r, numbers, err := search.DecodeFormula(phi)
	if err != nil {
		return nil, err
	}
	simple := &plastic.Formula{Formula: r.Learned(numbers)}
	return &learnedopt.Trained{Rule: simple, Phi: learnedopt.Phi(simple, 0)}, nil
}

// validation returns what scores a phi: on problems set apart for it, or for lives and searches on other lives.
func (s *session) validation() (validationFunc, error) {
	family, err := s.settings.family(catalog.Valid)
	if err != nil {
		return nil, err
	}
	key := rng.Split(uint64(s.settings.Seed), keyValidation)
	if s.settings.life() > 0 || s.settings.searches() {
		return s.validateLives(family, key), nil
	}
	if catalog.Mixed(s.settings.Problem) {
		return s.validateMix(family, key)
	}
	runs := eval.Runs{Family: family, Steps: int(s.settings.Horizon), Count: s.validationRuns(), Key: key}
	if err := runs.Validate(s.rule); err != nil {
		return nil, err
	}
	return func(ctx context.Context, phi []float32) (float64, error) {
		losses, err := s.page.measure(ctx, &learnedopt.Trained{Rule: s.rule, Phi: phi}, runs)
		if err != nil {
			return 0, err
		}
		return losses.Mean().Mean, nil
	}, nil
}

// validationLives says what lives are led to validate a rule: four times as many as it is learned on.
func (s *session) validationLives(family inner.Family, r learnedopt.Rule) meta.LivesConfig {
	c := s.lives(family, 4*int(s.settings.Copies))
	c.Rule = r
	return c
}

// validateLives scores a phi by four times as many lives as it is learned on, the same each time.
func (s *session) validateLives(family inner.Family, key uint64) validationFunc {
	return func(ctx context.Context, phi []float32) (float64, error) {
		t, err := s.trained(phi)
		if err != nil {
			return 0, err
		}
		c := s.validationLives(family, t.Rule)
		lives, err := meta.NewLives(c)
		if err != nil {
			return 0, err
		}
		e, err := lives.Evaluate(ctx, t.Phi, key)
		return e.Loss, err
	}
}
