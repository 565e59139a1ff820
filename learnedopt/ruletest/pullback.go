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
func addsToPhi(t *testing.T, r learnedopt.Rule) {
	for _, o := range []learnedopt.Options{{}, {Reference: true}} {
		c, err := learnedopt.CompileWith[float32](r, weights(r, 40), o)
		require.NoError(t, err)
		p := point(t, c, r, 1)
		pull := func(fill float32) learnedopt.Cotangents[float32] {
			d := cotangents(c, 2)
			for _, v := range [][]float32{d.Phi, d.State, d.Grad, d.Theta, d.Loss} {
				for i := range v {
					v[i] = fill
				}
			}
			require.NoError(t, c.Pullback(d, p))
			return d
		}
		plain, filled := pull(0), pull(64)
		alone := cotangents(c, 2)
		alone.Grad, alone.Theta, alone.Loss = nil, nil, nil
		require.NoError(t, c.Pullback(alone, p), "gradient, theta and loss are not wanted by everybody")
		require.Equal(t, plain.State, alone.State)
		agree(t, "d phi", params.Convert[float64](plain.Phi), params.Convert[float64](alone.Phi), 1e-6)
		require.Equal(t, plain.State, filled.State)
		require.Equal(t, plain.Grad, filled.Grad)
		require.Equal(t, plain.Theta, filled.Theta)
		require.Equal(t, plain.Loss, filled.Loss)
		for i, v := range plain.Phi {
			require.InDelta(t, float64(v)+64, filled.Phi[i], 1e-4*float64(64+max(v, -v)))
		}
		if r.Spec().Reads&learnedopt.Grad == 0 {
			require.Equal(t, make([]float32, 40), plain.Grad)
		}
		if r.Spec().Reads&learnedopt.Theta == 0 {
			require.Equal(t, make([]float32, 40), plain.Theta)
		}
		if r.Spec().Reads&learnedopt.Loss == 0 {
			require.Zero(t, plain.Loss[0])
		}
	}
}

// A window begins at any state, has any length, one after another, and adds to what d(phi) holds already: it gives what the
// pullbacks of its steps give in turn, in float64, from the last to the first. 600 coordinates are more blocks than there
// are groups to sum them in.
func windows(t *testing.T, r learnedopt.Rule) {
	for _, n := range []int{1, 33, 600} {
		theta := weights(r, n)
		c, err := learnedopt.Compile[float32](r, theta)
		require.NoError(t, err)
		if !c.HasWindow() {
			require.ErrorIs(t, c.PullbackWindow(learnedopt.Window[float32]{}), learnedopt.ErrNoWindow)
			return
		}
		double, err := learnedopt.CompileGraph[float64](r, theta)
		require.NoError(t, err)
		state := point(t, c, r, 5).State
		before := make([]float32, c.Phi().Len())
		rng.Normal(before, 12, 0.01)
		for _, steps := range []int{3, 1, 5, 2} {
			e := NewEpisode(c, r, steps)
			got, kept := slices.Clone(before), slices.Clone(state)
			require.NoError(t, c.PullbackWindow(learnedopt.Window[float32]{
				Phi: e.Phi, State: state, Grads: e.Grads, DStep: e.DStep, DPhi: got,
			}))
			require.Equal(t, kept, state, "where a window begins is read only")
			want := live(t, double, NewEpisode(double, r, steps), params.Convert[float64](state)).DPhi
			for i, b := range before {
				want[i] += float64(b)
			}
			agree(t, "d phi of a window", want, params.Convert[float64](got), 2e-5)
		}
	}
}
