package plastic_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/plastic"
)

func loss(t *testing.T, p inner.ProblemOf[float64], theta []float64) float64 {
	t.Helper()
	l, err := p.Eval(nil, theta, 0)
	require.NoError(t, err)
	return l
}

// The delta rule is Rescorla and Wagner's, and gives what they say.
func TestDeltaConditions(t *testing.T) {
	p := sample(t, plastic.ConditioningOf[float64]{}, 1)
	theta := lifetime(t, p, delta(0.3), 1)
	got := score(t, p, theta)
	t.Log(got)
	want := map[string]float64{"acquisition": 1, "extinction": 0, "blocking": 0, "control": 0.5, "cs": 0, "us": 0}
	require.Len(t, got, len(want))
	for name, y := range want {
		assert.InDelta(t, y, got[name], 1e-3, name)
	}
	assert.Less(t, loss(t, p, theta), 1e-5)

	// In closed form: a stimulus alone approaches by (1−rate)ⁿ, two of them by (1−2·rate)ⁿ.
	left := math.Pow(0.7, 20)
	assert.InDelta(t, 1-left*left, got["acquisition"], 1e-12)
	assert.InDelta(t, (1-left)*left, got["extinction"], 1e-12)
	assert.InDelta(t, left/2*(1-math.Pow(0.4, 20)), got["blocking"], 1e-12)
	assert.InDelta(t, (1-math.Pow(0.4, 20))/2, got["control"], 1e-12)
}

// Hebb's rule needs the unconditioned stimulus to drive the neuron; then it acquires, up to the ceiling, and neither extinguishes
// nor blocks. A US that is not compared with the response does as badly.
func TestOthersDoNot(t *testing.T) {
	p := sample(t, plastic.ConditioningOf[float64]{}, 1)
	assert.Zero(t, score(t, p, lifetime(t, p, hebb(0.3), 1))["acquisition"])
	assert.Equal(t, 1+0.25, loss(t, p, lifetime(t, p, static, 1)))
	for _, c := range []struct {
		f plastic.ConditioningOf[float64]
		m move
	}{{plastic.ConditioningOf[float64]{Drive: 1}, hebb(0.3)}, {plastic.ConditioningOf[float64]{Mod: "target"}, delta(0.3)}} {
		p := sample(t, c.f, 1)
		got := score(t, p, lifetime(t, p, c.m, 1))
		for _, name := range []string{"acquisition", "extinction", "blocking"} {
			assert.Equal(t, 1.5, got[name], name)
		}
	}
}

func TestConditioningRefuses(t *testing.T) {
	for want, f := range map[string]plastic.Conditioning{
		"plastic: conditioning: Block is -2; want 1..1048576":              {Block: -2},
		`plastic: conditioning: no Mod "us"; there are error, target`:      {Mod: "us"},
		"plastic: conditioning: Drive is -1; want a number of 0 or more":   {Drive: -1},
		"plastic: conditioning: Start is +Inf; want a number of 0 or more": {Start: math.Inf(1)},
	} {
		_, err := f.Sample(1)
		require.EqualError(t, err, want)
	}
}
