package es_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
	"github.com/seed1498fded/unroll/meta/es"
	"github.com/seed1498fded/unroll/params"
)

// In the given part of the episodes, as their keys have it, a rule is not told how long they are, and else it is.
func TestUntold(t *testing.T) {
	either, known, free := &mlp.General{Horizon: "either"}, &mlp.General{}, &mlp.General{Horizon: "free"}
	phi := learnedopt.Phi(either, 1)
	part := func(name string) []float32 { return params.Slice(either.Spec().Phi, phi, name) }
	copy(part("untold"), []float32{.3, .1, -.2, .4, 0, -.1, -.5})
	n := len(phi) - 8 - 2*7
	told := slices.Concat(phi[:n], part("schedule"), part("controls"))
	untold := slices.Concat(phi[:n], part("untold"), part("controls")[1:])

	const episodes = 60
	blind := 0
	for key := range uint64(episodes) {
		require.Equal(t, lossesOf(t, known, 0, told, key), lossesOf(t, either, 0, phi, key))
		require.Equal(t, lossesOf(t, free, 0, untold, key), lossesOf(t, either, 1, phi, key))
		switch some := lossesOf(t, either, .3, phi, key); {
		case slices.Equal(some, lossesOf(t, either, 1, phi, key)):
			blind++
		default:
			require.Equal(t, lossesOf(t, either, 0, phi, key), some)
		}
	}
	require.InDelta(t, .3, float64(blind)/episodes, .18) // three standard errors
}

// lossesOf returns the losses of an episode in two windows.
func lossesOf(t *testing.T, r learnedopt.Rule, untold float64, phi []float32, key uint64) []float64 {
	tr, err := es.NewTraining(es.TrainingConfigOf[float32]{Rule: r, Family: inner.QuadraticOf[float32]{}, Untold: untold})
	require.NoError(t, err)
	e := es.Episode{Key: key, Length: 5}
	state, losses := make([]float32, tr.State().Len()), make([]float64, 5)
	require.NoError(t, tr.Start(state, phi, e))
	require.NoError(t, tr.Unroll(context.Background(), losses[:2], state, phi, e, 0))
	require.NoError(t, tr.Unroll(context.Background(), losses[2:], state, phi, e, 2))
	return losses
}
