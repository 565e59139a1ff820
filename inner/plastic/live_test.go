package plastic_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// A move is a rule of these tests: it adds to the weights of one tensor, for what its synapses feel.
type move func(w, pre, post []float64, felt func(params.Sense) []float64)

// delta is Widrow and Hoff's rule.
func delta(rate float64) move {
	return func(w, pre, post []float64, felt func(params.Sense) []float64) {
		mod := felt(params.Mod)
		outer(w, rate, pre, mod)
	}
}

// hebb is Hebb's rule.
func hebb(rate float64) move {
	return func(w, pre, post []float64, _ func(params.Sense) []float64) { outer(w, rate, pre, post) }
}

// gated is Hebb's rule times the reward.
func gated(rate float64) move {
	return func(w, pre, post []float64, felt func(params.Sense) []float64) {
		outer(w, rate*felt(params.Reward)[0], pre, post)
	}
}

// static moves nothing.
func static([]float64, []float64, []float64, func(params.Sense) []float64) {}

// outer adds rate·preᵀpost, summed over examples.
func outer(w []float64, rate float64, pre, post []float64) {
	examples := 1
	for len(w)*examples*examples != len(pre)*len(post) {
		examples++
	}
	n, m := len(pre)/examples, len(post)/examples
	for e := range examples {
		for i, x := range pre[e*n : (e+1)*n] {
			for j, y := range post[e*m : (e+1)*m] {
				w[i*m+j] += rate * x * y
			}
		}
	}
}

// life returns where a problem's weights are after a number of steps under a rule.
func life(t *testing.T, p inner.ProblemOf[float64], m move, steps int, key uint64) []float64 {
	t.Helper()
	theta := make([]float64, p.Params().Len())
	p.Init(theta, key)
	s := p.(inner.SynapticOf[float64])
	senses, felt := s.Senses(), make([]float64, s.Senses().Len())
	for step := range steps {
		require.NoError(t, s.Sense(felt, theta, step, rng.Split(key+1000, uint64(step))))
		for i, w := range params.Split(p.Params(), theta) {
			name := p.Params()[i].Name
			of := func(s params.Sense) []float64 { return params.Slice(senses, felt, s.Of(name)) }
			m(w, of(params.Pre), of(params.Post), of)
		}
	}
	return theta
}

// lifetime is life for as long as a problem's lives are.
func lifetime(t *testing.T, p inner.ProblemOf[float64], m move, key uint64) []float64 {
	t.Helper()
	return life(t, p, m, p.(inner.Lived).Life(), key)
}

func score(t *testing.T, p inner.ProblemOf[float64], theta []float64) map[string]float64 {
	t.Helper()
	s, err := p.(inner.ScoredOf[float64]).Score(theta)
	require.NoError(t, err)
	return s
}

func sample(t *testing.T, f inner.FamilyOf[float64], key uint64) inner.ProblemOf[float64] {
	t.Helper()
	p, err := f.Sample(key)
	require.NoError(t, err)
	return p
}
