// Package ruletest holds the laws that every learnedopt.Rule obeys. A package that defines a rule runs them in one line:
//
//	func TestMyRule(t *testing.T) { ruletest.Run(t, func() learnedopt.Rule { return &MyRule{Width: 3} }) }
//
// Give it a rule whose fields are not at their defaults: what a configuration loses on its way through JSON then shows.
package ruletest

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// Options say what is special about a rule. The zero value is for rules that work on weights of any shape.
type Options struct {
	// Weights lays out some weights, about as many as n but at least one, for rules that need them in a shape of their own. By
	// default these are a matrix, a vector and a number, or one vector where shapes do not matter.
	Weights func(n int) params.Layout

	// Distributed says that a rule which reads senses tells one neuron from another, and so is not asked to move permuted
	// synapses as it would have moved them before. The rules of papers are local: all synapses have the same one.
	Distributed bool

	// Tolerance is by how much float32 may be off what float64 gives over an episode and back, relative to the size of each result.
	// 1e-5 if zero: rules that divide by roots of what may be tiny lose a digit.
	Tolerance float64
}

// A subject is a rule under test.
type subject struct {
	rule learnedopt.Rule
	Options
}

// Spec is that of the rule.
func (r subject) Spec() learnedopt.Spec { return r.rule.Spec() }

// feels reports whether the rule reads senses.
func (r subject) feels() bool { return len(r.Spec().Reads.Senses()) > 0 }

// Run checks the laws on the rules that a constructor makes. It must make the same at each call.
func Run(t *testing.T, make func() learnedopt.Rule) { RunWith(t, make, Options{}) }

// RunWith is Run for a rule that is special.
func RunWith(t *testing.T, make func() learnedopt.Rule, o Options) {
	r := subject{make(), o}
	t.Run("Layouts", func(t *testing.T) { layouts(t, r) })
	t.Run("Configuration", func(t *testing.T) { configuration(t, r, make()) })
	t.Run("Init", func(t *testing.T) { initialisation(t, r) })
	t.Run("Inputs", func(t *testing.T) { inputs(t, r) })
	t.Run("ZeroGradient", func(t *testing.T) { zeroGradient(t, r) })
	t.Run("Precisions", func(t *testing.T) { precisions(t, r) })
	t.Run("Goroutines", func(t *testing.T) { goroutines(t, r) })
	t.Run("Pullback", func(t *testing.T) { pullback(t, r) })
	t.Run("AddsToPhi", func(t *testing.T) { addsToPhi(t, r) })
	t.Run("Windows", func(t *testing.T) { windows(t, r) })
	t.Run("Start", func(t *testing.T) { start(t, r) })
	t.Run("Copies", func(t *testing.T) { copies(t, r) })
	t.Run("Isolation", func(t *testing.T) { isolation(t, r) })
	t.Run("Reference", func(t *testing.T) { reference(t, r) })
	if k, ok := r.rule.(rule.Kernels); ok {
		t.Run("Moves", func(t *testing.T) { moves(t, r) })
		t.Run("Embedded", func(t *testing.T) { embedded(t, k) })
		// Its expression, as if somebody else had written it: lowered.
		t.Run("ExpressionReference", func(t *testing.T) { reference(t, subject{bare{r.rule}, o}) })
		t.Run("ExpressionAllocations", func(t *testing.T) { allocations(t, subject{bare{r.rule}, o}) })
		t.Run("ExpressionGoroutines", func(t *testing.T) { goroutines(t, subject{bare{r.rule}, o}) })
	}
	t.Run("Allocations", func(t *testing.T) { allocations(t, r) })
	switch r.Spec().Scope {
	case learnedopt.Coordinates:
		t.Run("Permutation", func(t *testing.T) { permutation(t, r) })
		t.Run("Blocks", func(t *testing.T) { blocks(t, r) })
	case learnedopt.Tensor:
		t.Run("Tensors", func(t *testing.T) { tensors(t, r) })
	}
	if r.feels() {
		t.Run("Examples", func(t *testing.T) { examples(t, r) })
		t.Run("Shapes", func(t *testing.T) { shapes(t, r) })
		t.Run("NoSenses", func(t *testing.T) { noSenses(t, r) })
		if !o.Distributed {
			t.Run("Synapses", func(t *testing.T) { synapses(t, r) })
		}
	}
}

// weights lays out about n weights for a rule: one vector where shapes do not matter, else a matrix, a vector and a number.
func (r subject) weights(n int) params.Layout {
	if r.Weights != nil {
		return r.Weights(n)
	}
	if r.Spec().Scope == learnedopt.Coordinates || n < 4 {
		return params.Layout{{Name: "theta", Shape: []int{n}}}
	}
	rows := n / 3
	return params.Layout{
		{Name: "w", Shape: []int{rows, 2}}, {Name: "b", Shape: []int{n - 1 - 2*rows}}, {Name: "s", Shape: []int{1}},
	}
}

func compile[F params.Float](t *testing.T, r subject, theta params.Layout, copies int) *learnedopt.Compiled[F] {
	t.Helper()
	return compileWith[F](t, r, theta, learnedopt.Options{Copies: copies})
}

// compileWith binds a rule to weights whose synapses, if the rule reads what they feel, feel several examples at a time.
func compileWith[F params.Float](t *testing.T, r subject, theta params.Layout, o learnedopt.Options) *learnedopt.Compiled[F] {
	t.Helper()
	if r.feels() {
		o.Senses = senses(theta, 3)
	}
	c, err := learnedopt.CompileWith[F](r.rule, theta, o)
	require.NoError(t, err)
	return c
}

// point draws phi from the rule's own start and everything else at random, away from the places where a rule may have a
// kink: gradients of both signs between e^−4 and e^1 in size, states as they are after a few steps.
func point[F params.Float](t *testing.T, c *learnedopt.Compiled[F], r subject, key uint64) learnedopt.Point[F] {
	t.Helper()
	n := c.Coordinates()
	p := learnedopt.Point[F]{
		Phi:   params.Convert[F](learnedopt.Phi(r.rule, rng.Split(key, 0))),
		State: make([]F, c.State().Len()),
		Grad:  make([]F, n),
		Theta: make([]F, n),
		Loss:  make([]F, c.Copies()), Horizon: 40,
		Senses: feeling(c, rng.Split(key, 10)),
	}
	require.NoError(t, c.Start(p.State, p.Phi))
	rng.Normal(p.Theta, rng.Split(key, 1), 1)
	step := make([]F, n)
	for i := range uint64(4) {
		rng.Uniform(p.Loss, rng.Split(key, 30+i), 0.5, 2)
		gradient(p.Grad, rng.Split(key, 2+i))
		if i < 3 {
			require.NoError(t, c.Step(step, p.State, p))
			p.Step++
		}
	}
	return p
}

func gradient[F params.Float](dst []F, key uint64) {
	s := rng.New(key)
	for i := range dst {
		dst[i] = F(math.Copysign(math.Exp(5*s.Float64()-4), s.Float64()-0.5))
	}
}

// A result is what a step gives.
type result[F params.Float] struct{ step, next []F }

func step[F params.Float](t *testing.T, c *learnedopt.Compiled[F], p learnedopt.Point[F]) result[F] {
	t.Helper()
	r := result[F]{make([]F, c.Coordinates()), make([]F, c.State().Len())}
	require.NoError(t, c.Step(r.step, r.next, p))
	return r
}

// cotangents draws the cotangents of a step's results and makes room for the others.
func cotangents[F params.Float](c *learnedopt.Compiled[F], key uint64) learnedopt.Cotangents[F] {
	n, m := c.Coordinates(), c.State().Len()
	d := learnedopt.Cotangents[F]{
		Step: make([]F, n), Next: make([]F, m),
		Phi: make([]F, c.Phi().Len()), State: make([]F, m), Grad: make([]F, n), Theta: make([]F, n), Loss: make([]F, c.Copies()),
		Senses: make([]F, c.Copies()*c.Senses().Len()),
	}
	rng.Normal(d.Step, rng.Split(key, 0), 1)
	rng.Normal(d.Next, rng.Split(key, 1), 1)
	return d
}

func finite(t *testing.T, what string, v []float64) {
	t.Helper()
	for i, x := range v {
		require.False(t, math.IsNaN(x) || math.IsInf(x, 0), "%s [%d] = %v", what, i, x)
	}
}

// close allows for sums taken in another order, as a matrix product may at the edge of its tiles.
func close(t *testing.T, want, got []float32) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.InDelta(t, want[i], got[i], 1e-5*(1+math.Abs(float64(want[i]))), "element %d", i)
	}
}

func dot(x, y []float64) float64 {
	s := 0.0
	for i := range x {
		s += x[i] * y[i]
	}
	return s
}
