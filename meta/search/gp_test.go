package search_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta/search"
	"github.com/seed1498fded/unroll/meta/search/searchtest"
	"github.com/seed1498fded/unroll/params"
)

func encoded(t *testing.T, text string) []float64 {
	t.Helper()
	phi, err := search.EncodeFormula(text)
	require.NoError(t, err)
	return params.Convert[float64](phi)
}

// unlike returns a loss that is 0 for a genome of the rule that a formula is: the mean square of the difference of their steps for
// synapses that feel things at random.
func unlike(t *testing.T, text string) func(x []float64) float64 {
	theta := params.Layout{{Name: "w", Shape: []int{4, 5}}}
	var senses params.Layout
	for _, s := range []params.Sense{params.Pre, params.Post, params.Potential, params.Mod, params.Target} {
		senses = append(senses, params.Spec{Name: s.Of("w"), Shape: []int{1, map[params.Sense]int{params.Pre: 4}[s] + 5}})
	}
	senses[0].Shape[1] = 4
	step := func(genome []float64) []float32 {
		r, phi, err := search.DecodeFormula(params.Convert[float32](genome))
		require.NoError(t, err)
		c, err := learnedopt.CompileWith[float32](r, theta, learnedopt.Options{Workers: 1, Senses: senses})
		require.NoError(t, err)
		p := learnedopt.Point[float32]{Phi: phi, Theta: make([]float32, theta.Len()), Senses: make([]float32, senses.Len())}
		rng.Normal(p.Theta, 1, 1)
		rng.Normal(p.Senses, 2, 1)
		s := make([]float32, theta.Len())
		require.NoError(t, c.Step(s, nil, p))
		return s
	}
	want := step(encoded(t, text))
	cache := make(map[[62]float64]float64)
	return func(x []float64) float64 {
		if loss, ok := cache[[62]float64(x)]; ok {
			return loss
		}
		sum := 0.0
		for i, v := range step(x) {
			d := float64(v - want[i])
			sum += d * d / float64(len(want))
		}
		cache[[62]float64(x)] = sum
		return sum
	}
}

func TestGP(t *testing.T) {
	for name, s := range map[string]searchtest.Subject{
		"Defaults": {Method: search.GP{Population: 60}, Start: encoded(t, "pre*0.5")},
		"Finds": {
			Method: search.GP{Population: 150, Variables: []string{"pre", "post", "target"}, Nodes: 15, Elite: 1}, Start: encoded(t, "0"),
			Loss: unlike(t, "pre*(target - post)"), Within: 6000, Below: 1e-12,
		},
	} {
		t.Run(name, func(t *testing.T) { searchtest.Run(t, s) })
	}
}

// Law: a candidate is a formula of the grammar that goes through float32 as it is, and its rule is its formula.
func TestGPCandidates(t *testing.T) {
	c := search.GP{Population: 100, Nodes: 9, Variables: []string{"pre", "reward"}, Functions: []string{"*", "tanh", "/"}}
	s, err := c.New(make([]float64, search.FormulaLayout().Len()), 1)
	require.NoError(t, err)
	x, _ := s.Best()
	require.Equal(t, encoded(t, "0"), x, "a search from nowhere stands at the formula 0")
	require.Equal(t, encoded(t, "0"), s.Current())
	texts := make(map[string]bool)
	for range 10 {
		var losses []float64
		for i, x := range s.Ask() {
			if s.Generation() == 0 && i == 0 {
				require.Equal(t, encoded(t, "0"), x)
			}
			phi := params.Convert[float32](x)
			require.Equal(t, x, params.Convert[float64](phi))
			r, numbers, err := search.DecodeFormula(phi)
			require.NoError(t, err)
			require.Equal(t, r.Spec().Phi.Len(), len(numbers))
			require.Zero(t, r.Spec().Reads&^(learnedopt.Pre|learnedopt.Reward))
			require.NotContains(t, r.Formula, " + ")
			again, err := search.EncodeFormula(r.Formula)
			require.NoError(t, err)
			require.Equal(t, phi, again)
			texts[r.Formula] = true
			losses = append(losses, math.Abs(float64(len(r.Formula)-12)))
		}
		require.NoError(t, s.Tell(losses))
	}
	require.Greater(t, len(texts), 150)
}

// Of formulas of one loss the shortest wins.
func TestGPPrefersShortFormulas(t *testing.T) {
	s, err := search.GP{Population: 50}.New(encoded(t, "pre*(mod + weight*potential)"), 1)
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, s.Tell(make([]float64, len(s.Ask()))))
	}
	r, _, err := search.DecodeFormula(params.Convert[float32](s.Current()))
	require.NoError(t, err)
	require.NotContains(t, r.Formula, " ")
}

// With parsimony a longer formula must be better by as much as its nodes count.
func TestGPParsimony(t *testing.T) {
	for parsimony, want := range map[float64]string{0.1: "pre*mod", 0.3: "0"} {
		elite, err := search.GP{Population: 3, Elite: 2, Parsimony: parsimony}.New(encoded(t, "pre*mod"), 1)
		require.NoError(t, err)
		f := &checkpoints.File{}
		require.NoError(t, elite.Save(f, ""))
		f.Meta["generation"] = "1"
		for _, tensor := range f.Tensors {
			if tensor.Name == "last" {
				copy(tensor.F64, slices.Concat(encoded(t, "pre*mod"), encoded(t, "0"), encoded(t, "weight")))
			}
		}
		require.NoError(t, elite.Load(f, ""))
		require.NoError(t, elite.Tell([]float64{0.5, 1, 9})) // of pre*mod, 3 nodes, of 0, and of something else
		r, _, err := search.DecodeFormula(params.Convert[float32](elite.Current()))
		require.NoError(t, err)
		require.Equal(t, want, r.Formula)
	}
}

func TestGPErrors(t *testing.T) {
	zero := make([]float64, search.FormulaLayout().Len())
	for want, c := range map[string]search.GP{
		`search: gp: population is -1; want 2 or more`:                                                     {Population: -1, Elite: -1},
		`search: gp: elite is 7; want 0 or more, and less than population, 5`:                              {Population: 5, Elite: 7},
		`search: gp: parsimony is -1; want 0 or more`:                                                      {Parsimony: -1},
		`search: gp: nodes is 32; want 1 to 31`:                                                            {Nodes: 32},
		`search: gp: mutation is 2; want above 0, and at most 1`:                                           {Mutation: 2},
		`search: gp: variables: unknown "prey"; want of pre, post, potential, weight, mod, target, reward`: {Variables: []string{"pre", "prey"}},
		`search: gp: variables: unknown "+"; want of pre, post, potential, weight, mod, target, reward`:    {Variables: []string{"+"}},
		`search: gp: functions: unknown "sin"; want of +, -, *, /, neg, tanh, abs`:                         {Functions: []string{"sin"}},
	} {
		_, err := c.New(zero, 1)
		require.ErrorContains(t, err, want)
	}
	_, err := search.GP{}.New(zero[:5], 1)
	require.EqualError(t, err, "search: gp: start: a formula's genome of 5 numbers; want 62")
	_, err = search.GP{}.New(slices.Repeat([]float64{3}, 62), 1)
	require.ErrorContains(t, err, "search: gp: start: node 0 of a formula's genome")
	_, err = search.GP{Nodes: 3}.New(encoded(t, "pre*(mod + 1)"), 1)
	require.EqualError(t, err, "search: gp: a start of 5 nodes; want at most 3")
	_, _, err = search.DecodeFormula(make([]float32, 62))
	require.EqualError(t, err, "search: phi is no formula: node 0 of a formula's genome: no kind has the number 0")
	_, err = search.EncodeFormula("pre +")
	require.EqualError(t, err, "search: place 6 of the formula: found the end; want a number, a variable, a function or a bracket")
	_, err = search.EncodeFormula("pre" + string(slices.Repeat([]byte("*pre"), 16)))
	require.EqualError(t, err, "search: a formula of 33 nodes; want at most 31")
}
