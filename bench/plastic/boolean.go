package main

import (
	"context"
	"fmt"
	"io"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/learnedopt"
	rules "github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/search"
)

// booleanTests is how many lives each function is lived in when rules are measured.
const booleanTests = 10

// booleanCells are the rules that learn Boolean functions.
var booleanCells = []struct {
	name   string
	rule   learnedopt.Rule
	method search.Method
}{
	{"bengio7, es", &rules.Bengio7{}, &search.ES{Sigma: 0.2}},
	{"bengio7 that forgets, bptt", &rules.Bengio7{Forget: true}, nil},
	{"runarsson, es", &rules.Runarsson{}, &search.ES{Sigma: 0.2}},
}

// boolean learns rules on k of the 14 separable functions of two inputs, and says which fraction of the others and of all 104 of
// three inputs they solve.
func boolean(ctx context.Context, w io.Writer, seeds int) error {
	fmt.Fprintf(w, "%-28s %-3s %-15s %-15s %-15s %s\n", "rule", "k", "learned on", "held out", "three inputs", "held out, by seed")
	for _, cell := range booleanCells {
		for _, k := range []int{1, 2, 4, 8} {
			var learned, heldOut, three sample
			for seed := range uint64(seeds) {
				s, err := solveBoolean(ctx, cell.rule, cell.method, k, seed+1)
				if err != nil {
					return err
				}
				learned, heldOut, three = append(learned, s[0]), append(heldOut, s[1]), append(three, s[2])
			}
			fmt.Fprintf(w, "%-28s %-3d %-15s %-15s %-15s %.2f\n", cell.name, k, learned, heldOut, three, heldOut.each())
		}
	}
	return nil
}

// booleans are the functions that a rule is learned on, and what it is measured on beside them.
type booleans struct{ train, test, three inner.Family }

// booleansOf draws k of the 14 functions of two inputs, as metatrain does with --tasks and --seed.
func booleansOf(k int, seed uint64) (b booleans, err error) {
	o := catalog.Options{Tasks: k, TaskSeed: seed}
	if b.train, err = catalog.Lookup("boolean", o); err != nil {
		return b, err
	}
	o.Split = catalog.Test
	if b.test, err = catalog.Lookup("boolean", o); err != nil {
		return b, err
	}
	b.three, err = catalog.Lookup("boolean3", catalog.Options{Split: catalog.Test})
	return b, err
}

// solved returns the fractions solved of the functions learned on, of the others and of those of three inputs.
func (b booleans) solved(ctx context.Context, r learnedopt.Rule, phi []float32, seed uint64) (solved [3]float64, err error) {
	for i, f := range []inner.Family{b.train, b.test, b.three} {
		c := meta.LivesConfig{Rule: r, Family: f, Copies: booleanTests * f.(inner.Tasks).Tasks()}
		if solved[i], err = score(ctx, "solved", phi, c, seed); err != nil {
			return solved, err
		}
	}
	return solved, nil
}

// solveBoolean learns a rule on k functions.
func solveBoolean(ctx context.Context, r learnedopt.Rule, m search.Method, k int, seed uint64) (solved [3]float64, err error) {
	b, err := booleansOf(k, seed)
	if err != nil {
		return solved, err
	}
	c := meta.LivesConfig{Rule: r, Family: b.train, Copies: k}
	if m == nil {
		c.Copies, c.Steps = 4*k, booleanLife
	}
	phi, err := lesson{lives: c, method: m, seed: seed}.learn(ctx)
	if err != nil {
		return solved, err
	}
	return b.solved(ctx, r, phi, seed)
}

// booleanLife is the number of steps of a life: 30 epochs of four patterns.
const booleanLife = 120
