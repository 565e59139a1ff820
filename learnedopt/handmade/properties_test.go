package handmade_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// one takes a rule's first step of weights of a shape.
func one(t *testing.T, r learnedopt.Rule, shape []int, theta, grad []float64) (step []float64) {
	t.Helper()
	c, err := learnedopt.Compile[float64](r, params.Layout{{Name: "w", Shape: shape}})
	require.NoError(t, err)
	phi, state := params.Convert[float64](learnedopt.Phi(r, 0)), make([]float64, c.State().Len())
	require.NoError(t, c.Start(state, phi))
	step = make([]float64, len(grad))
	require.NoError(t, c.Step(step, state, learnedopt.Point[float64]{Phi: phi, State: state, Grad: grad, Theta: theta}))
	return step
}

func normal(n int, key uint64) []float64 {
	v := make([]float64, n)
	rng.Normal(v, key, 1)
	return v
}

func length(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x * x
	}
	return math.Sqrt(s)
}

// Of squares that are a product of a row and a column Adafactor loses nothing: factored or not, the steps are the same. Of
// others it does.
func TestFactorsOfAProductAreExact(t *testing.T) {
	for _, shape := range [][]int{{4, 3}, {3, 4}, {3, 3}, {2, 1, 5}, {5, 1, 3}, {1, 3, 2}} {
		n, last := params.Spec{Shape: shape}.Len(), shape[len(shape)-1]
		theta, grad, other := normal(n, 1), normal(n, 2), normal(n, 3)
		for i := range grad {
			grad[i] = float64(1+i/last) * math.Pow(2, float64(i%last)) * math.Copysign(1, grad[i])
		}
		whole, factored := &handmade.Adafactor{}, &handmade.Adafactor{MinFactored: 2}
		require.InDeltaSlice(t, one(t, whole, shape, theta, grad), one(t, factored, shape, theta, grad), 1e-12, "%v", shape)
		require.NotEqual(t, one(t, whole, shape, theta, other), one(t, factored, shape, theta, other))
	}
}

// Adafactor's rate is in units of the weights' size, or of 0.001 where they are smaller.
func TestAdafactorMovesByThePartOfTheSize(t *testing.T) {
	for want, size := range map[float64]float64{0.001: 0, 2: 2} {
		theta := []float64{size, -size, size}
		step := one(t, &handmade.Adafactor{LR: 0.1}, []int{3}, theta, []float64{3, -1e-3, 1e3})
		require.InDeltaSlice(t, []float64{-0.1 * want, 0.1 * want, -0.1 * want}, step, 1e-6*want)
	}
}

// Muon makes the singular values of a step about equal: its length is about the root of their number, in the wide form and in the
// tall one, which are each other's transpose but for the stretch of the wide one.
func TestMuonEvensOutSingularValues(t *testing.T) {
	const rows, columns = 3, 8
	grad, turned := normal(rows*columns, 4), make([]float64, rows*columns)
	for i := range rows {
		for j := range columns {
			turned[j*rows+i] = grad[i*columns+j]
		}
	}
	zero := make([]float64, rows*columns)
	r := &handmade.Muon{LR: 1}
	wide, tall := one(t, r, []int{rows, columns}, zero, grad), one(t, r, []int{columns, rows}, zero, turned)
	require.InDelta(t, math.Sqrt(rows), length(tall), 0.3*math.Sqrt(rows))
	for i := range rows {
		for j := range columns {
			require.InDelta(t, wide[i*columns+j], math.Sqrt(columns/float64(rows))*tall[j*rows+i], 1e-12)
		}
	}
}

// LAMB moves a tensor by a part LR of its length, and by the length of Adam's step where either has none.
func TestLAMBMovesByAPartOfTheLength(t *testing.T) {
	theta, grad := normal(6, 5), normal(6, 6)
	r := &handmade.LAMB{LR: 0.25}
	require.InEpsilon(t, 0.25*length(theta), length(one(t, r, []int{2, 3}, theta, grad)), 1e-6)
	require.InEpsilon(t, 0.25*math.Sqrt(6), length(one(t, r, []int{2, 3}, make([]float64, 6), grad)), 1e-4)
	require.Zero(t, length(one(t, r, []int{2, 3}, theta, make([]float64, 6))))
}

// Lion moves by LR whatever the gradient's size, and not at all without one.
func TestLionMovesByTheSign(t *testing.T) {
	require.InDeltaSlice(t, []float64{-0.5, 0.5, 0}, one(t, &handmade.Lion{LR: 0.5}, []int{3}, nil, []float64{1e-6, -1e6, 0}), 1e-7)
}

// Rules that find their rate do: from a start of about 1e-6 they reach the minimum of a bowl ten away.
func TestRatesAreFound(t *testing.T) {
	for _, r := range []learnedopt.Rule{&handmade.DoG{}, &handmade.DoWG{}, &handmade.Prodigy{}} {
		opt, err := learnedopt.New(r, nil, vector(4))
		require.NoError(t, err)
		theta, grad, minimum := make([]float32, 4), make([]float32, 4), []float32{5, -5, 5, -5}
		for range 2000 {
			for i := range grad {
				grad[i] = float32(i+1) * (theta[i] - minimum[i])
			}
			require.NoError(t, opt.Step(theta, grad))
		}
		require.InDeltaSlice(t, minimum, theta, 0.5, r.Name())
	}
}
