package stepsize_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/stepsize"
	"github.com/seed1498fded/unroll/params"
)

var theta = params.Layout{{Name: "w", Shape: []int{2, 2}}, {Name: "b", Shape: []int{2}}}

var grads = [][]float64{{1, -2, 3, 0.5, 0.1, -0.3}, {0.5, 1, -1, 2, 0.2, 0.4}, {-3, 0, 0, 1, 0, 0.1}}

// RMSMomentum, written down once more for each tensor.
func TestRMSMomentumIsItsFormula(t *testing.T) {
	r := &stepsize.RMSMomentum{LR: 0.1, Beta: 0.8}
	c, err := learnedopt.Compile[float64](r, theta)
	require.NoError(t, err)
	phi := []float64{math.Log(0.1), 0.7, -0.4, math.Log(0.8 / 0.2), math.Log(2)}
	state, step := make([]float64, c.State().Len()), make([]float64, 6)
	require.NoError(t, c.Start(state, phi))
	m, size := make([]float64, 6), []float64{2, 2}
	for _, g := range grads {
		require.NoError(t, c.Step(step, state, learnedopt.Point[float64]{Phi: phi, State: state, Grad: g}))
		for k, span := range [][2]int{{0, 4}, {4, 6}} {
			n := float64(span[1] - span[0])
			square := 0.0
			for _, x := range g[span[0]:span[1]] {
				square += x * x / n
			}
			size[k] = 0.8*size[k] + 0.2*square
			rate := math.Exp(phi[0] + phi[1]*math.Log(n)/10)
			if k == 0 { // the matrix
				rate *= math.Exp(phi[2])
			}
			for i := span[0]; i < span[1]; i++ {
				m[i] = 0.8*m[i] + 0.2*g[i]
				require.InDelta(t, -rate*m[i]/(math.Sqrt(size[k])+1e-8), step[i], 1e-12)
			}
		}
	}
}

// Polyak, written down once more.
func TestPolyakIsItsFormula(t *testing.T) {
	c, err := learnedopt.Compile[float64](new(stepsize.Polyak), theta)
	require.NoError(t, err)
	phi := []float64{math.Log(0.5), 0.25, math.Log(0.7 / 0.3)}
	state, step := make([]float64, c.State().Len()), make([]float64, 6)
	s := 0.0
	for k, g := range grads {
		loss := 3 - float64(k)
		require.NoError(t, c.Step(step, state, learnedopt.Point[float64]{Phi: phi, State: state, Grad: g, Loss: []float64{loss}, Step: k}))
		square := 0.0
		for _, x := range g {
			square += x * x
		}
		s = 0.7*s + 0.3*square
		rate := 0.5 * (loss - 0.25) / (s/(1-math.Pow(0.7, float64(k+1))) + 1e-8)
		for i, x := range g {
			require.InDelta(t, -rate*x, step[i], 1e-12)
		}
	}
}
