package es_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/es"
)

// slopes is a system whose loss after step t is slope(t)·phi.
func slopes(slope func(t int) float64) system {
	return system{size: 1, step: func(_, phi []float64, t int) float64 { return slope(t) * phi[0] }}
}

// Law: with one number and NRES an estimate of an episode is ε²/σ² times what its losses' slopes come to. A loss in the last tenth
// counts End times as much as another, and the mean of what they count is 1.
func TestEnd(t *testing.T) {
	const steps = 20
	count := func(end float64, slope func(t int) float64) float64 {
		e := newES(t, slopes(slope), 1, es.ConfigOf[float64]{
			Settings: es.Settings{Method: es.NRES, Pairs: 1, Together: true, End: end}, Horizon: steps, Window: steps,
		})
		return estimate(t, e, []float64{0}, 3)[0]
	}
	at := func(k int) func(int) float64 {
		return func(t int) float64 {
			if t == k {
				return 1
			}
			return 0
		}
	}
	plain := count(0, at(0))
	require.NotZero(t, plain)
	sum := 0.0
	for k := range steps {
		want := 1 / 1.5
		if k >= 18 {
			want = 6 / 1.5
		}
		got := count(6, at(k)) / plain
		require.InEpsilon(t, want, got, 1e-9, "step %d", k)
		sum += got
	}
	require.InEpsilon(t, steps, sum, 1e-9)
	require.InEpsilon(t, plain, count(1, at(0)), 1e-9, "1 is the default")
}

// Law: a window whose mean difference is larger than WindowClip counts as much as if it were that, and another is left alone.
func TestWindowClip(t *testing.T) {
	slope := func(t int) float64 { return []float64{5, 1, 0, -2, 1}[t] } // mean 1
	differ := func(objective meta.Objective, clip float64) float64 {
		e := newES(t, slopes(slope), 1, es.ConfigOf[float64]{
			Settings: es.Settings{Method: es.PES, Pairs: 1, Together: true, WindowClip: clip}, Horizon: 5, Window: 5, Objective: objective,
		})
		return estimate(t, e, []float64{0}, 4)[0]
	}
	for _, objective := range []meta.Objective{meta.Mean, meta.Sum} {
		free := differ(objective, 0)
		mean := 2 * math.Abs(epsilon(t, 4)) // the mean difference
		require.InEpsilon(t, free, differ(objective, 1.01*mean), 1e-12)
		require.InEpsilon(t, free/2, differ(objective, mean/2), 1e-9)
	}
}

// epsilon is what a pair alone draws in the first window of an estimate under a key.
func epsilon(t *testing.T, key uint64) float64 {
	var phis []float64
	s := system{size: 1, step: func(_, phi []float64, _ int) float64 {
		phis = append(phis, phi[0])
		return 0
	}}
	e := newES(t, s, 1, es.ConfigOf[float64]{Settings: es.Settings{Method: es.PES, Pairs: 1, Together: true}, Horizon: 5, Window: 5})
	estimate(t, e, []float64{0}, key)
	return phis[0]
}
