package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	rules "github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/eval"
	"github.com/seed1498fded/unroll/meta/search"
)

const (
	digitsSteps       = 200 // of a life
	digitsLives       = 4   // of a candidate
	digitsGenerations = 30
	digitsTuning      = 20 // lives for each rate
	digitsTests       = 100
)

// digits trains a network on digits by local rules, under three kinds of feedback to its hidden layer: none, which is the floor,
// fixed random weights, and the transposed weights of backprop. Under each there is the delta rule at its best rate, and what an
// evolution strategy makes of it with the six other terms of the rule of seven numbers; under random weights also what genetic
// programming finds.
func digits(ctx context.Context, w io.Writer, seeds int) error {
	fmt.Fprintf(w, "%-10s %-12s %-15s %s\n", "feedback", "rule", "final loss", "by seed, and the rule of the last")
	for _, cell := range [][2]string{
		{"none", "delta"}, {"none", "bengio7, es"}, {"fa", "delta"}, {"fa", "bengio7, es"}, {"fa", "formula, gp"},
		{"backprop", "delta"}, {"backprop", "bengio7, es"},
	} {
		if err := digitsRow(ctx, w, cell[0], cell[1], seeds); err != nil {
			return err
		}
	}
	return nil
}

// digitsRow prints what a kind of rule comes to under a kind of feedback.
func digitsRow(ctx context.Context, w io.Writer, feedback, kind string, seeds int) error {
	var losses sample
	var last *learnedopt.Trained
	for seed := range uint64(seeds) {
		var err error
		if last, err = learnDigits(ctx, feedback, kind, seed+1); err != nil {
			return err
		}
		final, err := digitsLoss(ctx, last, feedback, seed+1)
		if err != nil {
			return err
		}
		losses = append(losses, final)
	}
	text, err := json.Marshal(last.Rule)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%-10s %-12s %-15s %.3f %s %.3g\n", feedback, kind, losses, losses.each(), text, last.Phi)
	return err
}

// digitsOf returns the problems of a split under a kind of feedback.
func digitsOf(feedback string, split catalog.Split) (inner.Family, error) {
	return catalog.Lookup("digits8", catalog.Options{Credit: feedback, Split: split})
}

func learnDigits(ctx context.Context, feedback, kind string, seed uint64) (*learnedopt.Trained, error) {
	family, err := digitsOf(feedback, catalog.Train)
	if err != nil {
		return nil, err
	}
	delta := eval.Baseline{Name: "delta", With: func(lr float64) learnedopt.Rule { return &rules.Delta{Rate: lr} }}
	tuned, err := eval.Tune(ctx, delta, eval.LearningRates(), eval.Runs{
		Family: family, Steps: digitsSteps, Count: digitsTuning, Key: rng.Split(seed, keyTraining),
	})
	if err != nil {
		return nil, err
	}
	c := meta.LivesConfig{Family: family, Steps: digitsSteps, Copies: digitsLives, Objective: meta.Last}
	switch kind {
	case "delta":
		return &learnedopt.Trained{Rule: tuned.Rule, Phi: learnedopt.Phi(tuned.Rule, 0)}, nil
	case "formula, gp":
		r, err := program(ctx, c, &search.GP{Population: 60, Parsimony: 1e-3}, digitsGenerations, seed)
		if err != nil {
			return nil, err
		}
		return &learnedopt.Trained{Rule: r, Phi: learnedopt.Phi(r, 0)}, nil
	}
	c.Rule = &rules.Bengio7{}
	from := nearDelta(float32(tuned.LR))
	phi, err := lesson{
		lives: c, method: &search.ES{Mu: 5, Lambda: 30, Sigma: 0.3}, generations: digitsGenerations, seed: seed,
		start: make([]float32, len(from.start)), evaluator: from.evaluator,
	}.learn(ctx)
	if err != nil {
		return nil, err
	}
	return &learnedopt.Trained{Rule: c.Rule, Phi: from.phi(phi)}, nil
}

// An offset is a search in units of its own about a place: its x is phi = start + unit·x.
type offset struct{ start, unit []float32 }

// nearDelta is about the delta rule of a rate, in the rule of seven numbers. A number that no modulator keeps in bounds goes a long
// way in 200 steps of 16 examples, so that its unit is small.
func nearDelta(rate float32) offset {
	return offset{
		start: []float32{0, 0, 0, 0, rate, 0, 0},
		unit:  []float32{0.0001, 0.001, 0.001, rate / 10, rate, 0.001, 0.001},
	}
}

func (o offset) phi(x []float32) []float32 {
	phi := make([]float32, len(x))
	for i, v := range x {
		phi[i] = o.start[i] + o.unit[i]*v
	}
	return phi
}

// evaluator makes what scores an x.
func (o offset) evaluator(c meta.LivesConfig) (search.Evaluator, error) {
	lives, err := meta.NewLives(c)
	return offsetLives{lives, o}, err
}

type offsetLives struct {
	lives *meta.Lives
	from  offset
}

// Evaluate implements search.Evaluator.
func (l offsetLives) Evaluate(ctx context.Context, x []float32, key uint64) (meta.Estimate, error) {
	return l.lives.Evaluate(ctx, l.from.phi(x), key)
}

// digitsLoss returns the mean loss at the end of lives on images that nobody has learned on.
func digitsLoss(ctx context.Context, t *learnedopt.Trained, feedback string, seed uint64) (float64, error) {
	family, err := digitsOf(feedback, catalog.Test)
	if err != nil {
		return 0, err
	}
	losses, err := eval.Measure(ctx, t, eval.Runs{
		Family: family, Steps: digitsSteps, Count: digitsTests, Key: rng.Split(seed, keyTest),
	})
	if err != nil {
		return 0, err
	}
	return losses.Final().Mean, nil
}
