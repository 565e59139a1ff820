package dist_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/dist"
	"github.com/seed1498fded/unroll/meta/estimatortest"
	"github.com/seed1498fded/unroll/meta/search"
	"github.com/seed1498fded/unroll/params"
)

// bowl is an evaluator whose minimum is drawn anew with each key, close to 1.
type bowl struct{}

func (bowl) Evaluate(_ context.Context, phi []float32, key uint64) (meta.Estimate, error) {
	minimum := make([]float64, len(phi))
	rng.Normal(minimum, key, 0.1)
	loss := 0.0
	for i, x := range phi {
		d := float64(x) - 1 - minimum[i]
		loss += d * d
	}
	return meta.Estimate{Loss: loss, Steps: 7, Episodes: 2}, nil
}

// Law: a search whose candidates are evaluated by a pool is the one whose candidates are evaluated here.
func TestPopulation(t *testing.T) {
	newLearner := func(c search.Config) *search.Learner {
		s, err := search.ES{Mu: 4, Lambda: 23}.New(make([]float64, 5), 3)
		require.NoError(t, err)
		c.Search, c.Layout = s, params.Layout{{Name: "a", Shape: []int{5}}}
		l, err := search.New(c)
		require.NoError(t, err)
		return l
	}
	here := newLearner(search.Config{NewEvaluator: func() (search.Evaluator, error) { return bowl{}, nil }})
	pool, err := dist.Goroutines(3, func() (dist.Evaluator, error) { return dist.Candidate(bowl{}), nil })
	require.NoError(t, err)
	there := newLearner(search.Config{Population: dist.Population(pool)})
	for key := range uint64(10) {
		want, err := here.Learn(t.Context(), key, meta.Progress{})
		require.NoError(t, err)
		got, err := there.Learn(t.Context(), key, meta.Progress{})
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, here.Phi(), there.Phi())
	}
	require.Equal(t, estimatortest.Saved(t, here), estimatortest.Saved(t, there))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = there.Learn(ctx, 1, meta.Progress{})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, estimatortest.Saved(t, here), estimatortest.Saved(t, there))
}

func TestCheckOfCandidates(t *testing.T) {
	e := dist.Candidate(bowl{})
	require.NoError(t, e.Check(dist.Task{}, dist.Result{}))
	require.Error(t, e.Check(dist.Task{}, dist.Result{Grad: []float32{1}}))
	require.Error(t, e.Check(dist.Task{}, dist.Result{State: []byte{1}}))
	require.Error(t, e.Check(dist.Task{}, dist.Result{Estimate: meta.Estimate{Steps: -1}}))
}
