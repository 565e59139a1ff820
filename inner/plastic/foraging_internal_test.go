package plastic

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newAgent(t *testing.T, f ForagingOf[float64]) *agent[float64] {
	t.Helper()
	p, err := f.Sample(1)
	require.NoError(t, err)
	return p.(*agent[float64])
}

// What the brain is told of a known place, with the sensor's offset added and wrapped.
func TestLook(t *testing.T) {
	a := newAgent(t, ForagingOf[float64]{})
	a.Init(make([]float64, brainLen), 1)
	a.arena.at, a.arena.food[0], a.arena.heading = point{5, 5}, point{5, 8}, 0 // at a right angle, to the left
	for offset, want := range map[float64]float64{0: 0.5, 0.25: 0.75, -0.75: -0.25, 0.75: -0.75} {
		var input [brainInputs]float64
		a.offset, a.bits, a.arena.ate = offset, [2]bool{false, true}, true
		a.look(&input)
		assert.InDeltaSlice(t, []float64{0, 1, want, 3 / (20 * math.Sqrt2 / 2), 1}, input[:], 1e-12)
		a.bits, a.arena.ate = [2]bool{true, false}, false
		input = [brainInputs]float64{}
		a.look(&input)
		assert.Equal(t, []float64{1, 0}, input[:2])
		assert.Zero(t, input[4])
	}
}

// Offsets are to both sides, within their bounds and near them.
func TestOffsets(t *testing.T) {
	for _, c := range []struct{ given, want [2]float64 }{{[2]float64{}, [2]float64{0, 0.8}}, {[2]float64{0.9, 1}, [2]float64{0.9, 1}}} {
		a := newAgent(t, ForagingOf[float64]{Least: c.given[0], Most: c.given[1]})
		least, most, right := 1.0, 0.0, 0
		const lives = 1000
		for key := range uint64(lives) {
			a.Init(make([]float64, brainLen), key)
			least, most = min(least, math.Abs(a.offset)), max(most, math.Abs(a.offset))
			if a.offset > 0 {
				right++
			}
		}
		assert.InDelta(t, c.want[0], least, 0.01)
		assert.InDelta(t, c.want[1], most, 0.01)
		assert.InDelta(t, lives/2, right, 64)
	}
}

// The reward of a life is that of its second half, a move.
func TestRewardIsOfTheSecondHalf(t *testing.T) {
	a := newAgent(t, ForagingOf[float64]{Moves: 10, Reach: 100}) // food is wherever one is
	theta, felt := make([]float64, brainLen), make([]float64, a.Senses().Len())
	a.Init(theta, 1)
	for step := range 10 {
		require.NoError(t, a.Sense(felt, theta, step, 0))
		if step == 6 {
			a.arena.reach = 0
		}
	}
	score, err := a.Score(theta)
	require.NoError(t, err)
	assert.Equal(t, map[string]float64{"food": 7, "reward": 2.0 / 5}, score)
	loss, err := a.Eval(nil, theta, 0)
	require.NoError(t, err)
	assert.InDelta(t, 0.3, loss, 1e-12)
}
