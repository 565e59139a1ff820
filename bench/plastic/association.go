package main

import (
	"context"
	"fmt"
	"io"

	"github.com/seed1498fded/unroll/inner/plastic"
	"github.com/seed1498fded/unroll/learnedopt"
	rules "github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/search"
)

const (
	associationLives = 16   // of a candidate
	associationTests = 2000 // lives
)

// An associationCell is a row of the table: a rule, and whether the reward that it is learned and measured with is one of chance.
type associationCell struct {
	name    string
	rule    learnedopt.Rule
	shuffle bool
}

var associationCells = []associationCell{
	{"static", &rules.Static{}, false},
	{"hebb", &rules.Hebb{}, false},
	{"abcd", &rules.ABCD{}, false},
	{"abcd with reward", &rules.ABCD{Reward: true}, false},
	{"runarsson with reward", &rules.Runarsson{Inputs: "reward"}, false},
	{"abcd, reward shuffled", &rules.ABCD{Reward: true}, true},
	{"runarsson, reward shuffled", &rules.Runarsson{Inputs: "reward"}, true},
}

// association has rules learn which of two actions each of four stimuli calls for, by reward, and takes them to eight stimuli.
func association(ctx context.Context, w io.Writer, seeds int) error {
	fmt.Fprintf(w, "%-28s %-15s %-15s %s\n", "rule", "reward", "eight stimuli", "reward, by seed")
	for _, cell := range associationCells {
		var four, eight sample
		for seed := range uint64(seeds) {
			here, there, err := cell.associate(ctx, seed+1)
			if err != nil {
				return err
			}
			four, eight = append(four, here), append(eight, there)
		}
		fmt.Fprintf(w, "%-28s %-15s %-15s %.3f\n", cell.name, four, eight, four.each())
	}
	return nil
}

// associate learns the rule and returns the reward with four stimuli, on which it was learned, and with eight.
func (cell associationCell) associate(ctx context.Context, seed uint64) (four, eight float64, err error) {
	here := plastic.Association{Shuffle: cell.shuffle}
	there := plastic.Association{Stimuli: 8, Trials: 120, Shuffle: cell.shuffle}
	c := meta.LivesConfig{Rule: cell.rule, Family: here, Copies: associationLives}
	phi := []float32{}
	if cell.rule.Spec().Phi.Len() > 0 {
		if phi, err = (lesson{lives: c, method: &search.ES{Sigma: 0.2}, seed: seed}).learn(ctx); err != nil {
			return 0, 0, err
		}
	}
	c.Copies = associationTests
	if four, err = score(ctx, "reward", phi, c, seed); err != nil {
		return 0, 0, err
	}
	c.Family = there
	eight, err = score(ctx, "reward", phi, c, seed)
	return four, eight, err
}
