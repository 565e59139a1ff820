package meta_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/meta"
)

// A rule is told the steps of the episode, and not those of the window, and how many there will be: on x² from 1 a rate that
// falls in a straight line over the horizon multiplies x by 1 − 2·LR·(1 − t/T).
func TestStepsAndHorizonAreTheEpisodes(t *testing.T) {
	const rate, horizon = 0.3, 5
	r := &ruletest.Ramp{LR: rate}
	var seen []float64
	b, err := meta.NewBPTT(meta.BPTTConfig{Rule: r, Horizon: horizon, Window: 2, Family: watched{
		Family: square{}, before: func(theta []float32, _ uint64) error {
			seen = append(seen, float64(theta[0]))
			return nil
		},
	}})
	require.NoError(t, err)
	phi := learnedopt.Phi(r, 0)
	for call := range uint64(6) { // two episodes
		_, err := b.Estimate(context.Background(), make([]float32, 1), phi, call)
		require.NoError(t, err)
	}
	var want []float64
	for range 2 {
		x := 1.0
		for step := range horizon {
			want = append(want, x)
			x *= 1 - 2*rate*(1-float64(step)/horizon)
		}
		want = append(want, x)
	}
	require.InDeltaSlice(t, want, seen, 1e-6)
}
