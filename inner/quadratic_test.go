package inner_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/seed1498fded/unroll/inner"
)

// The Hessian H and the gradient at 0 are all there is to a quadratic: its minimum is the solution of Hθ = −∇f(0). As W
// is invertible, the loss there is 0.
func TestMinimumOfAQuadratic(t *testing.T) {
	for _, q := range []inner.QuadraticOf[float64]{{}, {Dim: 3}, {Uniform: true, Dim: 4}} {
		p, err := q.Sample(7)
		require.NoError(t, err)
		n := p.Params().Len()
		zero, g := make([]float64, n), make([]float64, n)
		atZero, err := p.Eval(g, zero, 0)
		require.NoError(t, err)
		h := mat.NewDense(n, n, nil)
		for i := range n {
			e, column := make([]float64, n), make([]float64, n)
			e[i] = 1
			require.NoError(t, p.(inner.CurvatureOf[float64]).HessianVector(column, zero, e, 0))
			h.SetCol(i, column)
		}
		var solution mat.VecDense
		require.NoError(t, solution.SolveVec(h, mat.NewVecDense(n, g)))
		theta := make([]float64, n)
		for i := range theta {
			theta[i] = -solution.AtVec(i)
		}
		loss, err := p.Eval(g, theta, 0)
		require.NoError(t, err)
		assert.InDelta(t, 0, loss, 1e-12*atZero)
		assert.InDeltaSlice(t, zero, g, 1e-7)
	}
}

// f(0) = |y|² has the mean Dim·E y², and the trace of 2WᵀW the mean 2·Dim²·E w²: this tells N(0, 1), where both
// expectations are 1, from U[0, 1), where they are 1/3, and a sum of squares from a mean or a half.
func TestDistributionOfQuadratics(t *testing.T) {
	const samples = 2000
	for _, c := range []struct {
		q    inner.Quadratic
		want float64
	}{{inner.Quadratic{}, 1}, {inner.Quadratic{Uniform: true}, 1. / 3}} {
		loss, trace := 0.0, 0.0
		for key := range uint64(samples) {
			p, err := c.q.Sample(key)
			require.NoError(t, err)
			l, err := p.Eval(nil, make([]float32, 10), 0)
			require.NoError(t, err)
			loss += l / samples
			i := int(key % 10)
			e, column := make([]float32, 10), make([]float32, 10)
			e[i] = 1
			require.NoError(t, p.(inner.Curvature).HessianVector(column, e, e, 0))
			trace += 10 * float64(column[i]) / samples
		}
		assert.InEpsilon(t, 10*c.want, loss, 0.05)
		assert.InEpsilon(t, 200*c.want, trace, 0.05)
	}
}

func TestStartOfQuadratics(t *testing.T) {
	p, err := inner.Quadratic{}.Sample(1)
	require.NoError(t, err)
	assert.Equal(t, make([]float32, 10), start(p, 3))
	p, err = inner.Quadratic{Uniform: true, Dim: 1000}.Sample(1)
	require.NoError(t, err)
	square := 0.0
	for _, x := range start(p, 3) {
		square += float64(x) * float64(x)
	}
	assert.InDelta(t, 0.01, math.Sqrt(square/1000), 0.001)
}

func TestQuadraticRefuses(t *testing.T) {
	_, err := inner.Quadratic{Dim: -1}.Sample(0)
	require.EqualError(t, err, "inner: quadratic: Dim is -1; want 1 or more")
	p, err := inner.Quadratic{}.Sample(0)
	require.NoError(t, err)
	assert.PanicsWithValue(t, "inner: theta of length 3, want 10", func() { _, _ = p.Eval(nil, make([]float32, 3), 0) })
}
