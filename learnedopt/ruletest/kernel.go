package ruletest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// bare is a rule without its kernels.
type bare struct{ learnedopt.Rule }

// The float32 rule in use, whether it runs on kernels or as a graph lowered onto them, does what the expression says, in
// float32 and in float64: step by step, and back.
func reference(t *testing.T, r subject) {
	sizes := []int{1, 5, 32, 33, 300}
	if len(r.Spec().State.PerCoordinate) < 4 {
		sizes = append(sizes, 5000) // more than a block of what has little state
	}
	for _, n := range sizes {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			theta := r.weights(n)
			used := compileWith[float32](t, r, theta, learnedopt.Options{})
			single := compileWith[float32](t, r, theta, learnedopt.Options{Reference: true})
			double := compileWith[float64](t, r, theta, learnedopt.Options{Reference: true})
			require.False(t, single.HasWindow() || single.Moves() || double.HasWindow())

			const steps = 6
			e := NewEpisode(used, r.rule, steps)
			got := Live(t, used, e)
			tol := cmp.Or(r.Tolerance, 1e-5)
			if n > 1000 {
				tol = max(tol, 1e-4) // d(phi) is a sum of thousands of terms that cancel
			}
			Live(t, single, e).Agree(t, got, tol)
			Live(t, double, NewEpisode(double, r.rule, steps)).Agree(t, got, tol)
		})
	}
}

// A kernel that moves the weights itself moves them by the very steps.
func moves(t *testing.T, r subject) {
	for _, n := range []int{1, 1023, 1025, 70_000} {
		c := compile[float32](t, r, r.weights(n), 1)
		if !c.Moves() {
			return
		}
		p := point(t, c, r, 1)
		s := step(t, c, p)
		want := slices.Clone(p.Theta)
		for i, d := range s.step {
			want[i] += d
		}
		require.NoError(t, c.Move(p.Theta, p.State, p))
		require.True(t, slices.Equal(want, p.Theta), "weights of %d", n)
		require.True(t, slices.Equal(s.next, p.State), "state of %d", n)
	}
}

// A rule that embeds this one has an expression of its own, and gets no kernel by inheritance.
func embedded(t *testing.T, r rule.Kernels) {
	require.Nil(t, r.Kernel(other{}, rule.Binding{Theta: params.Layout{{Name: "theta", Shape: []int{8}}}, Copies: 1}, 1))
}

// other is a rule that is not the one under test.
type other struct{ learnedopt.Rule }

// Once they have run, a step and its pullback allocate nothing.
func allocations(t *testing.T, r subject) {
	c := compileWith[float32](t, r, r.weights(100), learnedopt.Options{Workers: 1})
	p, d, over := point(t, c, r, 1), cotangents(c, 1), make([]float32, c.Coordinates())
	require.Zero(t, testing.AllocsPerRun(5, func() { _ = c.Step(over, p.State, p) }), "a step")
	require.Zero(t, testing.AllocsPerRun(5, func() { _ = c.Pullback(d, p) }), "a pullback")
}
