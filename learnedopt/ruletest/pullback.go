package ruletest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// A pullback adds to d(phi) and overwrites all else, as it is used and in the reference.
func addsToPhi(t *testing.T, r subject) {
	for _, o := range []learnedopt.Options{{}, {Reference: true}} {
		theta := r.weights(40)
		o.Senses = senses(theta, 2) // whether it reads them or not
		c, err := learnedopt.CompileWith[float32](r.rule, theta, o)
		require.NoError(t, err)
		p := point(t, c, r, 1)
		pull := func(fill float32) learnedopt.Cotangents[float32] {
			d := cotangents(c, 2)
			for _, v := range [][]float32{d.Phi, d.State, d.Grad, d.Theta, d.Loss, d.Senses} {
				for i := range v {
					v[i] = fill
				}
			}
			require.NoError(t, c.Pullback(d, p))
			return d
		}
		plain, filled := pull(0), pull(64)
		alone := cotangents(c, 2)
		alone.Grad, alone.Theta, alone.Loss, alone.Senses = nil, nil, nil, nil
		require.NoError(t, c.Pullback(alone, p), "gradient, theta, loss and senses are not wanted by everybody")
		require.Equal(t, plain.State, alone.State)
		agree(t, "d phi", params.Convert[float64](plain.Phi), params.Convert[float64](alone.Phi), 1e-6)
		require.Equal(t, plain.State, filled.State)
		require.Equal(t, plain.Grad, filled.Grad)
		require.Equal(t, plain.Theta, filled.Theta)
		require.Equal(t, plain.Loss, filled.Loss)
		require.Equal(t, plain.Senses, filled.Senses)
		unread(t, c, plain.Senses)
		for i, v := range plain.Phi {
			require.InDelta(t, float64(v)+64, filled.Phi[i], 1e-4*float64(64+max(v, -v)))
		}
		if r.Spec().Reads&learnedopt.Grad == 0 {
			require.Equal(t, make([]float32, c.Coordinates()), plain.Grad)
		}
		if r.Spec().Reads&learnedopt.Theta == 0 {
			require.Equal(t, make([]float32, c.Coordinates()), plain.Theta)
		}
		if r.Spec().Reads&learnedopt.Loss == 0 {
			require.Zero(t, plain.Loss[0])
		}
	}
}

// A window begins at any state, has any length, one after another, and adds to what d(phi) holds already: it gives what the
// pullbacks of its steps give in turn, in float64, from the last to the first. 600 coordinates are more blocks than there
// are groups to sum them in.
func windows(t *testing.T, r subject) {
	for _, n := range []int{1, 33, 600} {
		theta := r.weights(n)
		c := compile[float32](t, r, theta, 1)
		if !c.HasWindow() {
			require.ErrorIs(t, c.PullbackWindow(learnedopt.Window[float32]{}), learnedopt.ErrNoWindow)
			return
		}
		double := compileWith[float64](t, r, theta, learnedopt.Options{Reference: true})
		state := point(t, c, r, 5).State
		before := make([]float32, c.Phi().Len())
		rng.Normal(before, 12, 0.01)
		for _, steps := range []int{3, 1, 5, 2} {
			e := NewEpisode(c, r.rule, steps)
			got, kept := slices.Clone(before), slices.Clone(state)
			require.NoError(t, c.PullbackWindow(learnedopt.Window[float32]{
				Phi: e.Phi, State: state, Grads: e.Grads, DStep: e.DStep, DPhi: got,
			}))
			require.Equal(t, kept, state, "where a window begins is read only")
			want := live(t, double, NewEpisode(double, r.rule, steps), params.Convert[float64](state)).DPhi
			for i, b := range before {
				want[i] += float64(b)
			}
			agree(t, "d phi of a window", want, params.Convert[float64](got), 2e-5)
		}
	}
}
