package learnedopt_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// A window begins at any state, has any length, one after another, and adds to what d(phi) holds already: it gives what the
// pullbacks of its steps give in turn, in float64, from the last to the first. 600 coordinates are more blocks than there
// are groups to sum them in.
func TestWindowsAddUpThePullbacksOfTheirSteps(t *testing.T) {
	for _, r := range []*learnedopt.LSTM{{}, {Hidden: 8, Layers: 1, Preprocess: -1}, {Hidden: 4, Layers: 3, Scale: 2, Preprocess: 4}} {
		for _, n := range []int{1, 33, 600} {
			c, err := learnedopt.Compile[float32](r, vector(n))
			require.NoError(t, err)
			reference, err := learnedopt.CompileGraph[float64](r, vector(n))
			require.NoError(t, err)
			state := make([]float32, c.State().Len())
			rng.Normal(state, 11, 0.7)
			before := make([]float32, c.Phi().Len())
			rng.Normal(before, 12, 0.01)
			for _, steps := range []int{3, 1, 5, 2} {
				e := newEpisode[float32](r, n, steps)
				got := slices.Clone(before)
				kept := slices.Clone(state)
				require.NoError(t, c.PullbackWindow(learnedopt.Window[float32]{
					Phi: e.phi, State: state, Grads: e.grads, DStep: e.dStep, DPhi: got,
				}))
				require.Equal(t, kept, state, "where a window begins is read only")
				want := stepwise(t, reference, newEpisode[float64](r, n, steps), params.Convert[float64](state))
				for i, b := range before {
					want[i] += float64(b)
				}
				agree(t, fmt.Sprintf("%+v: %d steps of %d", *r, steps, n), want, params.Convert[float64](got), 2e-5)
			}
		}
	}
}

// stepwise returns d(phi) of an episode from a state on, by one pullback a step.
func stepwise(t *testing.T, c *learnedopt.Compiled[float64], e episode[float64], state []float64) []float64 {
	t.Helper()
	n, m := c.Coordinates(), len(state)
	step := make([]float64, n)
	var states [][]float64
	for _, g := range e.grads {
		states = append(states, slices.Clone(state))
		require.NoError(t, c.Step(step, state, learnedopt.Point[float64]{Phi: e.phi, State: state, Grad: g}))
	}
	d := learnedopt.Cotangents[float64]{Next: make([]float64, m), Phi: make([]float64, len(e.phi))}
	d.State = d.Next
	for i := len(e.grads) - 1; i >= 0; i-- {
		d.Step = e.dStep[i]
		require.NoError(t, c.Pullback(d, learnedopt.Point[float64]{Phi: e.phi, State: states[i], Grad: e.grads[i]}))
	}
	return d.Phi
}

// A pullback adds to d(phi) and overwrites all else, on kernels and on the graph alike.
func TestPullbacksAddToPhiAlone(t *testing.T) {
	for _, r := range append(baselines(), &learnedopt.LSTM{Hidden: 4}, &learnedopt.LSTM{Hidden: 3, Layers: 1}) {
		for name, compile := range map[string]compiler[float32]{"kernels": learnedopt.Compile[float32], "graph": learnedopt.CompileGraph[float32]} {
			w := newWalk(t, compile, r, 40)
			e := newEpisode[float32](r, 40, 3)
			for _, grad := range e.grads {
				w.take(t, grad)
			}
			pull := func(fill float32) learnedopt.Cotangents[float32] {
				d := learnedopt.Cotangents[float32]{
					Step: e.dStep[1], Next: make([]float32, len(w.state)), Phi: make([]float32, len(w.phi)),
					State: make([]float32, len(w.state)), Grad: make([]float32, 40), Theta: make([]float32, 40),
				}
				rng.Normal(d.Next, 3, 1)
				for _, v := range [][]float32{d.Phi, d.State, d.Grad, d.Theta} {
					for i := range v {
						v[i] = fill
					}
				}
				require.NoError(t, w.c.Pullback(d, w.point(e.grads[2])))
				return d
			}
			plain, filled := pull(0), pull(64)
			what := r.Name() + " on " + name
			require.Equal(t, plain.State, filled.State, what)
			require.Equal(t, plain.Grad, filled.Grad, what)
			require.Equal(t, plain.Theta, filled.Theta, what)
			for i, v := range plain.Phi {
				require.InDelta(t, float64(v)+64, filled.Phi[i], 1e-4*float64(64+max(v, -v)), what)
			}
			require.NotEqual(t, make([]float32, 40), plain.Grad, what)
		}
	}
}
