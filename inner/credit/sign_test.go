package credit

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/nets"
)

// feedbackOf returns what the signal went down through in a gradient of a sign-symmetric rule: B of all blocks but the first.
func feedbackOf(t *testing.T, p *ProblemOf[float64], s *signed[float64], theta []float64, key uint64) []float64 {
	t.Helper()
	gradientOf(t, p, theta, key)
	var all []float64
	for l := 1; l < p.family.Net.Blocks(); l++ {
		b, _ := p.family.Net.Weights(s.b, l)
		w, _ := p.family.Net.Weights(theta, l)
		for i, v := range w {
			require.Equal(t, sign(v), sign(b[i]), "block %d, element %d: W is %v, B %v", l, i, v, b[i])
		}
		all = append(all, b...)
	}
	return all
}

func sizes(v []float64) []float64 {
	s := slices.Clone(v)
	for i, x := range s {
		s[i] = math.Abs(x)
	}
	return s
}

// All forms have the signs of the weights as they are, while these change; they differ in whether sizes do.
func TestSignsAreThoseOfTheWeights(t *testing.T) {
	var s *signed[float64]
	for _, form := range []struct {
		rule   RuleOf[float64]
		signed func(AssignerOf[float64])
		fixed  bool // from minibatch to minibatch
		start  bool // drawn at the start
	}{
		{UniformSignOf[float64]{}, func(a AssignerOf[float64]) { s = &a.(*uniformSign[float64]).signed }, true, false},
		{BatchSignOf[float64]{}, func(a AssignerOf[float64]) { s = &a.(*batchSign[float64]).signed }, false, false},
		{FixedSignOf[float64]{}, func(a AssignerOf[float64]) { s = &a.(*fixedSign[float64]).signed }, true, true},
	} {
		t.Run(form.rule.Name(), func(t *testing.T) {
			p, theta := bound(t, form.rule, nets.CrossEntropy, deepLayers...)
			form.signed(p.assigner)
			before := feedbackOf(t, p, s, theta, 2)
			assert.Equal(t, before, feedbackOf(t, p, s, theta, 2), "the same minibatch again")
			assert.Equal(t, form.fixed, slices.Equal(before, feedbackOf(t, p, s, theta, 3)), "another minibatch")

			w, _ := p.family.Net.Weights(theta, 2)
			for i := range w {
				w[i] = -w[i]
			}
			w[0] = 0
			after := feedbackOf(t, p, s, theta, 2)
			at := len(before) - len(w) - 5*4 // block 2 stands before the last
			assert.Zero(t, after[at])
			after[at] = before[at]
			assert.Equal(t, sizes(before), sizes(after), "sizes know nothing of the weights")

			p.Init(theta, 9)
			assert.Equal(t, !form.start, slices.Equal(sizes(before), sizes(feedbackOf(t, p, s, theta, 2))), "another start")
		})
	}
}

func TestUniformSignsAreOfOneSize(t *testing.T) {
	p, theta := bound(t, UniformSignOf[float64]{Scale: 3}, nets.CrossEntropy, nets.Dense{Units: 9}, nets.Activation("tanh"))
	s := &p.assigner.(*uniformSign[float64]).signed
	for _, b := range feedbackOf(t, p, s, theta, 2) {
		assert.Equal(t, 1.0, math.Abs(b)) // 3/√9
	}
}

func TestAlias(t *testing.T) {
	r, err := Named[float32]("sign-symmetry", nil)
	require.NoError(t, err)
	assert.Equal(t, "frsf", r.Name())
}
