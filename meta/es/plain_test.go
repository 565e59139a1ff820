package es_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/meta/es"
	"github.com/seed1498fded/unroll/params"
)

// A walker is a pair that goes step by step, as the papers' definitions are written: with a state for each branch, and a draw on
// the list of perturbations at its own times.
type walker struct {
	toy                   toy[float64]
	plus, minus, middle   []float64
	eps, xi               []float64
	taken                 int
	drawn                 bool
	number, window, width int
}

func (w *walker) restart() {
	for _, s := range []*[]float64{&w.plus, &w.minus, &w.middle} {
		*s = append([]float64(nil), w.toy.Toy.S0...)
	}
	w.taken, w.drawn = 0, false
}

// draws says whether a perturbation is drawn before a step, t of the window, and forgets whether only the newest counts.
func (w *walker) draws(m es.Method, k, t int) (draws, forgets bool) {
	switch m {
	case es.NRES:
		return !w.drawn, true
	case es.GPES:
		return w.taken%k == 0, w.taken == 0
	case es.PES:
		return t == 0, w.taken == 0
	}
	return t == 0, true
}

// step adds a step's part of the gradient.
func (w *walker) step(grad []float64, m es.Method, k, t int) {
	y := w.toy
	if draws, forgets := w.draws(m, k, t); draws {
		w.eps, w.drawn = y.Steps[w.window*w.width+t][w.number], true
		if forgets {
			w.xi = make([]float64, 3)
		}
		for i, x := range w.eps {
			w.xi[i] += x
		}
	}
	if t == 0 && m == es.Truncated {
		w.plus, w.minus = append([]float64(nil), w.middle...), append([]float64(nil), w.middle...)
	}
	loss := func(state []float64, sign float64) float64 {
		phi, losses := make([]float64, 3), make([]float64, 1)
		for i, x := range y.Toy.Theta {
			phi[i] = x + sign*w.eps[i]
		}
		_ = y.Unroll(context.Background(), losses, state, phi, es.Episode{}, 0)
		return losses[0]
	}
	d := loss(w.plus, 1) - loss(w.minus, -1)
	loss(w.middle, 0)
	for i, x := range w.xi {
		grad[i] += x * d / (2 * y.Toy.Sigma * y.Toy.Sigma * float64(y.Toy.Particles*w.width))
	}
	if w.taken++; w.taken == y.Toy.Length {
		w.restart()
		if m == es.PES || m == es.Truncated { // the window's perturbation stays
			w.xi = append([]float64(nil), w.eps...)
		}
	}
}

// Law: the methods are what their definitions say, step by step, for windows that do not divide an episode.
func TestPlainDefinitions(t *testing.T) {
	g := readGolden(t)
	for name, s := range map[string]es.Settings{
		"truncated": {Method: es.Truncated}, "pes": {Method: es.PES}, "nres": {Method: es.NRES},
		"gpes 1": {Method: es.GPES, K: 1}, "gpes 2": {Method: es.GPES, K: 2}, "gpes 3": {Method: es.GPES, K: 3}, "gpes 9": {Method: es.GPES, K: 9},
	} {
		for _, quadratic := range []bool{false, true} {
			s.Pairs, s.Sigma, s.Together = g.Toy.Particles, g.Toy.Sigma, true
			width, window := g.Toy.Window, 0
			e, err := es.New(es.ConfigOf[float64]{
				Settings: s, Phi: params.Layout{{Name: "phi", Shape: []int{3}}}, Horizon: g.Toy.Length, Window: width, Workers: 3,
				NewSystem: func() (es.SystemOf[float64], error) { return toy[float64]{g, quadratic}, nil },
			})
			require.NoError(t, err)
			es.SetNoise(e, func(dst []float64, pair, step int) { copy(dst, g.Steps[window*width+step][pair]) })
			walkers := make([]*walker, s.Pairs)
			for i := range walkers {
				walkers[i] = &walker{toy: toy[float64]{g, quadratic}, number: i, width: width, xi: make([]float64, 3)}
				walkers[i].restart()
			}
			for ; window < 8; window++ {
				got, want := make([]float64, 3), make([]float64, 3)
				_, err := e.Estimate(context.Background(), got, g.Toy.Theta, 0)
				require.NoError(t, err)
				for _, w := range walkers {
					w.window = window
					for step := range width {
						w.step(want, s.Method, s.K, step)
					}
				}
				require.InDeltaSlice(t, want, got, 1e-11, "%s, window %d", name, window)
			}
		}
	}
}
