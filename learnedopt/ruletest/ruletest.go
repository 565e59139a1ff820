// Package ruletest holds the laws that every learnedopt.Rule obeys. A package that defines a rule runs them in one line:
//
//	func TestMyRule(t *testing.T) { ruletest.Run(t, new(MyRule)) }
package ruletest

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// Run checks the laws on rule r.
func Run(t *testing.T, r learnedopt.Rule) {
	t.Run("Layouts", func(t *testing.T) { layouts(t, r) })
	t.Run("Init", func(t *testing.T) { initialisation(t, r) })
	t.Run("Inputs", func(t *testing.T) { inputs(t, r) })
	t.Run("ZeroGradient", func(t *testing.T) { zeroGradient(t, r) })
	t.Run("Precisions", func(t *testing.T) { precisions(t, r) })
	t.Run("Goroutines", func(t *testing.T) { goroutines(t, r) })
	t.Run("Pullback", func(t *testing.T) { pullback(t, r) })
	if cw, ok := r.(learnedopt.Coordinatewise); ok {
		t.Run("Permutation", func(t *testing.T) { permutation(t, cw) })
		t.Run("Blocks", func(t *testing.T) { blocks(t, cw) })
		t.Run("Isolation", func(t *testing.T) { isolation(t, cw) })
	}
}

func vector(n int) params.Layout { return params.Layout{{Name: "theta", Shape: []int{n}}} }

func compile[F params.Float](t *testing.T, r learnedopt.Rule, n int) *learnedopt.Compiled[F] {
	t.Helper()
	c, err := learnedopt.Compile[F](r, vector(n))
	require.NoError(t, err)
	return c
}

// point draws phi from the rule's own start and everything else at random, away from the places where a rule may have a
// kink: gradients of both signs between e^−4 and e^1 in size, states as they are after a few steps.
func point[F params.Float](t *testing.T, c *learnedopt.Compiled[F], r learnedopt.Rule, key uint64) learnedopt.Point[F] {
	t.Helper()
	n := c.Coordinates()
	p := learnedopt.Point[F]{
		Phi:   params.Convert[F](learnedopt.Phi(r, rng.Split(key, 0))),
		State: make([]F, c.State().Len()),
		Grad:  make([]F, n),
		Theta: make([]F, n),
	}
	rng.Normal(p.Theta, rng.Split(key, 1), 1)
	step := make([]F, n)
	for i := range uint64(4) {
		gradient(p.Grad, rng.Split(key, 2+i))
		if i < 3 {
			require.NoError(t, c.Step(step, p.State, p))
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

func layouts(t *testing.T, r learnedopt.Rule) {
	require.NotEmpty(t, r.Name())
	require.NoError(t, r.Phi().Validate())
	for _, n := range []int{1, 7} {
		require.NoError(t, r.State(vector(n)).Validate())
	}
	config, err := json.Marshal(r)
	require.NoError(t, err)
	again := json.Unmarshal(config, r)
	require.NoError(t, again, "a rule's configuration survives JSON")
}

func initialisation(t *testing.T, r learnedopt.Rule) {
	phi := learnedopt.Phi(r, 1)
	require.Equal(t, phi, learnedopt.Phi(r, 1), "equal keys, equal numbers")
	for i, v := range phi {
		require.False(t, math.IsNaN(float64(v)) || math.IsInf(float64(v), 0), "phi[%d] = %v", i, v)
	}
}

// A step depends on its inputs alone, changes none of them, and may write the next state over the old one.
func inputs(t *testing.T, r learnedopt.Rule) {
	c := compile[float32](t, r, 300)
	p := point(t, c, r, 1)
	before := learnedopt.Point[float32]{
		Phi: slices.Clone(p.Phi), State: slices.Clone(p.State), Grad: slices.Clone(p.Grad), Theta: slices.Clone(p.Theta),
	}
	step, next := make([]float32, 300), make([]float32, len(p.State))
	require.NoError(t, c.Step(step, next, p))
	require.Equal(t, before, p)
	step2 := make([]float32, 300)
	require.NoError(t, c.Step(step2, p.State, p))
	require.Equal(t, step, step2)
	require.Equal(t, next, p.State)
}

// Weights that never had a gradient stay finite, and so does everything that is differentiated through them.
func zeroGradient(t *testing.T, r learnedopt.Rule) {
	c := compile[float64](t, r, 3)
	p := point(t, c, r, 1)
	clear(p.State)
	p.Grad[0], p.Grad[1], p.Grad[2] = 0, 1, 0
	step, next := make([]float64, 3), make([]float64, len(p.State))
	for range 3 {
		require.NoError(t, c.Step(step, next, p))
		finite(t, "step", step)
		finite(t, "state", next)
		d := cotangents(c, 1)
		require.NoError(t, c.Pullback(d, p))
		finite(t, "cotangent of phi", d.Phi)
		finite(t, "cotangent of the state", d.State)
		finite(t, "cotangent of the gradient", d.Grad)
		copy(p.State, next)
	}
}

func finite(t *testing.T, what string, v []float64) {
	t.Helper()
	for i, x := range v {
		require.False(t, math.IsNaN(x) || math.IsInf(x, 0), "%s [%d] = %v", what, i, x)
	}
}

// float32 and float64 run the same rule.
func precisions(t *testing.T, r learnedopt.Rule) {
	c32, c64 := compile[float32](t, r, 40), compile[float64](t, r, 40)
	p32, p64 := point(t, c32, r, 1), point(t, c64, r, 1)
	step32, step64 := make([]float32, 40), make([]float64, 40)
	require.NoError(t, c32.Step(step32, p32.State, p32))
	require.NoError(t, c64.Step(step64, p64.State, p64))
	for i := range step64 {
		require.InDelta(t, step64[i], float64(step32[i]), 1e-4*(1+math.Abs(step64[i])))
	}
}

// The bits do not depend on the number of goroutines.
func goroutines(t *testing.T, r learnedopt.Rule) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	type result struct{ step, next, dPhi, dState, dGrad []float32 }
	var first result
	for i, procs := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(procs)
		c := compile[float32](t, r, 2000)
		p := point(t, c, r, 1)
		got := result{step: make([]float32, 2000), next: make([]float32, len(p.State))}
		require.NoError(t, c.Step(got.step, got.next, p))
		d := cotangents(c, 2)
		require.NoError(t, c.Pullback(d, p))
		got.dPhi, got.dState, got.dGrad = d.Phi, d.State, d.Grad
		if i == 0 {
			first = got
		}
		same := slices.Equal(first.step, got.step) && slices.Equal(first.next, got.next) &&
			slices.Equal(first.dPhi, got.dPhi) && slices.Equal(first.dState, got.dState) && slices.Equal(first.dGrad, got.dGrad)
		require.True(t, same, "%d goroutines", procs)
	}
}

// cotangents draws the cotangents of a step's results and makes room for the others.
func cotangents[F params.Float](c *learnedopt.Compiled[F], key uint64) learnedopt.Cotangents[F] {
	n, m := c.Coordinates(), c.State().Len()
	d := learnedopt.Cotangents[F]{
		Step: make([]F, n), Next: make([]F, m),
		Phi: make([]F, c.Phi().Len()), State: make([]F, m), Grad: make([]F, n), Theta: make([]F, n),
	}
	rng.Normal(d.Step, rng.Split(key, 0), 1)
	rng.Normal(d.Next, rng.Split(key, 1), 1)
	at := 0
	for _, s := range c.State() {
		if s.Shape[0] != n { // a clock: its cotangent leads nowhere
			clear(d.Next[at : at+s.Len()])
		}
		at += s.Len()
	}
	return d
}

// The pullback is the transpose of the step's derivative: along a random direction, both give the same number.
func pullback(t *testing.T, r learnedopt.Rule) {
	const n = 300 // more than a block
	c := compile[float64](t, r, n)
	p := point(t, c, r, 1)
	d := cotangents(c, 2)
	require.NoError(t, c.Pullback(d, p))

	// Directions: each of phi, state, gradient and theta by itself.
	along := func(name string, x, grad []float64) {
		v := make([]float64, len(x))
		rng.Normal(v, 7, 1)
		if name == "state" {
			at := 0
			for _, s := range c.State() {
				if s.Shape[0] != n {
					clear(v[at : at+s.Len()])
				}
				at += s.Len()
			}
			for i := range v { // averages of squares stay positive
				v[i] *= p.State[i]
			}
		}
		var want float64
		for i := range v {
			want += v[i] * grad[i]
		}
		const eps = 1e-6
		at := slices.Clone(x)
		value := func(eps float64) float64 {
			for i := range x {
				x[i] = at[i] + eps*v[i]
			}
			step, next := make([]float64, n), make([]float64, len(p.State))
			require.NoError(t, c.Step(step, next, p))
			copy(x, at)
			return dot(step, d.Step) + dot(next, d.Next)
		}
		got := (value(eps) - value(-eps)) / (2 * eps)
		require.InDelta(t, got, want, 1e-6*(1+math.Abs(want)), name)
	}
	along("phi", p.Phi, d.Phi)
	along("state", p.State, d.State)
	along("gradient", p.Grad, d.Grad)
	along("theta", p.Theta, d.Theta)
}

func dot(x, y []float64) float64 {
	s := 0.0
	for i := range x {
		s += x[i] * y[i]
	}
	return s
}

// Permuting the coordinates permutes the step and the state.
func permutation(t *testing.T, r learnedopt.Coordinatewise) {
	const n = 600
	c := compile[float32](t, r, n)
	p := point(t, c, r, 1)
	perm := rng.New(3).Perm(n)
	q := learnedopt.Point[float32]{
		Phi: p.Phi, State: permute(c.State(), p.State, n, perm),
		Grad: permute(vector(n), p.Grad, n, perm), Theta: permute(vector(n), p.Theta, n, perm),
	}
	step, next := make([]float32, n), make([]float32, len(p.State))
	require.NoError(t, c.Step(step, next, p))
	stepQ, nextQ := make([]float32, n), make([]float32, len(p.State))
	require.NoError(t, c.Step(stepQ, nextQ, q))
	close(t, permute(vector(n), step, n, perm), stepQ)
	close(t, permute(c.State(), next, n, perm), nextQ)
}

// permute reorders the rows of the tensors that have one a coordinate.
func permute(l params.Layout, v []float32, n int, perm []int) []float32 {
	out := slices.Clone(v)
	parts, outs := params.Split(l, v), params.Split(l, out)
	for k, s := range l {
		if s.Shape[0] != n {
			continue
		}
		row := s.Len() / n
		for i, j := range perm {
			copy(outs[k][i*row:(i+1)*row], parts[k][j*row:(j+1)*row])
		}
	}
	return out
}

// close allows for sums taken in another order, as a matrix product may at the edge of its tiles.
func close(t *testing.T, want, got []float32) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.InDelta(t, want[i], got[i], 1e-5*(1+math.Abs(float64(want[i]))), "element %d", i)
	}
}

// A coordinate moves the same in company as alone.
func blocks(t *testing.T, r learnedopt.Coordinatewise) {
	for _, n := range []int{1, 2, 255, 256, 257, 1000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			many, one := compile[float32](t, r, n), compile[float32](t, r, 1)
			p := point(t, many, r, 1)
			step, next := make([]float32, n), make([]float32, len(p.State))
			require.NoError(t, many.Step(step, next, p))
			for _, i := range []int{0, n / 2, n - 1} {
				q := learnedopt.Point[float32]{Phi: p.Phi, Grad: p.Grad[i : i+1], Theta: p.Theta[i : i+1]}
				for k, part := range params.Split(many.State(), p.State) {
					if s := many.State()[k]; s.Shape[0] == n {
						row := s.Len() / n
						q.State = append(q.State, part[i*row:(i+1)*row]...)
					} else {
						q.State = append(q.State, part...)
					}
				}
				stepOne, nextOne := make([]float32, 1), make([]float32, len(q.State))
				require.NoError(t, one.Step(stepOne, nextOne, q))
				close(t, step[i:i+1], stepOne)
			}
		})
	}
}

// A coordinate whose gradient is not finite harms no other.
func isolation(t *testing.T, r learnedopt.Coordinatewise) {
	c := compile[float64](t, r, 40)
	p := point(t, c, r, 1)
	want, got, next := make([]float64, 40), make([]float64, 40), make([]float64, len(p.State))
	require.NoError(t, c.Step(want, next, p))
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		p.Grad[17] = bad
		require.NoError(t, c.Step(got, next, p))
		require.Equal(t, want[:17], got[:17])
		require.Equal(t, want[18:], got[18:])
	}
}
