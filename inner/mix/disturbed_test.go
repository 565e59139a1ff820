package mix_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/mix"
	"github.com/seed1498fded/unroll/inner/problemtest"
)

func quadratics() inner.FamilyOf[float64] { return inner.QuadraticOf[float64]{} }

// Law: disturbed problems obey the laws of problems; their derivative is that of the loss.
func TestDisturbedLaws(t *testing.T) {
	for name, f := range map[string]inner.FamilyOf[float64]{
		"noisy":      mix.NoisyOf[float64]{Of: quadratics(), Noise: mix.Range{Low: .1, High: 1}},
		"directions": mix.DirectionsOf[float64]{Of: quadratics(), Least: 1, Most: 4},
	} {
		t.Run(name, func(t *testing.T) {
			problemtest.Run(t, f, problemtest.Options{Varies: problemtest.Function})
		})
	}
	t.Run("normalised", func(t *testing.T) {
		problemtest.Run(t, mix.NormalisedOf[float64]{Of: quadratics()}, problemtest.Options{Varies: problemtest.Function})
	})
	t.Run("scaled", func(t *testing.T) {
		f := mix.ScaledOf[float64]{Of: quadratics(), Loss: mix.Range{Low: .1, High: 10}}
		problemtest.Run(t, f, problemtest.Options{Varies: problemtest.Function})
	})
}

// look returns a problem's loss, gradient and derivative at one place.
func look(t *testing.T, f inner.FamilyOf[float64], key uint64) (loss float64, grad, slope []float64) {
	t.Helper()
	p, err := f.Sample(1)
	require.NoError(t, err)
	n := p.Params().Len()
	theta, grad, slope := make([]float64, n), make([]float64, n), make([]float64, n)
	loss, err = p.Eval(grad, theta, key)
	require.NoError(t, err)
	require.NoError(t, p.(inner.SignalledOf[float64]).Derivative(slope, theta, key))
	return loss, grad, slope
}

func square(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	return sum
}

// In the mean over minibatches a gradient with noise, or from directions, is the derivative. Its mean square is that of the closed form:
// |g|²(1 + s²), and with k directions of n numbers |g|²(1 + (n − 1)/k).
func TestDisturbedMoments(t *testing.T) {
	const n, rounds = 10, 20000
	for name, c := range map[string]struct {
		f    inner.FamilyOf[float64]
		more float64
	}{
		"noisy":      {mix.NoisyOf[float64]{Of: quadratics(), Noise: mix.Range{Low: .5, High: .5}}, .25},
		"directions": {mix.DirectionsOf[float64]{Of: quadratics(), Least: 3, Most: 3}, (n - 1) / 3.},
	} {
		p, err := c.f.Sample(1)
		require.NoError(t, err)
		_, _, slope := look(t, c.f, 1)
		theta, grad, mean, squares := make([]float64, n), make([]float64, n), make([]float64, n), 0.0
		for key := range uint64(rounds) {
			_, err := p.Eval(grad, theta, key)
			require.NoError(t, err)
			squares += square(grad) / rounds
			for i, g := range grad {
				mean[i] += g / rounds
			}
		}
		for i := range mean {
			mean[i] -= slope[i]
		}
		bound := math.Sqrt(c.more * square(slope) / rounds)
		require.Less(t, math.Sqrt(square(mean)), 3*bound, name)
		require.InEpsilon(t, square(slope)*(1+c.more), squares, .05, name)
	}
}

// A gradient that is normalised has the direction of the derivative and a mean square of 1; one that is zero stays so.
func TestNormalised(t *testing.T) {
	_, grad, slope := look(t, mix.NormalisedOf[float64]{Of: quadratics()}, 1)
	require.InEpsilon(t, 10, square(grad), 1e-12)
	for i := range grad {
		require.InEpsilon(t, slope[i]/slope[0], grad[i]/grad[0], 1e-12)
	}
	p, err := mix.NormalisedOf[float64]{Of: flat{}}.Sample(1)
	require.NoError(t, err)
	none := []float64{3}
	_, err = p.Eval(none, []float64{1}, 1)
	require.NoError(t, err)
	require.Zero(t, none[0])
}

// flat is a function that is the same everywhere.
type flat struct{ inner.ProblemOf[float64] }

func (f flat) Sample(uint64) (inner.ProblemOf[float64], error) { return f, nil }
func (flat) Eval(grad, _ []float64, _ uint64) (float64, error) { clear(grad); return 1, nil }

// Loss and gradient are multiplied by the same number, which each key draws.
func TestScaled(t *testing.T) {
	of := kept{problemtest.BowlOf[float64]{N: 3}}
	plain, err := of.Sample(0)
	require.NoError(t, err)
	theta, want, grad := []float64{1, 2, 3}, make([]float64, 3), make([]float64, 3)
	loss, err := plain.Eval(want, theta, 2)
	require.NoError(t, err)
	seen := map[float64]bool{}
	for key := range uint64(5) {
		p, err := mix.ScaledOf[float64]{Of: of, Loss: mix.Range{Low: .1, High: 10}}.Sample(key)
		require.NoError(t, err)
		got, err := p.Eval(grad, theta, 2)
		require.NoError(t, err)
		by := got / loss
		seen[by] = true
		require.True(t, by >= .1 && by <= 10)
		for i := range grad {
			require.InEpsilon(t, by*want[i], grad[i], 1e-12)
		}
	}
	require.Len(t, seen, 5)
}

func TestDisturbedRefuses(t *testing.T) {
	twice := "mix: gradients can't be disturbed where a signal is in their place already"
	for want, f := range map[string]inner.FamilyOf[float64]{
		"mix: noise: from 2 to 1; want numbers above 0 in order":                                 mix.NoisyOf[float64]{Of: quadratics(), Noise: mix.Range{Low: 2, High: 1}},
		"mix: scale: from 2 to 1; want numbers above 0 in order":                                 mix.ScaledOf[float64]{Of: quadratics(), Loss: mix.Range{Low: 2, High: 1}},
		"mix: directions: from 0 to 1; want numbers from 1 to 1024 in order":                     mix.DirectionsOf[float64]{Of: quadratics(), Most: 1},
		"mix: mix_test.signalled hands out a signal in the gradient's place, which has no scale": mix.ScaledOf[float64]{Of: signalled{}},
		twice: mix.NormalisedOf[float64]{Of: signalled{}},
	} {
		_, err := f.Sample(0)
		require.EqualError(t, err, want)
	}
}
