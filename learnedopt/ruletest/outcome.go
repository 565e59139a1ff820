package ruletest

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// An Episode is some steps of a rule's life, of which it knows gradients of all sizes, zero among them, weights and losses;
// and the cotangents of its steps. The numbers are float32s, whatever the element type.
type Episode[F params.Float] struct {
	Phi   []F
	Theta []F
	Loss  [][]F // at each step, which falls and rises
	Grads [][]F
	DStep [][]F

	Senses [][]F // what each step feels
}

// NewEpisode draws an episode for a bound rule.
func NewEpisode[F params.Float](c *learnedopt.Compiled[F], r learnedopt.Rule, steps int) Episode[F] {
	n := c.Coordinates()
	e := Episode[F]{Phi: params.Convert[F](learnedopt.Phi(r, 1)), Theta: make([]F, n)}
	s := rng.New(7)
	for i := range e.Theta {
		e.Theta[i] = F(float32(s.NormFloat64()))
	}
	loss := make([]F, c.Copies()) // in the middle
	for i := range loss {
		loss[i] = F(float32(1 + s.Float64()))
	}
	for t := range steps {
		e.Loss = append(e.Loss, slices.Clone(loss))
		factor := 0.5 + rng.New(rng.Split(13, uint64(t))).Float64()
		for i := range loss {
			e.Loss[t][i] *= F(float32(factor))
		}
		grad, d := make([]F, n), make([]F, n)
		for i := range grad {
			grad[i] = F(float32(math.Copysign(math.Exp(14*s.Float64()-13), s.Float64()-0.5)))
			d[i] = F(float32(s.NormFloat64()))
		}
		grad[0] = 0
		e.Grads, e.DStep = append(e.Grads, grad), append(e.DStep, d)
		e.Senses = append(e.Senses, feeling(c, rng.Split(11, uint64(len(e.Senses)))))
	}
	return e
}

// An Outcome is everything that one way of living through an episode gives: the last step, the state after it, and the
// cotangents of phi, the state at the start, and the first gradient, weights and senses.
type Outcome struct{ Step, State, DPhi, DState, DGrad, DTheta, DSenses []float64 }

// Live goes forward from the start of a run and, step by step, back.
func Live[F params.Float](t testing.TB, c *learnedopt.Compiled[F], e Episode[F]) Outcome {
	t.Helper()
	state := make([]F, c.State().Len())
	require.NoError(t, c.Start(state, e.Phi))
	return live(t, c, e, state)
}

// live is Live from a state, which it overwrites.
func live[F params.Float](t testing.TB, c *learnedopt.Compiled[F], e Episode[F], state []F) (o Outcome) {
	t.Helper()
	n, m := c.Coordinates(), len(state)
	step := make([]F, n)
	point := func(t int, state []F) learnedopt.Point[F] {
		return learnedopt.Point[F]{Phi: e.Phi, State: state, Grad: e.Grads[t], Theta: e.Theta, Loss: e.Loss[t], Step: t, Horizon: len(e.Grads),
			Senses: e.Senses[t]}
	}
	var states [][]F
	for i := range e.Grads {
		states = append(states, append([]F(nil), state...))
		require.NoError(t, c.Step(step, state, point(i, state)))
	}
	o.Step, o.State = params.Convert[float64](step), params.Convert[float64](state)
	d := learnedopt.Cotangents[F]{Next: make([]F, m), Phi: make([]F, len(e.Phi)), Grad: make([]F, n), Theta: make([]F, n),
		Senses: make([]F, c.Copies()*c.Senses().Len())}
	d.State = d.Next
	for i := len(e.Grads) - 1; i >= 0; i-- {
		d.Step = e.DStep[i]
		require.NoError(t, c.Pullback(d, point(i, states[i])))
	}
	o.DPhi, o.DState, o.DGrad = params.Convert[float64](d.Phi), params.Convert[float64](d.State), params.Convert[float64](d.Grad)
	o.DTheta, o.DSenses = params.Convert[float64](d.Theta), params.Convert[float64](d.Senses)
	return o
}

// Agree compares another outcome with this one, each vector relative to the size of the whole, or to 1e-7 where it is smaller:
// a float32 loses what is left of a derivative where a rule saturates.
func (o Outcome) Agree(t testing.TB, got Outcome, tol float64) {
	t.Helper()
	agree(t, "step", o.Step, got.Step, tol)
	agree(t, "state", o.State, got.State, tol)
	agree(t, "d phi", o.DPhi, got.DPhi, tol)
	agree(t, "d state", o.DState, got.DState, tol)
	agree(t, "d gradient", o.DGrad, got.DGrad, tol)
	agree(t, "d theta", o.DTheta, got.DTheta, tol)
	agree(t, "d senses", o.DSenses, got.DSenses, tol)
}

func agree(t testing.TB, what string, want, got []float64, tol float64) {
	t.Helper()
	require.Len(t, got, len(want), what)
	var diff, size float64
	for i := range want {
		diff += (want[i] - got[i]) * (want[i] - got[i])
		size += want[i] * want[i]
	}
	require.LessOrEqual(t, math.Sqrt(diff), tol*max(math.Sqrt(size), 1e-7), what)
}
