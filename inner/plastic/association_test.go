package plastic_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/plastic"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// rewarded returns the mean reward of the second halves of some lives.
func rewarded(t *testing.T, f plastic.AssociationOf[float64], m move) float64 {
	const lives = 500
	p, sum := sample(t, f, 1), 0.0
	for key := range uint64(lives) {
		theta := lifetime(t, p, m, key)
		r := score(t, p, theta)["reward"]
		require.InDelta(t, 1-r, loss(t, p, theta), 1e-15)
		sum += r / lives
	}
	return sum
}

// Only a rule that feels the reward, and the true one, is better than chance.
func TestAssociationTakesReward(t *testing.T) {
	for _, c := range []struct {
		f      plastic.AssociationOf[float64]
		chance float64
	}{{plastic.AssociationOf[float64]{}, 0.5}, {plastic.AssociationOf[float64]{Stimuli: 8, Actions: 4, Trials: 200}, 0.25}} {
		right := rewarded(t, c.f, gated(0.5))
		t.Log(right)
		assert.Greater(t, right, 0.98)
		for name, m := range map[string]move{"static": static, "hebb": hebb(0.5)} {
			assert.InDelta(t, c.chance, rewarded(t, c.f, m), 0.03, name)
		}
		c.f.Shuffle = true
		assert.InDelta(t, c.chance, rewarded(t, c.f, gated(0.5)), 0.03, "shuffled")
	}
}

// All maps from stimuli to actions are as likely, stimuli come as often, and what is felt fits together.
func TestTrials(t *testing.T) {
	p := sample(t, plastic.AssociationOf[float64]{}, 1)
	s := p.(inner.SynapticOf[float64])
	theta, felt := make([]float64, 8), make([]float64, s.Senses().Len())
	maps, stimuli, noisy := map[[4]int]int{}, [4]int{}, 0
	const lives = 3200
	for key := range uint64(lives) {
		p.Init(theta, key)
		var right [4]int
		for step := range 30 {
			require.NoError(t, s.Sense(felt, theta, step, rng.Split(key, uint64(step))))
			of := func(sense params.Sense) []float64 { return params.Slice(s.Senses(), felt, sense.Of("w")) }
			stimulus, action := one(t, of(params.Pre)), one(t, of(params.Post))
			scores, reward := of(params.Potential), of(params.Reward)[0]
			require.Equal(t, theta[2*stimulus:2*stimulus+2], scores)
			if scores[action] < scores[1-action] {
				noisy++
			}
			want := []float64{0, 0}
			want[action] = reward
			require.Equal(t, want, of(params.Mod))
			if right[stimulus] = action; reward < 0 {
				right[stimulus] = 1 - action
			}
			stimuli[stimulus]++
		}
		maps[right]++
	}
	require.Len(t, maps, 16)
	for m, n := range maps {
		assert.InDelta(t, lives/16, n, 4*14, m)
	}
	for i, n := range stimuli {
		assert.InDelta(t, lives*30/4, n, 4*135, i)
	}
	assert.Positive(t, noisy, "actions are not all those of the larger score")
}

// one returns the place of the one 1 among zeros.
func one(t *testing.T, v []float64) int {
	t.Helper()
	at, sum := -1, 0.0
	for i, x := range v {
		if x == 1 {
			at = i
		}
		sum += x
	}
	require.Equal(t, 1.0, sum)
	require.GreaterOrEqual(t, at, 0)
	return at
}

// Before the second half there is no loss to count, and none of the first counts later.
func TestOnlyTheSecondHalfCounts(t *testing.T) {
	p := sample(t, plastic.AssociationOf[float64]{Trials: 10}, 1)
	require.Equal(t, 10, p.(inner.Lived).Life())
	for steps := range 6 {
		require.Equal(t, 1.0, loss(t, p, life(t, p, static, steps, 3)))
	}
	for key := range uint64(20) {
		theta := life(t, p, static, 6, key)
		require.Contains(t, []float64{0, 1}, loss(t, p, theta))
	}
}

func TestAssociationRefuses(t *testing.T) {
	for want, f := range map[string]plastic.Association{
		"plastic: association: Stimuli is -1; want 1..256":                {Stimuli: -1},
		"plastic: association: Actions is 1; want 2..256":                 {Actions: 1},
		"plastic: association: Trials is 1; want 2..1048576":              {Trials: 1},
		"plastic: association: Noise is -1; want a number of 0 or more":   {Noise: -1},
		"plastic: association: Start is -0.5; want a number of 0 or more": {Start: -0.5},
	} {
		_, err := f.Sample(1)
		require.EqualError(t, err, want)
	}
}

// A reward of chance is felt as often as chance has it, whatever the true one.
func TestShuffledRewards(t *testing.T) {
	p := sample(t, plastic.AssociationOf[float64]{Actions: 4, Shuffle: true}, 1)
	s := p.(inner.SynapticOf[float64])
	theta, felt := make([]float64, 16), make([]float64, s.Senses().Len())
	p.Init(theta, 1)
	const trials = 8000
	hits := 0
	for step := range trials {
		require.NoError(t, s.Sense(felt, theta, step, rng.Split(1, uint64(step))))
		if felt[len(felt)-1] > 0 {
			hits++
		}
	}
	assert.InDelta(t, trials/4, hits, 4*39)
}
