package inner_test

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

func TestReplicateIsTheSumOfItsParts(t *testing.T) {
	const key = 5
	for name, f := range map[string]inner.FamilyOf[float64]{"regression": regression[float64](), "quadratic": inner.QuadraticOf[float64]{Dim: 4}} {
		t.Run(name, func(t *testing.T) {
			whole, err := inner.ReplicateOf[float64]{Family: f, Copies: 3}.Sample(key)
			require.NoError(t, err)
			theta := start(whole, key)
			for i := range theta {
				theta[i] += float64(i) / 100
			}
			grad, product := make([]float64, len(theta)), make([]float64, len(theta))
			loss, err := whole.Eval(grad, theta, key)
			require.NoError(t, err)
			require.NoError(t, whole.(inner.CurvatureOf[float64]).HessianVector(product, theta, theta, key))
			sum := 0.0
			n := len(theta) / 3
			for i := range 3 {
				child := rng.Split(key, uint64(i))
				part, err := f.Sample(child)
				require.NoError(t, err)
				assert.Equal(t, start(part, child), start(whole, key)[i*n:(i+1)*n])
				want := make([]float64, n)
				l, err := part.Eval(want, theta[i*n:(i+1)*n], child)
				require.NoError(t, err)
				sum += l
				assert.Equal(t, want, grad[i*n:(i+1)*n])
				require.NoError(t, part.(inner.CurvatureOf[float64]).HessianVector(want, theta[i*n:(i+1)*n], theta[i*n:(i+1)*n], child))
				assert.Equal(t, want, product[i*n:(i+1)*n])
			}
			assert.Equal(t, sum, loss)
		})
	}
}

func TestReplicateNamesItsCopies(t *testing.T) {
	p, err := inner.Replicate{Family: regression[float32](), Copies: 2}.Sample(0)
	require.NoError(t, err)
	assert.Equal(t, "0/x[3 2] 0/b[2] 0/scale[1] 1/x[3 2] 1/b[2] 1/scale[1]", p.Params().String())
}

// flat hides everything but the methods of Problem.
type flat struct{ inner.Problem }

// of makes a family of a function.
type of func(key uint64) (inner.Problem, error)

func (f of) Sample(key uint64) (inner.Problem, error) { return f(key) }

var errBroken = errors.New("broken")

type broken struct{ inner.Problem }

func (broken) Eval(_, _ []float32, _ uint64) (float64, error)  { return 0, errBroken }
func (broken) HessianVector(_, _, _ []float32, _ uint64) error { return errBroken }
func (broken) Params() params.Layout                           { return params.Layout{{Name: "x", Shape: []int{2}}} }
func (broken) Init([]float32, uint64)                          {}

func TestReplicateHasTheCurvatureOfItsCopies(t *testing.T) {
	last := rng.Split(1, 2)
	p, err := inner.Replicate{Copies: 3, Family: of(func(key uint64) (inner.Problem, error) {
		p, err := inner.Quadratic{}.Sample(key)
		if key == last {
			return flat{p}, err
		}
		return p, err
	})}.Sample(1)
	require.NoError(t, err)
	_, ok := p.(inner.Curvature)
	assert.False(t, ok)
}

func TestReplicateKeepsWhatIsNotFinite(t *testing.T) {
	p, err := inner.Replicate{Family: inner.Quadratic{}, Copies: 3}.Sample(1)
	require.NoError(t, err)
	theta := start(p, 1)
	theta[15] = float32(math.Inf(1))
	grad := make([]float32, len(theta))
	loss, err := p.Eval(grad, theta, 1)
	require.NoError(t, err)
	assert.False(t, loss < math.MaxFloat64)
	for _, g := range append(grad[:10:10], grad[20:]...) {
		assert.False(t, math.IsNaN(float64(g)), "the other copies' gradients are their own")
	}
}

func TestReplicateRefuses(t *testing.T) {
	uneven := of(func(key uint64) (inner.Problem, error) {
		if key == rng.Split(0, 1) {
			return inner.Quadratic{Dim: 2}.Sample(key)
		}
		return inner.Quadratic{Dim: 3}.Sample(key)
	})
	for want, r := range map[string]inner.Replicate{
		"inner: replicate: no family":                                                                       {Copies: 2},
		"inner: replicate: 0 copies; want 1 or more":                                                        {Family: inner.Quadratic{}},
		"inner: replicate: copy 0: inner: quadratic: Dim is -1; want 1 or more":                             {Family: inner.Quadratic{Dim: -1}, Copies: 2},
		"inner: replicate: the layout of copy 1 is not that of copy 0: tensor 0 is theta[2], want theta[3]": {Family: uneven, Copies: 2},
	} {
		_, err := r.Sample(0)
		require.EqualError(t, err, want)
	}
}

func TestReplicatePassesErrorsOn(t *testing.T) {
	p, err := inner.Replicate{Copies: 2, Family: of(func(uint64) (inner.Problem, error) { return broken{}, nil })}.Sample(0)
	require.NoError(t, err)
	theta := make([]float32, 4)
	_, err = p.Eval(theta, theta, 0)
	require.ErrorIs(t, err, errBroken)
	require.ErrorContains(t, err, "copy 0")
	require.ErrorIs(t, p.(inner.Curvature).HessianVector(theta, theta, theta, 0), errBroken)
}
