package meta_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/estimatortest"
	"github.com/seed1498fded/unroll/params"
)

func manyOf[F params.Float](count, workers int, r learnedopt.Rule) (*meta.ManyOf[F], error) {
	return meta.NewMany(meta.ManyConfigOf[F]{Count: count, Workers: workers, New: func() (meta.EstimatorOf[F], error) {
		return meta.NewBPTT(meta.BPTTConfigOf[F]{Rule: r, Family: inner.QuadraticOf[F]{}, Horizon: 11, Window: 4})
	}})
}

// Law: the conduct of an estimator.
func TestLawsOfMany(t *testing.T) {
	r := &lstm.Rule{Hidden: 4, Layers: 1}
	estimatortest.Run(t, estimatortest.Subject{
		New: func() (meta.EstimatorOf[float64], error) { return manyOf[float64](3, 2, r) },
		Phi: params.Convert[float64](learnedopt.Phi(r, 1)), Key: 5,
	})
}

// Law: many are the mean of each by itself, with the keys' children.
func TestManyAreTheMean(t *testing.T) {
	r := &handmade.Adam{LR: 0.1}
	phi := params.Convert[float64](learnedopt.Phi(r, 0))
	m, err := manyOf[float64](3, 0, r)
	require.NoError(t, err)
	var singles []*meta.ManyOf[float64]
	for range 3 {
		s, err := manyOf[float64](1, 1, r)
		require.NoError(t, err)
		singles = append(singles, s)
	}
	got, want, each := make([]float64, len(phi)), make([]float64, len(phi)), make([]float64, len(phi))
	for call := range uint64(4) {
		est, err := m.Estimate(context.Background(), got, phi, call)
		require.NoError(t, err)
		loss, steps := 0.0, 0
		clear(want)
		for i, s := range singles {
			b := meta.SingleOf(s)
			e, err := b.Estimate(context.Background(), each, phi, rng.Split(call, uint64(i)))
			require.NoError(t, err)
			loss, steps = loss+e.Loss/3, steps+e.Steps
			for j, x := range each {
				want[j] += x / 3
			}
		}
		require.InEpsilon(t, loss, est.Loss, 1e-12)
		require.Equal(t, steps, est.Steps)
		require.InDeltaSlice(t, want, got, 1e-12*max(1, size(want)))
	}
}

// Law: the bits do not depend on the number of goroutines, and what is saved goes on as if it had not been.
func TestManyResumeToTheBit(t *testing.T) {
	r := &lstm.Rule{Hidden: 4, Layers: 1}
	phi := learnedopt.Phi(r, 3)
	whole, err := manyOf[float32](5, 1, r)
	require.NoError(t, err)
	parts, err := manyOf[float32](5, 4, r)
	require.NoError(t, err)
	for call := range uint64(7) {
		want, got := make([]float32, len(phi)), make([]float32, len(phi))
		a, err := whole.Estimate(context.Background(), want, phi, call)
		require.NoError(t, err)
		b, err := parts.Estimate(context.Background(), got, phi, call)
		require.NoError(t, err)
		require.Equal(t, a, b)
		require.Equal(t, want, got)
		f := saved(t, parts)
		parts, err = manyOf[float32](5, 2, r)
		require.NoError(t, err)
		require.NoError(t, parts.Load(f, "episode"))
		fewer, err := manyOf[float32](4, 2, r)
		require.NoError(t, err)
		require.ErrorContains(t, fewer.Load(f, "episode"), "more than 4 estimators")
		more, err := manyOf[float32](6, 2, r)
		require.NoError(t, err)
		require.Error(t, more.Load(f, "episode"))
	}
}

// counted is an estimator of one number that counts its calls, and fails or diverges when told.
type counted struct {
	calls int
	loss  float64
	fail  bool
}

func (s *counted) Phi() params.Layout { return estimatortest.Vector(1) }
func (s *counted) Revert()            { s.calls-- }
func (s *counted) Estimate(_ context.Context, grad, _ []float64, _ uint64) (meta.Estimate, error) {
	if s.fail {
		return meta.Estimate{}, errors.New("no")
	}
	s.calls++
	grad[0] = s.loss
	return meta.Estimate{Loss: s.loss, Steps: 1, Episodes: 1}, nil
}

// Law: what diverged does not count, and where one of them fails none has moved.
func TestManyWhereOneIsNotSound(t *testing.T) {
	var all []*counted
	m, err := meta.NewMany(meta.ManyConfigOf[float64]{Count: 3, New: func() (meta.EstimatorOf[float64], error) {
		all = append(all, &counted{loss: float64(len(all) + 1)})
		return all[len(all)-1], nil
	}})
	require.NoError(t, err)
	all[1].loss = math.Inf(1)
	grad := make([]float64, 1)
	est, err := m.Estimate(context.Background(), grad, grad, 1)
	require.NoError(t, err)
	require.Equal(t, meta.Estimate{Loss: 2, Steps: 3, Episodes: 3}, est)
	require.Equal(t, []float64{2}, grad)
	for _, s := range all {
		s.loss = math.NaN()
	}
	est, err = m.Estimate(context.Background(), grad, grad, 1)
	require.NoError(t, err)
	require.True(t, math.IsInf(est.Loss, 1))
	require.Zero(t, grad[0])
	all[2].fail = true
	_, err = m.Estimate(context.Background(), grad, grad, 1)
	require.EqualError(t, err, "no")
	for i, s := range all {
		require.Equal(t, 2, s.calls, "estimator %d", i)
	}
	_, err = meta.NewMany(meta.ManyConfigOf[float64]{Count: -1})
	require.EqualError(t, err, "meta: -1 estimators; want at least 1")
	_, err = meta.NewMany(meta.ManyConfigOf[float64]{Workers: -1})
	require.EqualError(t, err, "meta: -1 workers; want 0 for all processors, or more")
	_, err = meta.NewMany(meta.ManyConfigOf[float64]{New: func() (meta.EstimatorOf[float64], error) { return fleeting{}, nil }})
	require.EqualError(t, err, "meta: an estimator of type meta_test.fleeting can't take back an estimate")
	require.ErrorContains(t, m.Save(nil, ""), fmt.Sprintf("%T can't be saved", all[0]))
}

type fleeting struct{ meta.EstimatorOf[float64] }
