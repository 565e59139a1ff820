package inner_test

import (
	"testing"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/params"
)

type subject struct {
	name    string
	single  inner.Family
	double  inner.FamilyOf[float64]
	options problemtest.Options
}

func subjects(t *testing.T) []subject {
	list := []subject{
		{"quadratic", inner.Quadratic{}, inner.QuadraticOf[float64]{}, problemtest.Options{Varies: problemtest.Function}},
		{"quadratic 1", inner.Quadratic{Dim: 1}, inner.QuadraticOf[float64]{Dim: 1}, problemtest.Options{Varies: problemtest.Function}},
		{"quadratic uniform", inner.Quadratic{Uniform: true}, inner.QuadraticOf[float64]{Uniform: true},
			problemtest.Options{Varies: problemtest.Function | problemtest.Start}},
	}
	return list
}

func TestLaws(t *testing.T) {
	for _, s := range subjects(t) {
		t.Run(s.name, func(t *testing.T) {
			problemtest.Run(t, s.double, s.options)
			t.Run("float32 agrees", func(t *testing.T) { problemtest.Agree(t, s.single, s.double) })
		})
	}
}

// start returns the start of an episode named by key.
func start[F params.Float](p inner.ProblemOf[F], key uint64) []F {
	theta := make([]F, p.Params().Len())
	p.Init(theta, key)
	return theta
}
