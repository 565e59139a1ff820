package formula_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/formula"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// all is the grammar of everything.
var all = formula.Grammar{Variables: formula.Variables(), Functions: formula.Functions(), Size: formula.MaxNodes}

// values are some of the variables'.
func values(k formula.Kind) float64 { return []float64{.5, -1.25, 2, .75, -3, 1.5, .25}[k-formula.Pre] }

// drawn calls f with many formulas, random and changed.
func drawn(f func(r *rng.Stream, n *formula.Node)) {
	r := rng.New(1)
	other := all.Random(r, all.Size)
	for range 3000 {
		n := all.Random(r, all.Size)
		f(r, n)
		n = all.Mutate(r, all.Cross(r, n, other))
		f(r, n)
		other = n
	}
}

func parse(t *testing.T, text string) *formula.Node {
	t.Helper()
	n, err := formula.Parse(text)
	require.NoError(t, err, text)
	return n
}

// Law: a text read back is the same tree, numbers to the bit.
func TestTextComesBack(t *testing.T) {
	drawn(func(_ *rng.Stream, n *formula.Node) {
		got := parse(t, n.String())
		require.True(t, n.Equal(got), "%s came back as %s", n, got)
		require.Equal(t, n.String(), got.String())
	})
	for _, v := range []float32{0, float32(math.Copysign(0, -1)), 1e-45, -math.MaxFloat32, 1.0 / 3, 1e20, 123456789} {
		x := formula.Number(v)
		minus := formula.New(formula.Neg, x)
		for _, n := range []*formula.Node{x, minus, formula.New(formula.Sub, x, x), formula.New(formula.Mul, x, minus)} {
			require.True(t, n.Equal(parse(t, n.String())), n.String())
		}
	}
}

// No more brackets than needed, and the value that the usual precedence gives: pre is 1/2, post −5/4, weight 3/4.
func TestPrecedence(t *testing.T) {
	for text, want := range map[string]float64{
		"pre*(target - post)": .5 * (1.5 + 1.25), "pre - post - weight": .5 + 1.25 - .75, "pre - (post - weight)": .5 + 1.25 + .75,
		"pre + post*weight": .5 - 1.25*.75, "pre/post/weight": .5 / -1.25 / .75, "pre/(post/weight)": .5 / (-1.25 / .75),
		"-pre*post": .5 * 1.25, "-(pre + post)": .75, "2 - -3": 5, "-2*pre": -1, "-(2)": -2, "--pre": .5, "pre*-post": .625,
		"tanh(pre - 0.5)": 0, "abs(post)": 1.25, "-1e-05 + 1e+20": 1e20, "mod*reward": -.75, "potential": 2,
	} {
		n := parse(t, text)
		require.Equal(t, text, n.String())
		require.InEpsilon(t, 1+math.Abs(want), 1+math.Abs(n.Eval(values)), 1e-6, text)
		require.Equal(t, math.Signbit(want), math.Signbit(n.Eval(values)), text)
	}
	require.Equal(t, "pre*(target - post)", parse(t, "\t( pre * ((target-post)) )\n").String())
}

// An error tells where, and what is wanted.
func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":            `place 1 of the formula: found the end; want a number, a variable, a function or a bracket`,
		"pre*":        `place 5 of the formula: found the end; want a number, a variable, a function or a bracket`,
		"pre post":    `place 5 of the formula: found "post"; want an operator or the end`,
		"pre*prey":    `place 5 of the formula: found "prey"; want one of pre, post, potential, weight, mod, target, reward, tanh, abs`,
		"(pre":        `place 5 of the formula: found the end; want ")" or an operator`,
		"tanh pre":    `place 6 of the formula: found "pre"; want "("`,
		"1e99*pre":    `place 1 of the formula: found "1e99*pre"; want a number that a float32 can hold`,
		"pre + 1.2.3": `place 7 of the formula: found "1.2.3"; want a number that a float32 can hold`,
		"pre + é":     `place 7 of the formula: found "é"; want a number, a variable, a function or a bracket`,
		"pre)":        `place 4 of the formula: found ")"; want an operator or the end`,
		"Inf":         `place 1 of the formula: found "Inf"; want one of pre, post, potential, weight, mod, target, reward, tanh, abs`,
	} {
		_, err := formula.Parse(text)
		require.EqualError(t, err, want, text)
	}
	_, err := formula.Parse(string(make([]byte, formula.MaxText+1)))
	require.EqualError(t, err, "a formula of 4097 bytes; want at most 4096")
}

// FuzzParse: whatever is read comes back from its own text.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"pre*(target - post)", "-(-2)--pre/.5e3", "tanh(abs(mod))", "((", "1e"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := formula.Parse(text)
		if err != nil {
			require.Less(t, len(err.Error()), 250)
			return
		}
		if again := n.String(); len(again) <= formula.MaxText {
			require.True(t, n.Equal(parse(t, again)), again)
		}
	})
}

// Law: a formula comes back from its genome, in float64 and through float32, and no other genome is read.
func TestGenomeComesBack(t *testing.T) {
	require.Equal(t, 2*formula.MaxNodes, formula.Layout().Len())
	genome := make([]float64, 2*formula.MaxNodes)
	drawn(func(r *rng.Stream, n *formula.Node) {
		formula.Encode(genome, n)
		got, err := formula.Decode(genome)
		require.NoError(t, err)
		require.True(t, n.Equal(got))
		single := params.Convert[float32](genome)
		got, err = formula.Decode(single)
		require.NoError(t, err)
		require.True(t, n.Equal(got))
		require.Equal(t, genome, params.Convert[float64](single))

		i := r.IntN(2 * n.Size()) // a broken one is an error, or another formula
		genome[i] += []float64{0.5, -300, math.NaN(), math.Inf(1), 1e30, 1e-300, 7}[r.IntN(7)]
		if got, err := formula.Decode(genome); err == nil {
			again := make([]float64, len(genome))
			formula.Encode(again, got)
			require.Equal(t, genome, again)
		}
	})
	begins := func(numbers ...float32) []float32 { return append(numbers, make([]float32, 62-len(numbers))...) }
	for _, c := range []struct {
		genome []float32
		want   string
	}{
		{make([]float32, 3), "a formula's genome of 3 numbers; want 62"},
		{begins(), "node 0 of a formula's genome: no kind has the number 0"},
		{begins(float32(formula.Add), 0), "node 1 of a formula's genome: no kind has the number 0"},
		{begins(1, 2, 1, 2), "node 1 of a formula's genome: more follows after the formula"},
		{begins(16, 2), "node 0 of a formula's genome: a value of 2; want a finite float32 for a number, and 0 for all else"},
	} {
		_, err := formula.Decode(c.genome)
		require.EqualError(t, err, c.want)
	}
	endless := make([]float32, 62)
	for i := range endless {
		endless[i] = float32(formula.Neg) * float32(1-i%2)
	}
	_, err := formula.Decode(endless)
	require.EqualError(t, err, "a formula's genome ends within the formula")
	require.Panics(t, func() { formula.Encode(endless[:3], formula.Number(1)) })
}

// Law: what is drawn keeps to the grammar and its size, and differs from draw to draw; arguments are as many as there should be.
func TestGrammar(t *testing.T) {
	g := formula.Grammar{Variables: []formula.Kind{formula.Pre, formula.Mod}, Functions: []formula.Kind{formula.Add, formula.Tanh}, Size: 12}
	r := rng.New(2)
	texts, sizes := make(map[string]bool), make(map[int]int)
	a, b := g.Random(r, 12), g.Random(r, 12)
	for range 2000 {
		fresh := g.Random(r, 12)
		sizes[fresh.Size()]++
		for _, n := range []*formula.Node{fresh, g.Cross(r, a, b), g.Mutate(r, a)} {
			require.LessOrEqual(t, n.Size(), 12)
			texts[n.String()] = true
			for _, x := range n.All() {
				require.Len(t, x.Args, x.Kind.Arity())
				require.Contains(t, []formula.Kind{formula.Const, formula.Pre, formula.Mod, formula.Add, formula.Tanh}, x.Kind)
			}
			a, b = b, n
		}
	}
	require.Greater(t, len(texts), 1000)
	require.Greater(t, sizes[1], 100)
	require.Greater(t, sizes[11]+sizes[12], 50)
}

// Crossing takes all nodes from the parents, and changing does not touch the parent.
func TestCrossing(t *testing.T) {
	r := rng.New(3)
	a, b := parse(t, "pre*(target - post)"), parse(t, "tanh(mod) + 3")
	text, seen, changed := a.String(), make(map[string]bool), make(map[string]bool)
	for range 500 {
		seen[all.Cross(r, a, b).String()] = true
		changed[all.Mutate(r, a).String()] = true
		require.Equal(t, text, a.String())
	}
	for _, want := range []string{"target - post", "pre/(target - post)", "mod*(target - post)"} { // a part, a point, a leaf
		require.True(t, changed[want], want)
	}
	for _, want := range []string{"tanh(mod) + 3", "pre*tanh(mod)", "3*(target - post)", "pre*(target - (tanh(mod) + 3))", "pre*(mod - post)"} {
		require.True(t, seen[want], want)
	}
	require.Len(t, seen, 20) // 5 places, 4 parts
}

// Law: a simpler formula has the value of the formula wherever that is finite, and is no longer.
func TestSimplify(t *testing.T) {
	for text, want := range map[string]string{
		"pre*1 + 0": "pre", "pre - pre": "0", "--pre": "pre", "0*post + (2 + 3)*pre": "5*pre", "-(pre - post)": "post - pre",
		"pre/1": "pre", "pre + -post": "pre - post", "abs(-pre)": "abs(pre)", "-1*pre": "-pre", "-pre*-post": "pre*post",
		"1/0": "1/0", "pre - -post": "pre + post", "0 - pre": "-pre", "tanh(0)*pre": "0", "-pre + post": "post - pre",
	} {
		require.Equal(t, want, parse(t, text).Simplify().String(), text)
	}
	drawn(func(_ *rng.Stream, n *formula.Node) {
		s := n.Simplify()
		require.LessOrEqual(t, s.Size(), n.Size())
		want := n.Eval(values)
		if math.IsNaN(want) || math.IsInf(want, 0) {
			return
		}
		// Numbers are rounded on the way, which a quotient of differences may magnify.
		if got := s.Eval(values); math.Abs(got-want) > 1e-4*(1+math.Abs(want)) {
			require.True(t, n.Reads(formula.Div) || math.Abs(want) > 1e3, "%s is %v, and %s is %v", n, want, s, got)
		}
	})
}

// Genetic programming's drawing follows from the stream.
func TestDrawingFollowsFromTheKey(t *testing.T) {
	var first []string
	for i := range 2 {
		var texts []string
		drawn(func(_ *rng.Stream, n *formula.Node) { texts = append(texts, n.String()) })
		if i == 0 {
			first = texts
		}
		require.Equal(t, first, texts)
	}
}
