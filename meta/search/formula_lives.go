package search

import (
	"context"
	"fmt"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/meta"
)

// FormulaLives evaluates formulas, as phi of FormulaLayout, by lives under the rules that they are. The configuration's Rule is
// not used.
func FormulaLives(c meta.LivesConfig) Evaluator { return formulaLives{c} }

type formulaLives struct{ config meta.LivesConfig }

// Evaluate implements Evaluator. Each formula is a rule of its own, and compiled.
func (f formulaLives) Evaluate(ctx context.Context, phi []float32, key uint64) (meta.Estimate, error) {
	rule, numbers, err := DecodeFormula(phi)
	if err != nil {
		return meta.Estimate{}, err
	}
	c := f.config
	c.Rule = rule
	lives, err := meta.NewLives(c)
	if err != nil {
		return meta.Estimate{}, err
	}
	return lives.Evaluate(ctx, numbers, key)
}

// EncodeRule returns a formula rule, with the numbers of phi in the place of its own, as a phi of FormulaLayout. Any other rule
// is an error, and so is a formula that is too long.
func EncodeRule(r learnedopt.Rule, phi []float32) ([]float32, error) {
	f, ok := r.(*plastic.Formula)
	if !ok {
		return nil, fmt.Errorf("search: genetic programming searches for formulas; want the rule formula, got %s", r.Name())
	}
	return EncodeFormula(f.Learned(phi))
}
