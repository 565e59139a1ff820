package es_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/es"
)

// What is counted: inner steps of all branches and copies, and the episodes of all copies that ended.
func TestCounts(t *testing.T) {
	for m, branches := range map[es.Method]int{es.PES: 2, es.NRES: 2, es.GPES: 2, es.Truncated: 3} {
		c := config[float32](es.Settings{Method: m, Pairs: 5, Together: true}, inner.QuadraticOf[float32]{})
		c.Window = 4
		e, err := es.New(c)
		require.NoError(t, err)
		for call := range uint64(4) {
			est, err := e.Estimate(context.Background(), make([]float32, e.Phi().Len()), phiOf[float32](c.Rule), call)
			require.NoError(t, err)
			require.Equal(t, branches*4*5*2, est.Steps)
			require.Equal(t, int(call%2)*5*2, est.Episodes)
		}
	}
}

// Where the loss of a step is phi: the loss of a window is its mean or sum, and so is the estimate; a difference's sign is as large
// for each, so that it estimates E|ε|/2σ² = 1/(σ√2π) in the mean.
func TestObjectivesAndSigns(t *testing.T) {
	s := system{size: 1, step: func(_, phi []float64, _ int) float64 { return phi[0] }}
	for _, m := range []es.Method{es.PES, es.NRES} {
		for o, times := range map[meta.Objective]float64{meta.Mean: 1, meta.Sum: 4} {
			for _, signs := range []bool{false, true} {
				const sigma = 0.25
				want := times
				if signs {
					want = times / (sigma * math.Sqrt(2*math.Pi))
				}
				e := newES(t, s, 1, es.ConfigOf[float64]{
					Settings: es.Settings{Method: m, Pairs: 2000, Sigma: sigma, Sign: signs, Together: true}, Horizon: 4, Window: 4, Objective: o,
				})
				grad := make([]float64, 1)
				est, err := e.Estimate(context.Background(), grad, []float64{3}, 1)
				require.NoError(t, err)
				require.InDelta(t, 3*times, est.Loss, 1e-9)
				require.InDelta(t, want, grad[0], 0.15*want, "%s %s %v", m, o, signs)
			}
		}
	}
}

// Law: each draw is another one, also within a window.
func TestDrawsDiffer(t *testing.T) {
	seen := make(map[float64]int)
	s := system{size: 1, step: func(_, phi []float64, _ int) float64 {
		seen[phi[0]]++
		return phi[0]
	}}
	e := newES(t, s, 1, es.ConfigOf[float64]{
		Settings: es.Settings{Method: es.GPES, K: 1, Pairs: 3}, Horizon: 4, Window: 4, Workers: 1,
	})
	for call := range uint64(2) {
		estimate(t, e, []float64{3}, call)
	}
	require.Len(t, seen, 2*3*4*2, "branches, pairs, steps, windows")
}
