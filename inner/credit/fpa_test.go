package credit_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
)

type fpa = credit.FixedPredictionOf[float64]

// With γ = 1 the target is one block further down after each step: after L−1 for L blocks nothing is left to do, and before
// that the first block has nothing.
func TestFPAAtGammaOneIsBackpropWhenTheTargetHasArrived(t *testing.T) {
	for _, sizes := range [][]int{{10, 20, 5}, {10, 20, 20, 5}, deep, {10, 20, 20, 20, 20, 20, 5}} {
		blocks := len(sizes) - 1
		s := newStack(t, 16, nets.CrossEntropy, sizes, tanh)
		want := s.backprop(t)
		require.Equal(t, want, s.gradient(t, fpa{Gamma: 1, Steps: blocks - 1}))
		require.Equal(t, want, s.gradient(t, fpa{Gamma: 1, Steps: 50}))
		require.Equal(t, want, s.gradient(t, fpa{Gamma: 1, Steps: 1, Sequential: true}))
		if blocks > 2 {
			short := s.gradient(t, fpa{Gamma: 1, Steps: blocks - 2})
			_, from := s.net.Weights(want, 1)
			_, first := s.net.Weights(short, 0)
			require.Equal(t, make([]float64, len(first)), first)
			_, second := s.net.Weights(short, 1)
			require.Equal(t, from, second)
		}
	}
}

// The part of backprop's signal that has arrived at a distance from the output is a probability: of as many successes among
// as many trials as there were steps.
func TestFPAIsBackpropTimesAProbability(t *testing.T) {
	s := newStack(t, 4, nets.SquaredError, []int{6, 8, 8, 8, 8, 3}, tanh)
	s.backprop(t)
	truth := s.signal
	for _, gamma := range []float64{0.1, 0.5, 1} {
		for _, steps := range []int{1, 3, 8, 40} {
			for _, sequential := range []bool{false, true} {
				s.gradient(t, fpa{Gamma: gamma, Steps: steps, Sequential: sequential})
				for l, delta := range truth.Delta {
					k, trials := 4-l, steps
					if sequential {
						trials += max(0, k-1)
					}
					arrived := atLeast(k, trials, gamma)
					for i, d := range delta {
						require.InDelta(t, arrived*d, s.signal.Delta[l][i], 1e-14)
					}
				}
			}
		}
	}
}

// atLeast returns the probability of at least k successes among n trials.
func atLeast(k, n int, p float64) float64 {
	sum := 0.0
	for i := k; i <= n; i++ {
		ways, _ := math.Lgamma(float64(n + 1))
		a, _ := math.Lgamma(float64(i + 1))
		b, _ := math.Lgamma(float64(n - i + 1))
		sum += math.Exp(ways-a-b) * math.Pow(p, float64(i)) * math.Pow(1-p, float64(n-i))
	}
	return sum
}

// The errors of the gradient of four blocks, as measured elsewhere on such a net, within a factor that its weights explain.
func TestFPAErrorDecays(t *testing.T) {
	s := newStack(t, 16, nets.SquaredError, deep, tanh)
	want := s.backprop(t)
	for _, c := range []struct {
		gamma float64
		steps int
		error float64
	}{
		{0.1, 20, 3.6e-1}, {0.1, 50, 5.0e-2}, {0.1, 100, 8.2e-4}, {0.1, 200, 7.8e-8},
		{0.2, 20, 9.3e-2}, {0.2, 50, 5.4e-4}, {0.2, 100, 2.8e-8},
		{0.5, 20, 8.3e-5}, {0.5, 50, 5e-13},
	} {
		got, _ := compare(s.gradient(t, fpa{Gamma: c.gamma, Steps: c.steps}), want)
		t.Logf("gamma %v, %d steps: %.2g, measured elsewhere %.2g", c.gamma, c.steps, got, c.error)
		require.InDelta(t, 0, math.Log(got/c.error), math.Log(2))
	}
}
