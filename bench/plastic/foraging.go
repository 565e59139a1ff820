package main

import (
	"context"
	"fmt"
	"io"

	"github.com/seed1498fded/unroll/inner/plastic"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	rules "github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/search"
	"github.com/seed1498fded/unroll/params"
)

// How long the search for brains goes on.
const (
	foragingLives       = 8 // of a candidate
	foragingGenerations = 150
	foragingTests       = 400 // lives
)

// A creature is a brain and a rule that changes it: its phi holds the brain's weights and then the rule's own numbers.
type creature struct {
	rule  learnedopt.Rule
	brain params.Layout
}

func newCreature(r learnedopt.Rule) (creature, error) {
	p, err := plastic.Foraging{}.Sample(0)
	if err != nil {
		return creature{}, err
	}
	return creature{r, p.Params()}, nil
}

func (c creature) layout() params.Layout {
	var l params.Layout
	for _, s := range c.brain {
		l = append(l, params.Spec{Name: "brain." + s.Name, Shape: s.Shape})
	}
	for _, s := range c.rule.Spec().Phi {
		l = append(l, params.Spec{Name: "rule." + s.Name, Shape: s.Shape})
	}
	return l
}

// start draws a creature: a brain as lives start with where none is given, and what the rule starts from.
func (c creature) start(seed uint64) []float32 {
	phi := make([]float32, c.brain.Len(), c.layout().Len())
	rng.Normal(phi, rng.Split(seed, keyBrain), 0.5)
	return append(phi, learnedopt.Phi(c.rule, rng.Split(seed, keyStart))...)
}

// livesOf leads lives that all start from the brain that a phi holds.
type livesOf struct {
	lives *meta.Lives
	brain []float32 // of the family, which every life is copied from
}

func (c creature) evaluator(config meta.LivesConfig) (search.Evaluator, error) {
	return c.lives(config, plastic.Foraging{})
}

// lives leads lives as a family has them, but with a brain that is the candidate's.
func (c creature) lives(config meta.LivesConfig, f plastic.Foraging) (livesOf, error) {
	brain := make([]float32, c.brain.Len())
	f.Brain = brain
	config.Family = f
	lives, err := meta.NewLives(config)
	return livesOf{lives, brain}, err
}

// Evaluate implements search.Evaluator.
func (l livesOf) Evaluate(ctx context.Context, phi []float32, key uint64) (meta.Estimate, error) {
	copy(l.brain, phi)
	return l.lives.Evaluate(ctx, phi[len(l.brain):], key)
}

// foragers are the rules that brains are evolved with.
var foragers = []struct {
	name string
	rule learnedopt.Rule
}{
	{"static", &rules.Static{}}, {"abcd", &rules.ABCD{}}, {"abcd with reward", &rules.ABCD{Reward: true}},
	{"orchard", &rules.Orchard{}},
}

// foraging evolves brains together with the rules that change them, in lives with sensors that are off by up to 0.8 of half a
// turn, and counts what they eat there and with sensors that are off by more.
func foraging(ctx context.Context, w io.Writer, seeds int) error {
	fmt.Fprintf(w, "%-20s %-18s %s\n", "rule", "food, up to 0.8", "food, 0.9 to 1")
	for _, f := range foragers {
		var inside, outside sample
		for seed := range uint64(seeds) {
			in, out, err := forage(ctx, f.rule, seed+1)
			if err != nil {
				return err
			}
			inside, outside = append(inside, in), append(outside, out)
		}
		fmt.Fprintf(w, "%-20s %-18s %-18s %.1f %.1f\n", f.name, inside, outside, inside.each(), outside.each())
	}
	return nil
}

// forage returns the mean food of a life under a rule of one seed.
func forage(ctx context.Context, r learnedopt.Rule, seed uint64) (inside, outside float64, err error) {
	c, err := newCreature(r)
	if err != nil {
		return 0, 0, err
	}
	config := meta.LivesConfig{Rule: r, Family: plastic.Foraging{}, Copies: foragingLives}
	phi, err := lesson{
		lives: config, method: foragingMethod, generations: foragingGenerations, seed: seed,
		layout: c.layout(), start: c.start(seed), evaluator: c.evaluator,
	}.learn(ctx)
	if err != nil {
		return 0, 0, err
	}
	config.Copies = foragingTests
	if inside, err = c.food(ctx, phi, config, plastic.Foraging{}, seed); err != nil {
		return 0, 0, err
	}
	outside, err = c.food(ctx, phi, config, plastic.Foraging{Least: 0.9, Most: 1}, seed)
	return inside, outside, err
}

// foragingMethod draws all children about the mean of the parents, which evens out the luck of single lives.
var foragingMethod = &search.ES{Mu: 10, Lambda: 40, Sigma: 0.2, Recombine: true, Isotropic: true}

// food returns the mean of what lives found.
func (c creature) food(
	ctx context.Context, phi []float32, config meta.LivesConfig, f plastic.Foraging, seed uint64,
) (float64, error) {
	l, err := c.lives(config, f)
	if err != nil {
		return 0, err
	}
	if _, err := l.Evaluate(ctx, phi, rng.Split(seed, keyTest)); err != nil {
		return 0, err
	}
	s, err := l.lives.Scores()
	return sample(s["food"]).mean(), err
}
