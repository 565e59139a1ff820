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

func mlp(name string, m inner.MLP) subject {
	m.Data = problemtest.Images(30, 3)
	return subject{name, m, inner.MLPOf[float64](m), problemtest.Options{Varies: problemtest.Start | problemtest.Batch}}
}

func subjects(t *testing.T) []subject {
	list := []subject{
		{"quadratic", inner.Quadratic{}, inner.QuadraticOf[float64]{}, problemtest.Options{Varies: problemtest.Function}},
		{"quadratic 1", inner.Quadratic{Dim: 1}, inner.QuadraticOf[float64]{Dim: 1}, problemtest.Options{Varies: problemtest.Function}},
		{"quadratic uniform", inner.Quadratic{Uniform: true}, inner.QuadraticOf[float64]{Uniform: true},
			problemtest.Options{Varies: problemtest.Function | problemtest.Start}},
		mlp("logistic", inner.MLP{Batch: 7}),
		mlp("two hidden layers", inner.MLP{Hidden: []int{5, 3}, Batch: 7, Std: 0.5}),
		mlp("wide", inner.MLP{Hidden: []int{130}, Batch: 200}), // more than one tile of a product, both ways
	}
	for _, a := range inner.Activations() {
		list = append(list, mlp(a, inner.MLP{Hidden: []int{6}, Activation: a, Batch: 7}))
	}
	for _, s := range list[:5] {
		list = append(list, subject{"replicate " + s.name, inner.Replicate{Family: s.single, Copies: 3},
			inner.ReplicateOf[float64]{Family: s.double, Copies: 3}, s.options})
	}
	for _, a := range append(inner.Activations(), "") {
		hidden := []int{5, 3}
		if a == "" {
			hidden = nil
		}
		list = append(list, subject{"expression " + a, written[float32](problemtest.Images(30, 3), hidden, a, 7),
			written[float64](problemtest.Images(30, 3), hidden, a, 7),
			problemtest.Options{Varies: problemtest.Start | problemtest.Batch, Allocates: true}})
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
