package handmade_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
)

// Adam and gradient descent with momentum whose hyperparameters are learned are those of learned_optimization, at every step.
func TestLearnable(t *testing.T) {
	for _, g := range ruletest.ReadGolden(t, "testdata/learnable.json.gz") {
		t.Run(g.Name, func(t *testing.T) {
			if strings.HasPrefix(g.Name, "sgdm") {
				g.Run(t, new(handmade.Momentum))
				return
			}
			g.Run(t, new(handmade.Adam))
		})
	}
}

// Under the root, ε₀ counts in units of gradients' squares, and it leaves Adam and AdamW without a kernel.
func TestEpsRoot(t *testing.T) {
	gradients := make([]float32, 40)
	rng.Normal(gradients, 3, 1e-4)
	for _, r := range []learnedopt.Rule{
		&handmade.Adam{LR: 0.1, EpsRoot: 1e-8}, &handmade.AdamW{Adam: handmade.Adam{LR: 0.1, EpsRoot: 1e-8}, Decay: 1e-9},
	} {
		w := newWalk(t, learnedopt.Compile[float32], r, 40)
		require.False(t, w.c.Moves())
		w.take(t, gradients)
		for i, g := range gradients {
			g := float64(g)
			want := -0.1 * g / (math.Sqrt(g*g+1e-8) + 1e-8)
			require.InDelta(t, want, float64(w.step[i]), 1e-6, "weight %d", i)
		}
	}
}
