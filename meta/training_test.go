package meta_test

import (
	"context"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
)

// A training is a trainer with its learner by gradient.
type training struct {
	*meta.Trainer
	*meta.GradientLearner
}

// setup says what both are made of.
type setup struct {
	Rule      learnedopt.Rule
	Start     []float32
	Estimator meta.Estimator
	Outer     learnedopt.Rule
	Clip      float64
	Average   float64
	Cosine    int
	Key       uint64
	Validate  func(ctx context.Context, phi []float32) (float64, error)
	Every     int
	Patience  int
}

func newTraining(s setup) (training, error) {
	l, err := meta.NewGradientLearner(meta.GradientConfig{
		Rule: s.Rule, Start: s.Start, Key: meta.PhiKey(s.Key), Estimator: s.Estimator, Outer: s.Outer, Clip: s.Clip,
		Average: s.Average, Cosine: s.Cosine,
	})
	if err != nil {
		return training{}, err
	}
	t, err := meta.NewTrainer(meta.TrainerConfig{Learner: l, Key: s.Key, Validate: s.Validate, Every: s.Every, Patience: s.Patience})
	return training{t, l}, err
}

// records is an observer of validations alone.
func records(f func(meta.Record) error) meta.Observer {
	return func(e meta.Event) error {
		if e.Record == nil {
			return nil
		}
		return f(*e.Record)
	}
}
