package ruletest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// everySense is all that a problem can show.
var everySense = []params.Sense{params.Pre, params.Potential, params.Post, params.Mod, params.Target, params.Reward}

// neurons returns how many neurons there are before and behind some weights.
func neurons(w params.Spec) (pre, post int) {
	if len(w.Shape) == 2 {
		return w.Shape[0], w.Shape[1]
	}
	return 1, w.Shape[0]
}

// senses lays out all that the synapses of some weights can feel of so many examples.
func senses(theta params.Layout, examples int) params.Layout {
	l := params.Layout{{Name: string(params.Reward), Shape: []int{1}}}
	for _, w := range theta {
		for _, s := range everySense[:5] {
			pre, post := neurons(w)
			if s == params.Pre {
				post = pre
			}
			l = append(l, params.Spec{Name: s.Of(w.Name), Shape: []int{examples, post}})
		}
	}
	return l
}

// feeling draws what the synapses of all runs feel. What comes before a bias is 1.
func feeling[F params.Float](c *learnedopt.Compiled[F], key uint64) []F {
	l := c.Senses()
	v := make([]F, c.Copies()*l.Len())
	if len(l) == 0 {
		return v
	}
	for i := range v {
		v[i] = F(float32(rng.New(rng.Split(key, uint64(i))).NormFloat64())) // the same for any number of runs
	}
	for run := range c.Copies() {
		for _, w := range c.Theta() {
			if len(w.Shape) == 1 {
				ones(params.Slice(l, v[run*l.Len():(run+1)*l.Len()], params.Pre.Of(w.Name)))
			}
		}
	}
	return v
}

func ones[F params.Float](v []F) {
	for i := range v {
		v[i] = 1
	}
}

// felt returns what some tensors of a run feel, as if they were all.
func felt[F params.Float](c *learnedopt.Compiled[F], all []F, run int, tensors params.Layout) []F {
	l := c.Senses()
	if len(l) == 0 {
		return nil
	}
	of := all[run*l.Len() : (run+1)*l.Len()]
	var v []F
	for _, s := range senses(tensors, 1) {
		v = append(v, params.Slice(l, of, s.Name)...)
	}
	return v
}

// spoil sets a number of every sense of a run's tensor to x.
func spoil[F params.Float](c *learnedopt.Compiled[F], all []F, run int, tensor string, x F) {
	l := c.Senses()
	for _, s := range l {
		if strings.HasSuffix(s.Name, "."+tensor) {
			params.Slice(l, all[run*l.Len():(run+1)*l.Len()], s.Name)[0] = x
		}
	}
}

// unread holds the cotangents of senses that a rule does not read to zero.
func unread(t *testing.T, c *learnedopt.Compiled[float32], d []float32) {
	t.Helper()
	for _, s := range c.Senses() {
		name, _, _ := strings.Cut(s.Name, ".")
		if !slices.Contains(c.Reads().Senses(), params.Sense(name)) {
			require.Equal(t, make([]float32, s.Len()), params.Slice(c.Senses(), d, s.Name), "d %s", s.Name)
		}
	}
}

// A step on several examples is the sum of what each would do by itself.
func examples(t *testing.T, r subject) {
	if r.Spec().Reads&learnedopt.Pre == 0 {
		return
	}
	const n = 4
	theta := r.weights(30)
	bind := func(examples int) *learnedopt.Compiled[float64] {
		c, err := learnedopt.CompileWith[float64](r.rule, theta, learnedopt.Options{Senses: senses(theta, examples)})
		require.NoError(t, err)
		return c
	}
	many, one := bind(n), bind(1)
	p := point(t, many, r, 1)
	sum := make([]float64, many.Coordinates())
	for i := range n {
		q := p
		q.Senses = nil
		for _, s := range many.Senses() {
			v := params.Slice(many.Senses(), p.Senses, s.Name)
			if len(s.Shape) == 2 {
				v = v[i*s.Shape[1] : (i+1)*s.Shape[1]]
			}
			q.Senses = append(q.Senses, v...)
		}
		for j, d := range step(t, one, q).step {
			sum[j] += d
		}
	}
	require.InDeltaSlice(t, sum, step(t, many, p).step, 1e-12)
}

// Weights have any shape, also that of one neuron, and a step is taken on any number of examples, also on one: pullbacks are
// right, and the rule in use does what its expression says.
func shapes(t *testing.T, r subject) {
	layouts := []params.Layout{r.weights(1), r.weights(4)}
	if r.Weights == nil {
		layouts = nil
		for _, shape := range [][]int{{1, 1}, {3, 1}, {1, 3}, {2, 3}, {1}, {4}} {
			layouts = append(layouts, params.Layout{{Name: "w", Shape: shape}})
		}
	}
	for _, theta := range layouts {
		for _, n := range []int{1, 2} {
			t.Run(fmt.Sprint(theta, n), func(t *testing.T) {
				o := learnedopt.Options{Senses: senses(theta, n)}
				double, err := learnedopt.CompileWith[float64](r.rule, theta, o)
				require.NoError(t, err)
				differentiates(t, double, r)
				used, err := learnedopt.CompileWith[float32](r.rule, theta, o)
				require.NoError(t, err)
				o.Reference = true
				single, err := learnedopt.CompileWith[float32](r.rule, theta, o)
				require.NoError(t, err)
				e := NewEpisode(used, r.rule, 3)
				got := Live(t, used, e)
				Live(t, single, e).Agree(t, got, 1e-5)
				Live(t, double, NewEpisode(double, r.rule, 3)).Agree(t, got, 1e-5)
			})
		}
	}
}

// A rule that reads senses says what is missing where there are none, in one line.
func noSenses(t *testing.T, r subject) {
	_, err := learnedopt.Compile[float32](r.rule, r.weights(30))
	require.ErrorContains(t, err, fmt.Sprintf("learnedopt: %s: it reads ", r.rule.Name()))
	require.NotContains(t, err.Error(), "\n")
}

// Permuting the neurons, before and behind, permutes the step: all synapses have the same rule. Layers as wide as each other
// are permuted alike, so that a neuron's bias goes with it.
func synapses(t *testing.T, r subject) {
	theta := r.weights(60)
	c := compile[float32](t, r, theta, 1)
	p := point(t, c, r, 1)
	perms := make(map[int][]int)
	perm := func(before bool, n int) []int {
		key := n
		if before {
			key = -n
		}
		if perms[key] == nil {
			perms[key] = rng.New(uint64(n)).Perm(n)
			if before {
				slices.Reverse(perms[key])
			}
		}
		return perms[key]
	}
	weights := func(v []float32) []float32 {
		var out []float32
		for k, part := range params.Split(theta, v) {
			pre, post := neurons(theta[k])
			out = append(out, permuteMatrix(part, perm(true, pre), perm(false, post))...)
		}
		return out
	}
	q := p
	q.Theta, q.Grad, q.Senses = weights(p.Theta), weights(p.Grad), nil
	for k, part := range params.Split(c.Senses(), p.Senses) {
		s := c.Senses()[k]
		if len(s.Shape) == 2 {
			rows := span(0, s.Shape[0])
			part = permuteMatrix(part, rows, perm(strings.HasPrefix(s.Name, string(params.Pre)+"."), s.Shape[1]))
		}
		q.Senses = append(q.Senses, part...)
	}
	q.State = permuteStates(c, p.State, weights)
	a, b := step(t, c, p), step(t, c, q)
	close(t, weights(a.step), b.step)
	close(t, permuteStates(c, a.next, weights), b.next)
	require.False(t, slices.ContainsFunc(a.step, func(x float32) bool { return math.IsNaN(float64(x)) }))
}

// permuteStates applies a permutation of weights to the state's rows of one number a coordinate.
func permuteStates(c *learnedopt.Compiled[float32], state []float32, weights func([]float32) []float32) []float32 {
	out := slices.Clone(state)
	n := c.Coordinates()
	for k, row := range c.Spec().State.PerCoordinate {
		if row.Len() == 1 {
			at := c.StateLayout().Rows[k]
			copy(out[at:], weights(state[at:at+n]))
		}
	}
	return out
}

// permuteMatrix puts row rows[i] and column cols[j] in place i, j.
func permuteMatrix(v []float32, rows, cols []int) []float32 {
	out := make([]float32, len(v))
	for i, from := range rows {
		for j, col := range cols {
			out[i*len(cols)+j] = v[from*len(cols)+col]
		}
	}
	return out
}
