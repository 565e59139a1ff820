package search_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/meta/search"
)

// The functions that searches are compared on, by names.
var functions = map[string]func(x []float64) float64{
	"sphere": func(x []float64) float64 {
		sum := 0.0
		for _, v := range x {
			sum += v * v
		}
		return sum
	},
	"rosenbrock": func(x []float64) float64 {
		sum := 0.0
		for i := range len(x) - 1 {
			a, b := x[i+1]-x[i]*x[i], 1-x[i]
			sum += 100*a*a + b*b
		}
		return sum
	},
	"ellipsoid": func(x []float64) float64 { // axes of lengths up to 1 to 1,000
		sum := 0.0
		for i, v := range x {
			sum += math.Pow(1e6, float64(i)/float64(len(x)-1)) * v * v
		}
		return sum
	},
}

// evaluations counts the candidates until one is below a loss.
func evaluations(t *testing.T, m search.Method, f func([]float64) float64, start []float64, key uint64, below float64, most int) int {
	t.Helper()
	s, err := m.New(start, key)
	require.NoError(t, err)
	for n := 0; n < most; {
		var losses []float64
		for _, x := range s.Ask() {
			losses = append(losses, f(x))
			if n++; losses[len(losses)-1] < below {
				return n
			}
		}
		require.NoError(t, s.Tell(losses))
	}
	return most
}

// median of the evaluations of some runs.
func median(t *testing.T, m search.Method, f func([]float64) float64, n int, runs uint64, below float64) int {
	t.Helper()
	var counts []int
	for key := range runs {
		counts = append(counts, evaluations(t, m, f, slices.Repeat([]float64{0.1}, n), key, below, 100_000))
	}
	slices.Sort(counts)
	return counts[len(counts)/2]
}

// The evaluations of PyPI's cma 4.5.0 to a loss below 1e-9, medians of 51 runs from (0.1, …, 0.1) with σ = 0.5, by
// bench/cma_evaluations.py.
var cmaEvaluations = []struct {
	function string
	n, want  int
}{
	{"sphere", 5, 644}, {"sphere", 10, 1324}, {"rosenbrock", 5, 1744}, {"rosenbrock", 10, 5079},
	{"ellipsoid", 5, 1413}, {"ellipsoid", 10, 3966},
}

// Law: CMA-ES takes at most 1.2 times the evaluations that its author's own program takes, by the median of 21 runs.
func TestCMAESAgainstItsAuthors(t *testing.T) {
	for _, c := range cmaEvaluations {
		got := median(t, search.CMAES{}, functions[c.function], c.n, 21, 1e-9)
		t.Logf("%s in %d dimensions: %d evaluations, cma %d", c.function, c.n, got, c.want)
		require.LessOrEqual(t, float64(got), 1.2*float64(c.want), "%s in %d dimensions", c.function, c.n)
	}
}
