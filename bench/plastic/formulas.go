package main

import (
	"context"
	"fmt"
	"io"

	"github.com/seed1498fded/unroll/learnedopt"
	rules "github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/search"
)

// formulas has genetic programming look for a rule on eight Boolean functions, from random formulas, and prints what it finds.
func formulas(ctx context.Context, w io.Writer, seeds int) error {
	fmt.Fprintf(w, "%-5s %-10s %-13s %s\n", "seed", "held out", "three inputs", "Δw")
	for seed := range uint64(seeds) {
		b, err := booleansOf(formulaTasks, seed+1)
		if err != nil {
			return err
		}
		c := meta.LivesConfig{Family: b.train, Copies: formulaTasks}
		found, err := program(ctx, c, &search.GP{Parsimony: 1e-4}, formulaGenerations, seed+1)
		if err != nil {
			return err
		}
		solved, err := b.solved(ctx, found, learnedopt.Phi(found, 0), seed+1)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%-5d %-10.3f %-13.3f %s\n", seed+1, solved[1], solved[2], found.Formula)
	}
	return nil
}

const (
	formulaTasks       = 8
	formulaGenerations = 40
)

// program searches for a formula; the first generation is random but for the rule Δw = 0.
func program(ctx context.Context, c meta.LivesConfig, m *search.GP, generations int, seed uint64) (*rules.Formula, error) {
	zero, err := search.EncodeFormula("0")
	if err != nil {
		return nil, err
	}
	c.Rule = &rules.Formula{}
	phi, err := lesson{
		lives: c, method: m, generations: generations, seed: seed, layout: search.FormulaLayout(), start: zero,
		evaluator: func(c meta.LivesConfig) (search.Evaluator, error) { return search.FormulaLives(c), nil },
	}.learn(ctx)
	if err != nil {
		return nil, err
	}
	r, numbers, err := search.DecodeFormula(phi)
	if err != nil {
		return nil, err
	}
	return &rules.Formula{Formula: r.Learned(numbers)}, nil
}
