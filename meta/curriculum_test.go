package meta_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/meta"
)

// Two estimates at each length of the curriculum, whatever their windows, and then the horizon; each episode as long as it
// began. A rule is told the length of the episode. Saved anywhere, all goes on as it would have.
func TestCurriculum(t *testing.T) {
	rule := &ruletest.Ramp{LR: 0.01}
	estimator := func() *meta.BPTT {
		b, err := meta.NewBPTT(meta.BPTTConfig{
			Rule: rule, Family: inner.Quadratic{}, Horizon: 7, Window: 4, Curriculum: []int{3, 5}, Stage: 2,
		})
		require.NoError(t, err)
		return b
	}
	b, phi := estimator(), learnedopt.Phi(rule, 1)
	for i, want := range []struct{ steps, ended, length int }{
		{3, 1, 3}, {3, 1, 3}, // a stage of two estimates
		{4, 0, 5}, {1, 1, 5}, // a stage of one episode in two windows
		{4, 0, 7}, {3, 1, 7}, {4, 0, 7}, {3, 1, 7},
	} {
		f := &checkpoints.File{Meta: map[string]string{}}
		require.NoError(t, b.Save(f, "e"))
		again := estimator()
		require.NoError(t, again.Load(f, "e"))
		grad, same := make([]float32, len(phi)), make([]float32, len(phi))
		est, err := b.Estimate(context.Background(), grad, phi, uint64(i))
		require.NoError(t, err)
		require.Equal(t, [2]int{want.steps, want.ended}, [2]int{est.Steps, est.Episodes}, "estimate %d", i)
		resumed, err := again.Estimate(context.Background(), same, phi, uint64(i))
		require.NoError(t, err)
		require.Equal(t, est, resumed)
		require.Equal(t, grad, same)
		alone, err := meta.NewBPTT(meta.BPTTConfig{Rule: rule, Family: inner.Quadratic{}, Horizon: want.length, Window: min(4, want.length)})
		require.NoError(t, err)
		if i < 3 {
			_, err = alone.Estimate(context.Background(), same, phi, uint64(i))
			require.NoError(t, err)
			require.Equal(t, grad, same, "as with a horizon of %d", want.length)
		}
	}
}

func TestCurriculumRefuses(t *testing.T) {
	for want, c := range map[string]meta.BPTTConfig{
		"meta: a curriculum of episodes of [3 8] steps; want lengths from 1 to the horizon, 7": {Curriculum: []int{3, 8}},
		"meta: a curriculum of episodes of [0] steps; want lengths from 1 to the horizon, 7":   {Curriculum: []int{0}},
		"meta: -1 estimates at each length of the curriculum; want at least 1":                 {Stage: -1},
	} {
		c.Rule, c.Family, c.Horizon = &ruletest.Ramp{LR: 0.01}, inner.Quadratic{}, 7
		_, err := meta.NewBPTT(c)
		require.EqualError(t, err, want)
	}
}
