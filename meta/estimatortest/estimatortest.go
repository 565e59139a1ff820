// Package estimatortest holds the laws of meta-gradient estimators and the means to check one: numerical derivatives of
// the meta-loss, taken the slow and plain way, in float64.
package estimatortest

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// Subject is an estimator under test, and how to make another one like it.
type Subject struct {
	New func() (meta.EstimatorOf[float64], error)
	Phi []float64 // where to differentiate
	Key uint64    // of the first episode
}

// Run checks the laws that hold for every estimator: it leaves phi alone, gives the same for the same key, gives a
// loss and a gradient that are finite at a sane phi, and stands as before when its context has ended, or where it is meta.Reversible when
// an estimate is taken back.
func Run(t *testing.T, s Subject) {
	ctx := context.Background()
	estimate := func(e meta.EstimatorOf[float64], ctx context.Context, key uint64) (meta.Estimate, []float64, error) {
		grad := make([]float64, len(s.Phi))
		grad[0] = math.NaN() // to be overwritten
		phi := append([]float64(nil), s.Phi...)
		est, err := e.Estimate(ctx, grad, phi, key)
		require.Equal(t, s.Phi, phi, "phi is read only")
		return est, grad, err
	}
	e, err := s.New()
	require.NoError(t, err)
	require.Equal(t, len(s.Phi), e.Phi().Len())
	other, err := s.New()
	require.NoError(t, err)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	for call := range uint64(7) { // into a second episode, if there are several windows
		want, wantGrad, err := estimate(e, ctx, s.Key+call)
		require.NoError(t, err)
		require.False(t, math.IsNaN(want.Loss) || math.IsInf(want.Loss, 0))
		require.Positive(t, want.Steps)
		require.NotZero(t, norm(wantGrad))
		require.False(t, math.IsNaN(norm(wantGrad)) || math.IsInf(norm(wantGrad), 0))

		if r, ok := other.(meta.Reversible); ok {
			_, _, err = estimate(other, ctx, s.Key+call+1000)
			require.NoError(t, err)
			r.Revert()
		}
		_, _, err = estimate(other, cancelled, s.Key+call)
		require.ErrorIs(t, err, context.Canceled)
		got, gotGrad, err := estimate(other, ctx, s.Key+call)
		require.NoError(t, err)
		require.Equal(t, want, got, "call %d, after one that was cut short", call)
		require.Equal(t, wantGrad, gotGrad, "call %d, after one that was cut short", call)
	}
}

// Unroll is the plain way to one window's meta-loss: it trains the problem with an Optimizer's arithmetic, step by
// step, and adds up the losses. What the steps see can be frozen: then each sees what was met before, and not what there is
// where it stands. What synapses feel is never frozen.
type Unroll struct {
	Rule    learnedopt.Rule
	Problem inner.ProblemOf[float64]
	Theta   []float64 // the start
	State   []float64 // the rule's memory at the start; nil: that of a new episode
	Batches []uint64  // keys: one a step, and one for the loss after the last
	Before  int       // steps of the episode before these
	Horizon int       // of the episode

	// Objective is the meta-loss of the losses met; the mean of all if nil.
	Objective func(losses []float64) float64
}

// Met is what the steps of an Unroll saw.
type Met struct {
	Grads  [][]float64
	Losses []float64
}

// Loss returns the meta-loss at phi, and what was met on the way. With frozen given, the steps see that.
func (u Unroll) Loss(t *testing.T, phi []float64, frozen *Met) (loss float64, met Met) {
	t.Helper()
	loss, met, _, _ = u.run(t, u.compile(t), phi, frozen)
	return loss, met
}

// End returns weights and rule state after the steps.
func (u Unroll) End(t *testing.T, phi []float64) (theta, state []float64) {
	t.Helper()
	_, _, theta, state = u.run(t, u.compile(t), phi, nil)
	return theta, state
}

func (u Unroll) compile(t *testing.T) *learnedopt.Compiled[float64] {
	t.Helper()
	c, err := learnedopt.CompileWith[float64](u.Rule, u.Problem.Params(), learnedopt.Options{Reference: true, Senses: inner.SensesOf(u.Problem)})
	require.NoError(t, err)
	return c
}

func (u Unroll) run(
	t *testing.T, c *learnedopt.Compiled[float64], phi []float64, frozen *Met,
) (loss float64, met Met, theta, state []float64) {
	t.Helper()
	theta, state = append([]float64(nil), u.Theta...), make([]float64, c.State().Len())
	if u.State == nil {
		require.NoError(t, c.Start(state, phi))
	}
	copy(state, u.State)
	step, senses := make([]float64, len(theta)), make([]float64, c.Senses().Len())
	for i, batch := range u.Batches {
		grad := make([]float64, len(theta))
		f, err := u.Problem.Eval(grad, theta, batch)
		require.NoError(t, err)
		met.Losses = append(met.Losses, f)
		if i == len(u.Batches)-1 {
			break
		}
		met.Grads = append(met.Grads, grad)
		seen := f
		if frozen != nil {
			grad, seen = frozen.Grads[i], frozen.Losses[i]
		}
		if s, ok := u.Problem.(inner.SynapticOf[float64]); ok {
			require.NoError(t, s.Sense(senses, theta, u.Before+i, batch))
		}
		require.NoError(t, c.Step(step, state, learnedopt.Point[float64]{
			Phi: phi, State: state, Grad: grad, Theta: theta, Loss: []float64{seen}, Step: u.Before + i, Horizon: u.Horizon,
			Senses: senses,
		}))
		for i, s := range step {
			theta[i] += s
		}
	}
	if u.Objective != nil {
		return u.Objective(met.Losses), met, theta, state
	}
	for _, f := range met.Losses {
		loss += f / float64(len(met.Losses))
	}
	return loss, met, theta, state
}

// CheckGradient compares the derivative of the meta-loss along some directions with central differences of order four:
// through everything (exact), or with the inner gradients and losses held at what they are at phi (first order). The relative
// difference, against the size of the gradient along the direction's length, must be below tol.
func (u Unroll) CheckGradient(t *testing.T, grad, phi []float64, exact bool, tol float64) {
	t.Helper()
	c := u.compile(t)
	_, met, _, _ := u.run(t, c, phi, nil)
	frozen := &met
	if exact {
		frozen = nil
	}
	for d := range uint64(6) {
		v := make([]float64, len(phi))
		if d < 4 {
			rng.Normal(v, rng.Split(99, d), 1)
		} else { // along the gradient itself, where the derivative is largest, and one coordinate
			copy(v, grad)
			if d == 5 {
				clear(v)
				v[len(v)/2] = 1
			}
		}
		scale := norm(v)
		at := func(eps float64) float64 {
			x := append([]float64(nil), phi...)
			for i := range x {
				x[i] += eps * v[i] / scale
			}
			loss, _, _, _ := u.run(t, c, x, frozen)
			return loss
		}
		const h = 2e-4
		want := (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h)
		got := 0.0
		for i := range v {
			got += grad[i] * v[i] / scale
		}
		require.InDelta(t, want, got, tol*math.Max(math.Abs(want), 1e-3*norm(grad)), "direction %d", d)
	}
}

func norm(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x * x
	}
	return math.Sqrt(s)
}

// Vector lays out a problem of n weights.
func Vector(n int) params.Layout { return params.Layout{{Name: "theta", Shape: []int{n}}} }
