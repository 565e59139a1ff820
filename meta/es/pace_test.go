package es_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/meta/es"
)

// SGD at a pace is SGD at a multiple of its rate: one for each episode, evenly spread in the logarithm.
func TestPace(t *testing.T) {
	const pace, episodes = 4., 200
	losses := func(pace, lr float64, key uint64, windows ...int) (all []float64) {
		tr, err := es.NewTraining(es.TrainingConfigOf[float64]{Rule: new(handmade.SGD), Family: inner.QuadraticOf[float64]{}, Pace: pace})
		require.NoError(t, err)
		e := es.Episode{Key: key, Length: 5}
		state, phi := make([]float64, tr.State().Len()), []float64{math.Log(lr)}
		require.NoError(t, tr.Start(state, phi, e))
		for _, n := range windows {
			window := make([]float64, n)
			require.NoError(t, tr.Unroll(context.Background(), window, state, phi, e, len(all)))
			all = append(all, window...)
		}
		return all
	}
	var drawn []float64
	for key := range uint64(episodes) {
		got := losses(pace, .001, key, 3, 2)
		// A quadratic's first loss falls with the rate, if that is small: what rate is it of?
		low, high := .001/pace, .001*pace
		for range 60 {
			mid := math.Sqrt(low * high)
			if losses(1, mid, key, 1)[0] > got[0] {
				low = mid
			} else {
				high = mid
			}
		}
		require.InDeltaSlice(t, losses(1, low, key, 5), got, 1e-9*got[0])
		drawn = append(drawn, math.Log(low/.001)/math.Log(pace))
	}
	slices.Sort(drawn)
	for i, x := range drawn {
		require.InDelta(t, 2*float64(i)/episodes-1, x, .2, "they are from -1 to 1")
	}
}
