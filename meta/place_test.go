package meta_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/learnedopt/stepsize"
	"github.com/seed1498fded/unroll/meta"
)

// Law: a trajectory that is put where another one was goes on as that does, to the bit, also with a rule that reads losses.
func TestTrajectoryGoesOnFromAPlace(t *testing.T) {
	family, rule := inner.Quadratic{}, &stepsize.Polyak{}
	phi := learnedopt.Phi(rule, 1)
	p, err := family.Sample(0)
	require.NoError(t, err)
	compiled := func() *meta.Trajectory[float32] {
		c, err := learnedopt.CompileWith[float32](rule, p.Params(), learnedopt.Options{Copies: 2})
		require.NoError(t, err)
		return meta.NewTrajectory(c, 9)
	}
	walk := func(tr *meta.Trajectory[float32], steps int) {
		for range steps {
			require.NoError(t, tr.Advance(phi))
			require.NoError(t, tr.Evaluate())
		}
	}
	a, b := compiled(), compiled()
	require.NoError(t, a.Begin(family, phi, 5))
	require.NoError(t, a.Evaluate())
	walk(a, 3)
	at := make([]float32, a.PlaceLayout().Len())
	a.Place(at)

	require.NoError(t, b.Begin(family, phi, 6))
	require.NoError(t, b.Evaluate())
	problems, err := b.Sample(family, 5)
	require.NoError(t, err)
	walk(b, 1) // still on its own problems
	b.ResumeOn(problems, at, 5, 3, 9)
	require.Equal(t, 3, b.Steps())
	for i, loss := range a.Losses {
		require.Equal(t, float64(float32(loss)), b.Losses[i])
	}
	walk(a, 2)
	walk(b, 2)
	require.Equal(t, a.Theta, b.Theta)
	require.Equal(t, a.Losses, b.Losses)

	require.NoError(t, b.BeginOn(problems, phi, 5, 9))
	require.NoError(t, a.Begin(family, phi, 5))
	require.Zero(t, b.Steps())
	require.Equal(t, a.Theta, b.Theta)
	require.Equal(t, a.State, b.State)
}

// Law: the horizon that a rule reads is that which BeginOn and ResumeOn are given, whatever the trajectory's own: on x² from 1 a rate that
// falls in a straight line over the horizon T multiplies x by 1 − 2·LR·(1 − t/T).
func TestTrajectoryIsToldTheHorizon(t *testing.T) {
	const rate = 0.3
	r := &ruletest.Ramp{LR: rate}
	p, err := square{}.Sample(0)
	require.NoError(t, err)
	c, err := learnedopt.CompileWith[float32](r, p.Params(), learnedopt.Options{})
	require.NoError(t, err)
	tr, phi := meta.NewTrajectory(c, 77), learnedopt.Phi(r, 0)
	problems, err := tr.Sample(square{}, 1)
	require.NoError(t, err)
	step := func() {
		require.NoError(t, tr.Evaluate())
		require.NoError(t, tr.Advance(phi))
	}
	x := 1.0
	factor := func(t, horizon float64) float64 { return 1 - 2*rate*(1-t/horizon) }
	require.NoError(t, tr.BeginOn(problems, phi, 1, 5))
	step()
	x *= factor(0, 5)
	require.InDelta(t, x, float64(tr.Theta[0]), 1e-6)
	place := make([]float32, tr.PlaceLayout().Len())
	tr.Place(place)
	require.NoError(t, tr.BeginOn(problems, phi, 1, 9))
	tr.ResumeOn(problems, place, 1, 1, 3)
	step()
	x *= factor(1, 3)
	require.InDelta(t, x, float64(tr.Theta[0]), 1e-6)
}
