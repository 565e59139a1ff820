package es_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/meta/es"
	"github.com/seed1498fded/unroll/params"
)

// A register is a system that takes note of the episodes that it is started on.
type register struct {
	system
	seen *[]es.Episode
}

func (r register) Start(state, phi []float64, e es.Episode) error {
	*r.seen = append(*r.seen, e)
	return r.system.Start(state, phi, e)
}

func registered(t *testing.T, c es.ConfigOf[float64]) (*es.EstimatorOf[float64], *[]es.Episode) {
	seen := new([]es.Episode)
	c.Phi, c.Workers = params.Layout{{Name: "phi", Shape: []int{1}}}, 1
	s := system{size: 1, step: func(_, phi []float64, _ int) float64 { return phi[0] }}
	c.NewSystem = func() (es.SystemOf[float64], error) { return register{s, seen}, nil }
	e, err := es.New(c)
	require.NoError(t, err)
	return e, seen
}

// Law: pairs end their episodes at different times, as many in each window, and each every so many windows; together they do not.
func TestPhases(t *testing.T) {
	for _, together := range []bool{false, true} {
		e, _ := registered(t, es.ConfigOf[float64]{Settings: es.Settings{Pairs: 300, Together: together}, Horizon: 12, Window: 4})
		for call := range uint64(9) {
			est, err := e.Estimate(context.Background(), make([]float64, 1), []float64{1}, call)
			require.NoError(t, err)
			switch {
			case !together:
				require.InDelta(t, 100, est.Episodes, 40, "window %d", call)
			case call%3 == 2:
				require.Equal(t, 300, est.Episodes)
			default:
				require.Zero(t, est.Episodes)
			}
		}
	}
}

// Law: both branches of a pair begin each episode by the same key, and no two episodes have the same.
func TestKeysOfEpisodes(t *testing.T) {
	for _, m := range []es.Method{es.Full, es.PES, es.NRES, es.Truncated} {
		c := es.ConfigOf[float64]{Settings: es.Settings{Method: m, Pairs: 3, Together: m != es.Full}, Horizon: 4, Window: 4}
		if m != es.Full {
			c.Shortest = 1
		}
		e, seen := registered(t, c)
		for call := range uint64(5) {
			_, err := e.Estimate(context.Background(), make([]float64, 1), []float64{1}, call)
			require.NoError(t, err)
		}
		times := make(map[uint64][]es.Episode)
		for _, episode := range *seen {
			times[episode.Key] = append(times[episode.Key], episode)
		}
		require.GreaterOrEqual(t, len(times), 15)
		for _, same := range times {
			require.Len(t, same, map[bool]int{true: 3, false: 2}[m == es.Truncated], "%s", m)
			require.Len(t, slices.Compact(same), 1, "%s", m)
		}
	}
}

// Law: lengths are uniform in the logarithm between the shortest and the horizon.
func TestLengths(t *testing.T) {
	e, seen := registered(t, es.ConfigOf[float64]{Settings: es.Settings{Method: es.Full, Pairs: 2000, Shortest: 10}, Horizon: 1000})
	_, err := e.Estimate(context.Background(), make([]float64, 1), []float64{1}, 1)
	require.NoError(t, err)
	below := 0
	for _, episode := range *seen {
		require.True(t, episode.Length >= 10 && episode.Length <= 1000)
		if episode.Length < 100 {
			below++
		}
	}
	require.InDelta(t, 2000, below, 200, "half of them are below the geometric mean")
}
