package ruletest

import (
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
)

// A step depends on its inputs alone, changes none of them, and may write the next state over the old one.
func inputs(t *testing.T, r subject) {
	c := compile[float32](t, r, r.weights(300), 1)
	p := point(t, c, r, 1)
	before := p
	before.Phi, before.State, before.Grad = slices.Clone(p.Phi), slices.Clone(p.State), slices.Clone(p.Grad)
	before.Theta, before.Loss, before.Senses = slices.Clone(p.Theta), slices.Clone(p.Loss), slices.Clone(p.Senses)
	first := step(t, c, p)
	require.Equal(t, before, p)
	over := make([]float32, c.Coordinates())
	require.NoError(t, c.Step(over, p.State, p))
	require.Equal(t, first, result[float32]{over, p.State})
}

// Weights that never had a gradient, and synapses that feel nothing, stay finite, and so does everything that is differentiated through them.
func zeroGradient(t *testing.T, r subject) {
	c := compile[float64](t, r, r.weights(3), 1)
	p := point(t, c, r, 1)
	require.NoError(t, c.Start(p.State, p.Phi))
	p.Step = 0
	clear(p.Grad)
	p.Grad[len(p.Grad)/2] = 1
	clear(p.Senses)
	for range 3 {
		s := step(t, c, p)
		finite(t, "step", s.step)
		finite(t, "state", s.next)
		d := cotangents(c, 1)
		require.NoError(t, c.Pullback(d, p))
		finite(t, "cotangent of phi", d.Phi)
		finite(t, "cotangent of the state", d.State)
		finite(t, "cotangent of the gradient", d.Grad)
		finite(t, "cotangent of the loss", d.Loss)
		finite(t, "cotangent of the senses", d.Senses)
		copy(p.State, s.next)
		p.Step++
	}
}

// float32 and float64 run the same rule.
func precisions(t *testing.T, r subject) {
	c32, c64 := compile[float32](t, r, r.weights(40), 1), compile[float64](t, r, r.weights(40), 1)
	s32, s64 := step(t, c32, point(t, c32, r, 1)), step(t, c64, point(t, c64, r, 1))
	for i, want := range s64.step {
		require.InDelta(t, want, float64(s32.step[i]), 1e-4*(1+math.Abs(want)))
	}
}

// The bits do not depend on the number of goroutines, whether it is asked for or that of the processors.
func goroutines(t *testing.T, r subject) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	type all struct{ step, next, dPhi, dState, dGrad, dSenses []float32 }
	var first all
	for i, workers := range []int{1, 2, 5, 0} {
		runtime.GOMAXPROCS(3)
		c := compileWith[float32](t, r, r.weights(2000), learnedopt.Options{Workers: workers})
		p := point(t, c, r, 1)
		s := step(t, c, p)
		d := cotangents(c, 2)
		require.NoError(t, c.Pullback(d, p))
		got := all{s.step, s.next, d.Phi, d.State, d.Grad, d.Senses}
		if i == 0 {
			first = got
		}
		same := slices.Equal(first.step, got.step) && slices.Equal(first.next, got.next) &&
			slices.Equal(first.dPhi, got.dPhi) && slices.Equal(first.dState, got.dState) && slices.Equal(first.dGrad, got.dGrad) &&
			slices.Equal(first.dSenses, got.dSenses)
		require.True(t, same, "%d workers", workers)
	}
}

// The pullback is the transpose of the step's derivative: along a random direction, both give the same number.
func pullback(t *testing.T, r subject) {
	differentiates(t, compile[float64](t, r, r.weights(300), 1), r) // more than a block
}

func differentiates(t *testing.T, c *learnedopt.Compiled[float64], r subject) {
	t.Helper()
	p := point(t, c, r, 1)
	d := cotangents(c, 2)
	require.NoError(t, c.Pullback(d, p))
	value := func() float64 {
		s := step(t, c, p)
		return dot(s.step, d.Step) + dot(s.next, d.Next)
	}
	along(t, "phi", p.Phi, d.Phi, nil, value)
	along(t, "state", p.State, d.State, p.State, value) // in its own size: averages of squares stay positive
	along(t, "gradient", p.Grad, d.Grad, nil, value)
	along(t, "theta", p.Theta, d.Theta, nil, value)
	along(t, "loss", p.Loss, d.Loss, nil, value)
	along(t, "senses", p.Senses, d.Senses, nil, value)
}

// along compares the derivative of a value of x in a random direction, each element scaled if size is given, with central
// differences.
func along(t *testing.T, name string, x, grad, size []float64, value func() float64) {
	t.Helper()
	v := make([]float64, len(x))
	rng.Normal(v, 7, 1)
	for i := range size {
		v[i] *= size[i]
	}
	want := dot(v, grad)
	const eps = 1e-6
	from := slices.Clone(x)
	at := func(eps float64) float64 {
		for i := range x {
			x[i] = from[i] + eps*v[i]
		}
		f := value()
		copy(x, from)
		return f
	}
	got := (at(eps) - at(-eps)) / (2 * eps)
	require.InDelta(t, got, want, 1e-6*(1+math.Abs(want)), name)
}

// The state at the start of a run follows from phi, and is differentiated right.
func start(t *testing.T, r subject) {
	c := compile[float64](t, r, r.weights(300), 2)
	_, learned := r.rule.(learnedopt.InitialState)
	require.Equal(t, learned, c.Starts())
	phi := point(t, c, r, 1).Phi
	state, weight := make([]float64, c.State().Len()), make([]float64, c.State().Len())
	rng.Normal(state, 3, 1) // to be overwritten
	require.NoError(t, c.Start(state, phi))
	if !learned {
		require.Equal(t, make([]float64, len(state)), state)
	}
	rng.Normal(weight, 4, 1)
	dPhi := make([]float64, len(phi))
	require.NoError(t, c.StartPullback(dPhi, weight, phi))
	along(t, "phi", phi, dPhi, nil, func() float64 {
		require.NoError(t, c.Start(state, phi))
		return dot(state, weight)
	})
}
