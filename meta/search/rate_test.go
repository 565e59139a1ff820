package search_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta/search"
	"github.com/seed1498fded/unroll/meta/search/searchtest"
)

// progress returns c(μ/μ,λ), the mean of the best μ of λ standard normals, by drawing them.
func progress(mu, lambda int) float64 {
	const draws = 200_000
	r, sum := rng.New(1), 0.0
	v := make([]float64, lambda)
	for range draws {
		for i := range v {
			v[i] = r.NormFloat64()
		}
		slices.Sort(v)
		for _, x := range v[lambda-mu:] {
			sum += x / float64(mu)
		}
	}
	return sum / draws
}

// slope runs an evolution strategy on the sphere, and fits a line to the logarithm of the distance from the minimum.
func slope(t *testing.T, c search.ES, n, generations int) (perGeneration, r2 float64) {
	t.Helper()
	s, err := c.New(slices.Repeat([]float64{1}, n), 4)
	require.NoError(t, err)
	var at, log []float64
	for g := range generations {
		var losses []float64
		for _, x := range s.Ask() {
			losses = append(losses, searchtest.Sphere(x))
		}
		require.NoError(t, s.Tell(losses))
		if g > 100 {
			at, log = append(at, float64(g)), append(log, math.Log(searchtest.Sphere(s.Current()))/2)
		}
	}
	a, b := stat.LinearRegression(at, log, nil, false)
	return b, stat.RSquared(at, log, nil, a, b)
}

// Law: on the sphere an evolution strategy comes closer by a constant factor a generation. With one step size and recombination the
// logarithm of the distance falls by φ/n with φ ≤ μ·c²/2, c the mean of the best μ of λ normals, the most that any step size
// gives in many dimensions (Beyer and Schwefel 2002, on the progress rate of the (μ/μ, λ) strategy); self-adaptation reaches a
// good part of it. Step sizes of their own for all numbers must be learned with less luck each, and are slower.
func TestESConvergesAtTheRateOfTheory(t *testing.T) {
	const n, mu, lambda = 40, 3, 12
	c := progress(mu, lambda)
	most := mu * c * c / 2 / n
	rate, r2 := slope(t, search.ES{Mu: mu, Lambda: lambda, Recombine: true, Isotropic: true}, n, 1500)
	t.Logf("isotropic: %.4f a generation, R² %.5f; at most %.4f", rate, r2, -most)
	require.Greater(t, r2, 0.999)
	require.Less(t, rate, -0.5*most)
	require.Greater(t, rate, -1.1*most)

	for name, c := range map[string]search.ES{"recombining": {Recombine: true}, "default": {}} {
		own, r2 := slope(t, c, 10, 500)
		t.Logf("%s: %.4f a generation, R² %.5f", name, own, r2)
		require.Greater(t, r2, 0.99)
		require.Less(t, own, -0.02)
	}
}

// Law: the decomposition of a symmetric matrix is orthogonal, gives the matrix back, and has gonum's eigenvalues.
func TestEigen(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 40} {
		a := make([]float64, n*n)
		rng.Normal(a, uint64(n), 1)
		for i := range n {
			for j := range i {
				a[i*n+j] = a[j*n+i]
			}
		}
		b, d := make([]float64, n*n), make([]float64, n)
		search.Eigen(slices.Clone(a), b, d)
		axes := mat.NewDense(n, n, b)
		var again, one mat.Dense
		again.Product(axes, mat.NewDiagDense(n, d), axes.T())
		one.Mul(axes.T(), axes)
		require.InDeltaSlice(t, a, again.RawMatrix().Data, 1e-12*float64(n))
		require.InDeltaSlice(t, identity(n), one.RawMatrix().Data, 1e-13*float64(n))
		var e mat.EigenSym
		require.True(t, e.Factorize(mat.NewSymDense(n, a), false))
		slices.Sort(d)
		require.InDeltaSlice(t, e.Values(nil), d, 1e-12*float64(n))
	}
	d := make([]float64, 2)
	search.Eigen([]float64{0, 0, 0, 0}, make([]float64, 4), d)
	require.Equal(t, []float64{0, 0}, d)
}

func identity(n int) []float64 {
	v := make([]float64, n*n)
	for i := range n {
		v[i*n+i] = 1
	}
	return v
}
