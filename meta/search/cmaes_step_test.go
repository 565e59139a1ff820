package search_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/meta/search"
)

// carried returns the numbers that a search of one number saves, by name.
func carried(t *testing.T, s search.Search) map[string]float64 {
	t.Helper()
	f := &checkpoints.File{Meta: make(map[string]string)}
	require.NoError(t, s.Save(f, ""))
	all := make(map[string]float64)
	for _, x := range f.Tensors {
		all[x.Name] = x.F64[0]
	}
	return all
}

// Law: in one dimension, where all is short, mean, paths, σ and C move as the tutorial's equations say (Hansen 2016, appendix A). On a slope
// σ soon grows so fast that h_σ is 0: then C's path does not take the step in, and C is given back what its variance loses by that.
func TestCMAESMovesAsTheTutorialSays(t *testing.T) {
	s, err := search.CMAES{}.New([]float64{3}, 8)
	require.NoError(t, err)
	const n, lambda = 1.0, 4
	weights := make([]float64, lambda)
	for i := range weights {
		weights[i] = math.Log((lambda+1)/2.0) - math.Log(float64(i+1))
	}
	effective := func(w []float64) float64 {
		sum, squares := 0.0, 0.0
		for _, x := range w {
			sum, squares = sum+x, squares+x*x
		}
		return sum * sum / squares
	}
	muEff, muEffBad := effective(weights[:2]), effective(weights[2:])
	cs, cc := (muEff+2)/(n+muEff+5), (4+muEff/n)/(n+4+2*muEff/n)
	c1 := 2 / ((n+1.3)*(n+1.3) + muEff)
	cmu := min(1-c1, 2*(0.25+muEff-2+1/muEff)/((n+2)*(n+2)+muEff))
	damping := 1 + 2*max(0, math.Sqrt((muEff-1)/(n+1))-1) + cs
	expected := math.Sqrt(n) * (1 - 1/(4*n) + 1/(21*n*n))
	good, bad := weights[0]+weights[1], -(weights[2] + weights[3])
	for i := range weights {
		if i < 2 {
			weights[i] /= good
		} else {
			weights[i] *= min(1+c1/cmu, 1+2*muEffBad/(muEff+2), (1-c1-cmu)/(n*cmu)) / bad
		}
	}
	mean, sigma, c, pathSigma, path := 3.0, 0.5, 1.0, 0.0, 0.0
	seen := map[bool]int{}
	for g := range 25 {
		x := s.Ask()
		var y, losses []float64
		for _, v := range x {
			y, losses = append(y, (v[0]-mean)/sigma), append(losses, v[0])
		}
		require.NoError(t, s.Tell(losses))
		slices.Sort(y) // the lower the better
		moved := weights[0]*y[0] + weights[1]*y[1]
		mean += sigma * moved
		pathSigma = (1-cs)*pathSigma + math.Sqrt(cs*(2-cs)*muEff)*moved/math.Sqrt(c)
		straight := math.Abs(pathSigma)/math.Sqrt(1-math.Pow(1-cs, 2*float64(g+1))) < (1.4+2/(n+1))*expected
		seen[straight]++
		path *= 1 - cc
		back := 0.0
		if straight {
			path += math.Sqrt(cc*(2-cc)*muEff) * moved
		} else {
			back = c1 * cc * (2 - cc)
		}
		next := (1+back-c1)*c + c1*path*path
		for i, w := range weights {
			next -= cmu * w * c
			if w < 0 {
				w *= n / (y[i] * y[i] / c)
			}
			next += cmu * w * y[i] * y[i]
		}
		c, sigma = next, sigma*math.Exp(cs/damping*(math.Abs(pathSigma)/expected-1))
		got := carried(t, s)
		for name, want := range map[string]float64{
			"mean": mean, "path_sigma": pathSigma, "path": path, "covariance": c, "sigma_and_decomposed": sigma,
		} {
			require.Contains(t, got, name)
			require.InDelta(t, want, got[name], 1e-9*max(1, math.Abs(want)), "%s after %d", name, g+1)
		}
	}
	require.Positive(t, seen[true])
	require.Positive(t, seen[false])
}
