package meta_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/plastic"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	plasticity "github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/estimatortest"
	"github.com/seed1498fded/unroll/params"
)

// Through whole lives, of all 120 steps of a Boolean function and of the 40 trials of conditioning, the meta-gradient is what
// central differences give.
func TestMetaGradientThroughWholeLives(t *testing.T) {
	conditioning := plastic.ConditioningOf[float64]{Start: 0.2}
	for _, c := range []struct {
		name   string
		rule   learnedopt.Rule
		family inner.FamilyOf[float64]
		phi    []float64
	}{
		{"boolean, bengio7", &plasticity.Bengio7{}, plastic.BooleanOf[float64]{Functions: plastic.Separable(2)[5:6]}, []float64{0.01, -0.02, -0.03, 0.1, 0.8, 0.05, -0.02}},
		{"boolean, runarsson", &plasticity.Runarsson{Scale: 0.02}, plastic.BooleanOf[float64]{Functions: plastic.Separable(2)[3:4]}, nil},
		{"conditioning, bengio7", &plasticity.Bengio7{}, conditioning, []float64{0.001, 0.01, -0.01, 0.01, 0.25, -0.02, -0.01}},
	} {
		t.Run(c.name, func(t *testing.T) {
			const key = 5
			p, err := c.family.Sample(rng.Split(key, 0))
			require.NoError(t, err)
			life := p.(inner.Lived).Life()
			b, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{Rule: c.rule, Family: c.family, Horizon: life, Window: life, Objective: meta.Last})
			require.NoError(t, err)
			phi := c.phi
			if phi == nil {
				phi = params.Convert[float64](learnedopt.Phi(c.rule, 1))
			}
			grad := make([]float64, len(phi))
			est, err := b.Estimate(context.Background(), grad, phi, key)
			require.NoError(t, err)

			u := estimatortest.Unroll{
				Rule: c.rule, Problem: p, Theta: make([]float64, p.Params().Len()), Horizon: life,
				Objective: func(losses []float64) float64 { return losses[len(losses)-1] },
			}
			p.Init(u.Theta, rng.Split(key, 1)) // which also says in what order the patterns come
			for step := range uint64(life + 1) {
				u.Batches = append(u.Batches, rng.Split(rng.Split(key, 2), step))
			}
			loss, _ := u.Loss(t, phi, nil)
			require.InEpsilon(t, loss, est.Loss, 1e-10)
			u.CheckGradient(t, grad, phi, true, 1e-6)
		})
	}
}

// What evolution would estimate from the losses of lives under phi moved a little at random points the same way as the gradient
// through them.
func TestEvolutionAndGradientPointTheSameWay(t *testing.T) {
	rule, family := &plasticity.Bengio7{}, plastic.Boolean{Functions: plastic.Separable(2)}
	phi := []float32{0.01, -0.02, -0.03, 0.1, 0.8, 0.05, -0.02}
	const life, key, pairs, sigma = 40, 9, 200, 0.01
	b, err := meta.NewBPTT(meta.BPTTConfig{Rule: rule, Family: family, Horizon: life, Window: life, Objective: meta.Last, Copies: 14})
	require.NoError(t, err)
	grad := make([]float32, len(phi))
	est, err := b.Estimate(context.Background(), grad, phi, key)
	require.NoError(t, err)

	lives, err := meta.NewLives(meta.LivesConfig{Rule: rule, Family: family, Steps: life})
	require.NoError(t, err)
	at, err := lives.Evaluate(context.Background(), phi, key)
	require.NoError(t, err)
	require.InEpsilon(t, est.Loss, at.Loss, 1e-5, "the same lives")
	require.Equal(t, meta.Estimate{Loss: at.Loss, Steps: 14 * life, Episodes: 14}, at)

	estimate, moved, noise := make([]float64, len(phi)), make([]float32, len(phi)), make([]float64, len(phi))
	for pair := range uint64(pairs) {
		rng.Normal(noise, rng.Split(3, pair), sigma)
		var losses [2]float64
		for side, sign := range []float64{1, -1} {
			for i, p := range phi {
				moved[i] = p + float32(sign*noise[i])
			}
			e, err := lives.Evaluate(context.Background(), moved, key)
			require.NoError(t, err)
			losses[side] = e.Loss
		}
		for i, x := range noise {
			estimate[i] += (losses[0] - losses[1]) * x / (2 * sigma * sigma * pairs)
		}
	}
	dot, a, c := 0.0, 0.0, 0.0
	for i, g := range estimate {
		dot, a, c = dot+g*float64(grad[i]), a+g*g, c+float64(grad[i]*grad[i])
	}
	require.Greater(t, dot/math.Sqrt(a*c), 0.9)
}

// Lives are led on all tasks in turn, score themselves, and are the same for the same key whatever else was led before.
func TestLives(t *testing.T) {
	family := plastic.Boolean{}
	lives, err := meta.NewLives(meta.LivesConfig{Rule: &plasticity.Delta{Rate: 2}, Family: family, Copies: 28})
	require.NoError(t, err)
	require.Equal(t, 120, lives.Steps())
	phi := learnedopt.Phi(&plasticity.Delta{Rate: 2}, 0)
	first, err := lives.Evaluate(context.Background(), phi, 1)
	require.NoError(t, err)
	scores, err := lives.Scores()
	require.NoError(t, err)
	require.Equal(t, map[string][]float64{"solved": ones(28)}, scores)
	_, err = lives.Evaluate(context.Background(), []float32{-4}, 2)
	require.NoError(t, err)
	again, err := lives.Evaluate(context.Background(), phi, 1)
	require.NoError(t, err)
	require.Equal(t, first, again)

	mean, err := meta.NewLives(meta.LivesConfig{Rule: &plasticity.Delta{Rate: 2}, Family: family, Copies: 28, Objective: meta.Mean})
	require.NoError(t, err)
	over, err := mean.Evaluate(context.Background(), phi, 1)
	require.NoError(t, err)
	require.Greater(t, over.Loss, 3*first.Loss, "the way there counts too")

	explode, err := meta.NewLives(meta.LivesConfig{Rule: &plasticity.Bengio7{}, Family: family})
	require.NoError(t, err)
	diverged, err := explode.Evaluate(context.Background(), []float32{1, 0, 0, 0, 0, 0, 9}, 1)
	require.NoError(t, err)
	require.Equal(t, math.Inf(1), diverged.Loss)

	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = lives.Evaluate(ended, phi, 1)
	require.ErrorIs(t, err, context.Canceled)
}

func ones(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = 1
	}
	return v
}
