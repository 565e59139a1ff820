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

const neurons = 11

// homing is a brain that turns to where the food seems to be, and goes there once that is ahead: the neuron of the angle excites
// one output and inhibits the other, and both have a bias to be on.
func homing() []float64 {
	brain := make([]float64, neurons*neurons+neurons)
	const angle, left, right = 2, neurons - 2, neurons - 1
	brain[angle*neurons+left], brain[angle*neurons+right] = 10, -10
	brain[neurons*neurons+left], brain[neurons*neurons+right] = 1, 1
	return brain
}

// eaten returns the mean food of a number of lives.
func eaten(t *testing.T, f plastic.ForagingOf[float64], m move) float64 {
	const lives = 60
	p, sum := sample(t, f, 1), 0.0
	for key := range uint64(lives) {
		theta := lifetime(t, p, m, key)
		s := score(t, p, theta)
		require.InDelta(t, 1-s["food"]/300, loss(t, p, theta), 1e-12)
		require.LessOrEqual(t, s["reward"]*150, s["food"]+1e-9)
		sum += s["food"] / lives
	}
	return sum
}

// A brain that homes in finds food where its sensor is right, and none where the sensor says behind for ahead; in both kinds of
// arena.
func TestForaging(t *testing.T) {
	for _, walls := range []bool{false, true} {
		f := plastic.ForagingOf[float64]{Brain: homing(), Cycles: 2, Walls: walls, Most: 1e-9}
		right := eaten(t, f, static)
		f.Least, f.Most = 0.9, 1
		wrong := eaten(t, f, static)
		f.Least, f.Most = 0, 0
		broken := eaten(t, f, static)
		f.Brain = nil
		random := eaten(t, f, static)
		t.Logf("walls %v: right %.1f, broken %.1f, wrong %.1f, random brain %.1f", walls, right, broken, wrong, random)
		assert.Greater(t, right, 17.0)
		assert.Less(t, wrong, 5.0)
		assert.Less(t, random, 5.0)
		assert.Less(t, broken, right-5)
		assert.Greater(t, broken, wrong)
	}
}

// No neuron is joined to itself, whatever the diagonal says.
func TestForagingHasNoSelfLoops(t *testing.T) {
	brain := homing()
	for i := range brain {
		brain[i] += 0.3 * float64(i%7-3)
	}
	other := append([]float64(nil), brain...)
	for i := range neurons {
		other[i*neurons+i] = 5
	}
	a := sample(t, plastic.ForagingOf[float64]{Brain: brain, Cycles: 3}, 1)
	b := sample(t, plastic.ForagingOf[float64]{Brain: other, Cycles: 3}, 1)
	n := a.(inner.SynapticOf[float64]).Senses().Len()
	one, two := make([]float64, n), make([]float64, n)
	theta := make([]float64, len(brain))
	a.Init(theta, 3)
	require.Equal(t, brain, theta)
	b.Init(theta, 3)
	for step := range 100 {
		require.NoError(t, a.(inner.SynapticOf[float64]).Sense(one, brain, step, 0))
		require.NoError(t, b.(inner.SynapticOf[float64]).Sense(two, other, step, 0))
		require.Equal(t, one, two)
	}
}

// The potential of the last cycle is what presynaptic activity, biases and inputs make, w and b feel the same, and a life's rewards
// are its food.
func TestForagingSenses(t *testing.T) {
	p := sample(t, plastic.ForagingOf[float64]{Brain: homing(), Cycles: 2, Most: 1e-9}, 1)
	s := p.(inner.SynapticOf[float64])
	theta, felt := make([]float64, neurons*neurons+neurons), make([]float64, s.Senses().Len())
	p.Init(theta, 1)
	food := 0.0
	for step := range p.(inner.Lived).Life() {
		require.NoError(t, s.Sense(felt, theta, step, rng.Split(1, uint64(step))))
		of := func(sense params.Sense, weights string) []float64 {
			return params.Slice(s.Senses(), felt, sense.Of(weights))
		}
		require.Equal(t, of(params.Post, "w"), of(params.Post, "b"))
		require.Equal(t, of(params.Potential, "w"), of(params.Potential, "b"))
		angle := of(params.Pre, "w")[2]
		require.InDelta(t, 10*angle+1, of(params.Potential, "w")[neurons-2], 1e-12)
		require.InDelta(t, -10*angle+1, of(params.Potential, "w")[neurons-1], 1e-12)
		food += of(params.Reward, "")[0]
	}
	require.Positive(t, food)
	require.Equal(t, food, score(t, p, theta)["food"])
}

func TestForagingRefuses(t *testing.T) {
	for want, f := range map[string]plastic.Foraging{
		"plastic: foraging: Moves is 1; want 2..1048576":                                      {Moves: 1},
		"plastic: foraging: Cycles is -1; want 1..1000":                                       {Cycles: -1},
		"plastic: foraging: Food is 101; want 1..100":                                         {Food: 101},
		"plastic: foraging: Side is -3; want a number of 0 or more":                           {Side: -3},
		"plastic: foraging: a Brain of 3 weights; want 132":                                   {Brain: make([]float32, 3)},
		"plastic: foraging: offsets from Least 0.5 to Most 0.2; want 0 <= Least <= Most <= 1": {Least: 0.5, Most: 0.2},
		"plastic: foraging: offsets from Least 0 to Most 2; want 0 <= Least <= Most <= 1":     {Most: 2},
	} {
		_, err := f.Sample(1)
		require.EqualError(t, err, want)
	}
}
