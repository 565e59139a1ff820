package plastic_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/formula"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

func TestFormulaLaws(t *testing.T) {
	for _, text := range []string{
		"0.5*pre*(target - post)",                                // one product
		"0.3*(pre + 0.1)*(post - 0.2*weight) + reward*potential", // several
		"tanh(pre*mod + 0.5*weight)*reward",                      // by element
		"0.01",                                                   // of nothing at all
	} {
		t.Run(text, func(t *testing.T) {
			ruletest.Run(t, func() learnedopt.Rule { return &plastic.Formula{Formula: text} })
		})
	}
}

// formulaCase is weights with what they feel.
type formulaCase struct {
	theta, senses params.Layout
	examples      int
}

func formulaCases() []formulaCase {
	var list []formulaCase
	for _, c := range []struct{ examples, pre, post int }{{1, 3, 1}, {4, 3, 2}, {1, 1, 1}, {5, 1, 3}, {2, 1, 1}} {
		theta := params.Layout{{Name: "w", Shape: []int{c.pre, c.post}}, {Name: "b", Shape: []int{c.post}}}
		senses := params.Layout{{Name: "reward", Shape: []int{1}}}
		for _, w := range theta {
			pre := c.pre
			if w.Name == "b" {
				pre = 1
			}
			senses = append(senses, params.Spec{Name: params.Pre.Of(w.Name), Shape: []int{c.examples, pre}})
			for _, s := range []params.Sense{params.Potential, params.Post, params.Mod, params.Target} {
				senses = append(senses, params.Spec{Name: s.Of(w.Name), Shape: []int{c.examples, c.post}})
			}
		}
		list = append(list, formulaCase{theta, senses, c.examples})
	}
	return list
}

// byHand computes a formula's step synapse by synapse and example by example.
func (c formulaCase) byHand(n *formula.Node, theta, senses []float64) []float64 {
	once := true
	for _, k := range []formula.Kind{formula.Pre, formula.Post, formula.Potential, formula.Mod, formula.Target} {
		once = once && !n.Reads(k)
	}
	var step []float64
	for _, w := range c.theta {
		weights := params.Slice(c.theta, theta, w.Name)
		post := w.Shape[len(w.Shape)-1]
		pre := w.Len() / post
		for s := range weights {
			sum := 0.0
			for e := range c.examples {
				sum += n.Eval(func(k formula.Kind) float64 {
					switch k {
					case formula.Weight:
						return weights[s]
					case formula.Reward:
						return params.Slice(c.senses, senses, "reward")[0]
					case formula.Pre:
						return params.Slice(c.senses, senses, "pre."+w.Name)[e*pre+s/post]
					}
					return params.Slice(c.senses, senses, k.Name()+"."+w.Name)[e*post+s%post]
				})
				if once {
					break
				}
			}
			step = append(step, sum)
		}
	}
	return step
}

// Law: the step of any formula is the sum over examples of the formula's value, for each synapse by itself.
func TestFormulaByHand(t *testing.T) {
	g := formula.Grammar{Variables: formula.Variables(), Functions: formula.Functions(), Size: 19}
	r := rng.New(1)
	texts := []string{
		"0.1*pre*mod", "pre", "weight", "-0.5*weight", "reward", "2", "-reward*weight", "post", "tanh(target)", "1 - pre", "pre*post*weight",
		"pre + weight", "1 + weight + pre*post", "(pre + 1)*(post - target)*(weight + 2)", "pre/post", "mod/weight", "1/(pre + weight)",
		"post*post - pre*pre*weight*weight", "abs(pre - post)", "tanh(weight)*tanh(pre)*tanh(mod)*reward", "-(pre*post + weight)",
		"pre*(pre*weight + 1) - (pre + post)*(pre + mod)", "reward - 1", "weight - weight", "(1 + pre)/(2 + weight)", "tanh(0.5*reward)*pre",
		"(pre + post + weight)*(pre + mod + weight)*(pre + target + weight)*(pre + potential + weight)",
	}
	for range 100 {
		texts = append(texts, g.Random(r, 19).String())
	}
	cases := formulaCases()
	for i, text := range texts {
		c := cases[i%len(cases)]
		if i < 30 {
			for _, c := range cases {
				c.check(t, text)
			}
			continue
		}
		c.check(t, text)
	}
}

func (c formulaCase) check(t *testing.T, text string) {
	t.Helper()
	what := fmt.Sprintf("%s on %v with %d examples", text, c.theta, c.examples)
	f := &plastic.Formula{Formula: text}
	compiled, err := learnedopt.CompileWith[float64](f, c.theta, learnedopt.Options{Senses: c.senses})
	require.NoError(t, err, what)
	theta, senses := make([]float64, c.theta.Len()), make([]float64, c.senses.Len())
	rng.Normal(theta, 5, 1)
	rng.Normal(senses, 6, 1)
	phi := params.Convert[float64](learnedopt.Phi(f, 1))
	got := make([]float64, len(theta))
	require.NoError(t, compiled.Step(got, nil, learnedopt.Point[float64]{Phi: phi, Theta: theta, Senses: senses}))
	n, err := formula.Parse(text)
	require.NoError(t, err)
	for i, want := range c.byHand(n, theta, senses) {
		require.InDelta(t, want, got[i], 1e-9*(1+math.Abs(want)), what)
	}

	// In float32, through the lowering, and backwards without an error.
	single, err := learnedopt.CompileWith[float32](f, c.theta, learnedopt.Options{Senses: c.senses})
	require.NoError(t, err, what)
	p := learnedopt.Point[float32]{Phi: params.Convert[float32](phi), Theta: params.Convert[float32](theta), Senses: params.Convert[float32](senses)}
	step := make([]float32, len(theta))
	require.NoError(t, single.Step(step, nil, p))
	require.NoError(t, single.Pullback(learnedopt.Cotangents[float32]{
		Step: step, Phi: make([]float32, len(phi)), Theta: make([]float32, len(theta)), Senses: make([]float32, len(senses)),
	}, p), what)
}

// Phi is the numbers of the text, and others in their place give another text.
func TestFormulaPhi(t *testing.T) {
	f := &plastic.Formula{Formula: "0.5*pre*(target - -2*post) + 1e-3"}
	require.Equal(t, "c0[1] c1[1] c2[1]", f.Spec().Phi.String())
	require.Equal(t, []float32{.5, -2, 1e-3}, learnedopt.Phi(f, 1))
	require.Equal(t, learnedopt.Pre|learnedopt.Target|learnedopt.Post, f.Spec().Reads)
	require.Equal(t, "pre*target", f.Learned([]float32{1, 0, 0}))
	require.Panics(t, func() { f.Learned([]float32{1}) })
	require.Equal(t, []float32{.1}, learnedopt.Phi(new(plastic.Formula), 1))
}

func TestFormulaErrors(t *testing.T) {
	f := &plastic.Formula{Formula: "pre*(target - "}
	require.EqualError(t, f.Validate(), `learnedopt: formula: formula is "pre*(target - ": place 15 of the formula: found the end; want a number, a variable, a function or a bracket`)
	_, err := learnedopt.Compile[float32](f, params.Layout{{Name: "w", Shape: []int{2, 2}}})
	require.ErrorContains(t, err, "place 15")
	_, err = learnedopt.Compile[float32](new(plastic.Formula), params.Layout{{Name: "w", Shape: []int{2, 2}}})
	require.ErrorContains(t, err, `it reads pre, which the problem does not show for weights w[2 2]`)
}
