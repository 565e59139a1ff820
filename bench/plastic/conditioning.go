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
)

// preparations are the names of the responses.
var preparations = []string{"acquisition", "extinction", "blocking", "control", "cs", "us"}

// conditioning has the rule of seven numbers found for conditioning, from random starts of it, where the modulator is US − y and
// where it is US alone; beside it is the delta rule.
func conditioning(ctx context.Context, w io.Writer, seeds int) error {
	fmt.Fprintf(w, "%-28s %-5s %-10s %.11s\n", "rule", "seed", "loss", preparations)
	if err := respond(ctx, w, "delta, rate 0.3", 0, &rules.Delta{Rate: 0.3}, nil, plastic.Conditioning{}); err != nil {
		return err
	}
	for _, mod := range []string{"error", "target"} {
		for seed := range uint64(seeds) {
			r, f := &rules.Bengio7{}, plastic.Conditioning{Mod: mod}
			l := lesson{
				lives: meta.LivesConfig{Rule: r, Family: f}, method: &search.ES{Sigma: 0.2}, seed: seed + 1,
			}
			phi, err := l.learn(ctx)
			if err != nil {
				return err
			}
			if err := respond(ctx, w, "bengio7, mod is the "+mod, seed+1, r, phi, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// respond prints what a rule comes to. A nil phi is what the rule starts from.
func respond(
	ctx context.Context, w io.Writer, name string, seed uint64, r learnedopt.Rule, phi []float32, f plastic.Conditioning,
) error {
	if phi == nil {
		phi = learnedopt.Phi(r, 0)
	}
	lives, err := meta.NewLives(meta.LivesConfig{Rule: r, Family: f})
	if err != nil {
		return err
	}
	e, err := lives.Evaluate(ctx, phi, rng.Split(seed, keyTest))
	if err != nil {
		return err
	}
	s, err := lives.Scores()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%-28s %-5d %-10.2g", name, seed, e.Loss)
	for _, p := range preparations {
		fmt.Fprintf(w, " %11.3f", s[p][0])
	}
	_, err = fmt.Fprintln(w)
	return err
}
