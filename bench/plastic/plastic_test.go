package main

import (
	"context"
	"io"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/plastic"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	rules "github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/search"
)

func TestSample(t *testing.T) {
	require.Equal(t, "2.500 ± 0.645", sample{1, 2, 3, 4}.String()) // √(5/12)
	require.Equal(t, "3.000", sample{3}.String())
	require.InDelta(t, math.Sqrt(5.0/12), sample{1, 2, 3, 4}.stderr(), 1e-15)
}

func TestRefused(t *testing.T) {
	require.ErrorContains(t, run(t.Context(), io.Discard, "magic", 1), `no figure "magic"; there are association, boolean, `)
	require.ErrorContains(t, run(t.Context(), io.Discard, "boolean", 0), "0 seeds; want 1 or more")
}

// A creature's lives are those of a family whose brain is the front of its phi, under the rule's numbers at the end of it.
func TestCreature(t *testing.T) {
	for _, r := range []learnedopt.Rule{&rules.Static{}, &rules.ABCD{Std: 2}, &rules.Orchard{}} {
		c, err := newCreature(r)
		require.NoError(t, err)
		phi := c.start(3)
		require.Len(t, phi, c.layout().Len())
		config := meta.LivesConfig{Rule: r, Family: plastic.Foraging{}, Copies: 5}
		lives, err := c.evaluator(config)
		require.NoError(t, err)
		got, err := lives.Evaluate(t.Context(), phi, 7)
		require.NoError(t, err)

		n := c.brain.Len()
		config.Family = plastic.Foraging{Brain: phi[:n]}
		plain, err := meta.NewLives(config)
		require.NoError(t, err)
		want, err := plain.Evaluate(t.Context(), phi[n:], 7)
		require.NoError(t, err)
		require.Equal(t, want, got)

		other := make([]float32, len(phi))
		rng.Normal(other, 5, 1)
		differs, err := lives.Evaluate(t.Context(), other, 7)
		require.NoError(t, err)
		require.NotEqual(t, want, differs)
		again, err := lives.Evaluate(t.Context(), phi, 7)
		require.NoError(t, err)
		require.Equal(t, want, again, "nothing of another candidate stays")
	}
}

// The same seed learns the same, and for longer something no worse by validation.
func TestLesson(t *testing.T) {
	loss := func(generations int) float64 {
		c := meta.LivesConfig{Rule: &rules.Bengio7{}, Family: plastic.Conditioning{}, Copies: 1}
		l := lesson{lives: c, method: &search.ES{Mu: 3, Lambda: 12, Sigma: 0.2}, generations: generations, seed: 2}
		phi, err := l.learn(context.Background())
		require.NoError(t, err)
		again, err := l.learn(context.Background())
		require.NoError(t, err)
		require.Equal(t, phi, again)
		lives, err := meta.NewLives(c)
		require.NoError(t, err)
		e, err := lives.Evaluate(context.Background(), phi, rng.Split(l.seed, keyValidation))
		require.NoError(t, err)
		return e.Loss
	}
	require.Less(t, loss(40), loss(1))
}
