package main

import (
	"cmp"
	"context"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/search"
	"github.com/seed1498fded/unroll/params"
)

// The children of a seed.
const (
	keyStart = iota
	keySearch
	keyTraining
	keyValidation
	keyTest
	keyBrain
)

// A lesson says what is learned, and how. Its phi is a rule's own or, with one of the fields at the end, more than that.
type lesson struct {
	lives       meta.LivesConfig // what candidates are scored by; the mean of the last losses of its lives is minimised
	method      search.Method    // nil: by the gradient
	generations int              // or outer steps; 80 if zero, by the gradient 400
	seed        uint64

	layout    params.Layout // of phi; the rule's own if nil
	start     []float32     // drawn by the rule if nil
	evaluator evaluate      // meta.NewLives if nil
}

// evaluate makes what scores a phi by lives.
type evaluate func(meta.LivesConfig) (search.Evaluator, error)

func plainLives(c meta.LivesConfig) (search.Evaluator, error) { return meta.NewLives(c) }

// filled returns the lesson with every default in its place.
func (l lesson) filled() lesson {
	if l.start == nil {
		l.start = learnedopt.Phi(l.lives.Rule, rng.Split(l.seed, keyStart))
	}
	if l.layout == nil {
		l.layout = l.lives.Rule.Spec().Phi
	}
	if l.evaluator == nil {
		l.evaluator = plainLives
	}
	usual := 80
	if l.method == nil {
		usual = 400
	}
	l.generations = cmp.Or(l.generations, usual)
	l.lives.Copies = max(1, l.lives.Copies)
	return l
}

// learn returns the phi that does best in four times as many lives as candidates lead, other ones, every tenth outer step.
func (l lesson) learn(ctx context.Context) ([]float32, error) {
	l = l.filled()
	learner, each, err := l.learner()
	if err != nil {
		return nil, err
	}
	c := l.lives
	c.Copies *= 4
	judge, err := l.evaluator(c)
	if err != nil {
		return nil, err
	}
	trainer, err := meta.NewTrainer(meta.TrainerConfig{
		Learner: learner, Key: rng.Split(l.seed, keyTraining), Every: 10 * each * l.lives.Copies,
		Validate: func(ctx context.Context, phi []float32) (float64, error) {
			e, err := judge.Evaluate(ctx, phi, rng.Split(l.seed, keyValidation))
			return e.Loss, err
		},
	})
	if err != nil {
		return nil, err
	}
	stop := func(s meta.Status) bool { return s.OuterSteps >= l.generations }
	if err := trainer.Run(ctx, stop, meta.Observers()); err != nil {
		return nil, err
	}
	err = trainer.Finish(ctx, meta.Observers())
	return trainer.Best(), err
}

// learner returns what moves phi, and how many candidates each of its outer steps tries.
func (l lesson) learner() (learner meta.Learner, each int, err error) {
	if l.method == nil {
		learner, err = l.byGradient()
		return learner, 1, err
	}
	x := make([]float64, len(l.start))
	for i, v := range l.start {
		x[i] = float64(v)
	}
	s, err := l.method.New(x, rng.Split(l.seed, keySearch))
	if err != nil {
		return nil, 0, err
	}
	learner, err = search.New(search.Config{
		Search: s, Layout: l.layout, NewEvaluator: func() (search.Evaluator, error) { return l.evaluator(l.lives) },
	})
	return learner, len(s.Ask()), err
}

// byGradient is the learner that metatrain has for lives.
func (l lesson) byGradient() (meta.Learner, error) {
	c := l.lives
	estimator, err := meta.NewBPTT(meta.BPTTConfig{
		Rule: c.Rule, Family: c.Family, Horizon: c.Steps, Window: c.Steps, Objective: meta.Last, Copies: c.Copies,
		Curriculum: []int{12, 32, 60},
	})
	if err != nil {
		return nil, err
	}
	return meta.NewGradientLearner(meta.GradientConfig{
		Rule: c.Rule, Start: l.start, Estimator: estimator, Outer: &handmade.Adam{LR: 0.02}, Clip: 0.3, Average: 0.995,
	})
}

// score returns the mean over lives under a rule of what problems say at their end.
func score(ctx context.Context, measure string, phi []float32, c meta.LivesConfig, seed uint64) (float64, error) {
	lives, err := meta.NewLives(c)
	if err != nil {
		return 0, err
	}
	if _, err := lives.Evaluate(ctx, phi, rng.Split(seed, keyTest)); err != nil {
		return 0, err
	}
	s, err := lives.Scores()
	return sample(s[measure]).mean(), err
}
