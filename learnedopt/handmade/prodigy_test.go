package handmade_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// Prodigy, written down once more for one tensor, with an ε that shows which estimate it is multiplied by: the one that this
// step has found.
func TestProdigyIsItsFormula(t *testing.T) {
	const lr, beta1, beta2, eps, first, decay = 0.5, 0.8, 0.9, 0.3, 0.01, 0.1
	r := &handmade.Prodigy{LR: lr, Beta1: beta1, Beta2: beta2, Eps: eps, First: first, Decay: decay}
	c, err := learnedopt.Compile[float64](r, vector(3))
	require.NoError(t, err)
	phi := natural{"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps, "first": first, "growth": 1, "decay": decay}.phi(t, r.Spec().Phi)
	theta, state, step := []float64{1, -2, 3}, make([]float64, c.State().Len()), make([]float64, 3)
	require.NoError(t, c.Start(state, phi))

	var m, v, s, moved [3]float64
	d, along, beta3 := first, 0.0, math.Sqrt(beta2)
	for k := range 12 {
		grad := []float64{1, 0.5 + float64(k), -2}
		require.NoError(t, c.Step(step, state, learnedopt.Point[float64]{Phi: phi, State: state, Grad: grad, Theta: theta}))
		rate := lr * d * math.Sqrt(1-math.Pow(beta2, float64(k+1))) / (1 - math.Pow(beta1, float64(k+1)))
		along *= beta3
		length := 0.0
		for i, g := range grad {
			m[i], v[i] = beta1*m[i]+(1-beta1)*d*g, beta2*v[i]+(1-beta2)*d*d*g*g
			s[i] = beta3*s[i] + d/first*rate*g
			along -= d / first * rate * g * moved[i]
			length += math.Abs(s[i])
		}
		next := max(d, along/length)
		for i := range theta {
			want := -rate * (m[i]/(math.Sqrt(v[i])+next*eps) + decay*theta[i])
			require.InDelta(t, want, step[i], 1e-10, "step %d, weight %d", k+1, i)
			moved[i] += want
			theta[i] += step[i]
		}
		d = next
	}
	require.Greater(t, d, 2*first)
	require.InEpsilon(t, d, params.Slice(c.State(), state, "distance")[0], 1e-9)
}
