package meta_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/meta"
)

// The gradient over a fraction of the coordinates is right on average, by as much as its own spread tells, and its
// variance falls as (1−f)/f, the law of sampling without repetition.
func TestFractionIsUnbiased(t *testing.T) {
	r := &lstm.Rule{Hidden: 4}
	phi := learnedopt.Phi(r, 1)
	direction := make([]float32, len(phi)) // the estimate is judged along one direction
	estimate := func(fraction float64, key uint64) float64 {
		b, err := meta.NewBPTT(meta.BPTTConfig{
			Rule: r, Family: sameProblem{inner.Quadratic{Dim: 40}}, Horizon: 5, Window: 5, Fraction: fraction,
		})
		require.NoError(t, err)
		grad := make([]float32, len(phi))
		_, err = b.Estimate(context.Background(), grad, phi, key)
		require.NoError(t, err)
		sum := 0.0
		for i, g := range grad {
			sum += float64(g) * float64(direction[i])
		}
		return sum
	}
	rng.Normal(direction, 3, 1)
	want := estimate(0, 1)
	require.Equal(t, want, estimate(1, 2))
	spread := func(fraction float64) (mean, variance float64) {
		const draws = 1500
		var sum, squares float64
		for key := range uint64(draws) {
			x := estimate(fraction, key)
			sum += x
			squares += (x - want) * (x - want)
		}
		return sum / draws, squares / draws
	}
	var variances []float64
	for _, f := range []float64{0.1, 0.5} {
		mean, variance := spread(f)
		require.InDelta(t, want, mean, 4*math.Sqrt(variance/1500), "fraction %v: bias", f)
		variances = append(variances, variance)
	}
	require.InEpsilon(t, 9.0, variances[0]/variances[1], 0.25, "(1−f)/f is 9 at a tenth and 1 at a half")
}

// sameProblem is a family of which every key names the same problem.
type sameProblem struct{ inner.Quadratic }

func (s sameProblem) Sample(uint64) (inner.Problem, error) { return s.Quadratic.Sample(5) }

func TestFractionRefuses(t *testing.T) {
	for want, c := range map[string]meta.BPTTConfig{
		"fraction 1.5":  {Rule: new(lstm.Rule), Fraction: 1.5},
		"fraction -0.1": {Rule: new(lstm.Rule), Fraction: -0.1},
		`"adam" can't`:  {Rule: new(handmade.Adam), Fraction: 0.5},
		`"lstm" can't`:  {Rule: new(lstm.Rule), Fraction: 0.5, Exact: true},
	} {
		c.Family = inner.Quadratic{}
		_, err := meta.NewBPTT(c)
		require.ErrorContains(t, err, want)
	}
}
