package search_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/search"
	"github.com/seed1498fded/unroll/params"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bowl is an evaluator whose minimum is drawn anew with each key, close to 1.
type bowl struct {
	calls  *atomic.Int64
	failAt int64 // the call that fails with err
	err    error
	cancel context.CancelFunc // called at failAt
}

func (b bowl) Evaluate(ctx context.Context, phi []float32, key uint64) (meta.Estimate, error) {
	if n := b.calls.Add(1); b.failAt > 0 && n >= b.failAt {
		if b.cancel != nil {
			b.cancel()
			return meta.Estimate{}, ctx.Err()
		}
		return meta.Estimate{}, b.err
	}
	minimum := make([]float64, len(phi))
	rng.Normal(minimum, key, 0.1)
	loss := 0.0
	for i, x := range phi {
		d := float64(x) - 1 - minimum[i]
		loss += d * d
	}
	return meta.Estimate{Loss: loss, Steps: 7, Episodes: 2}, nil
}

var phiLayout = params.Layout{{Name: "a", Shape: []int{2, 2}}, {Name: "b", Shape: []int{1}}}

func newLearner(t *testing.T, b bowl, workers int) *search.Learner {
	t.Helper()
	if b.calls == nil {
		b.calls = new(atomic.Int64)
	}
	s, err := search.ES{Mu: 4, Lambda: 23}.New(make([]float64, phiLayout.Len()), 3)
	require.NoError(t, err)
	l, err := search.New(search.Config{
		Search: s, Layout: phiLayout, Workers: workers, NewEvaluator: func() (search.Evaluator, error) { return b, nil },
	})
	require.NoError(t, err)
	return l
}

// The same bits on any number of goroutines, and the counts of all candidates.
func TestLearnerOnAnyNumberOfGoroutines(t *testing.T) {
	one := newLearner(t, bowl{}, 1)
	others := []*search.Learner{newLearner(t, bowl{}, 2), newLearner(t, bowl{}, 7), newLearner(t, bowl{}, 100), newLearner(t, bowl{}, 0)}
	for step := range uint64(20) {
		want, err := one.Learn(t.Context(), step, meta.Progress{})
		require.NoError(t, err)
		require.Equal(t, 23*7, want.Steps)
		require.Equal(t, 23*2, want.Episodes)
		for _, l := range others {
			got, err := l.Learn(t.Context(), step, meta.Progress{})
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Equal(t, one.Phi(), l.Phi())
		}
	}
	for _, x := range one.Phi() {
		require.InDelta(t, 1, x, 0.3)
	}
}

// All candidates of a generation meet with the same luck, and the next with another.
func TestLearnerKeys(t *testing.T) {
	seen := make(chan uint64, 1000)
	s, err := search.CMAES{}.New(make([]float64, phiLayout.Len()), 3)
	require.NoError(t, err)
	l, err := search.New(search.Config{Search: s, Layout: phiLayout, NewEvaluator: func() (search.Evaluator, error) {
		return evaluator(func(_ []float32, key uint64) float64 { seen <- key; return 1 }), nil
	}})
	require.NoError(t, err)
	keys := make(map[uint64]int)
	for step := range uint64(3) {
		_, err := l.Learn(t.Context(), step, meta.Progress{})
		require.NoError(t, err)
	}
	close(seen)
	for key := range seen {
		keys[key]++
	}
	require.Len(t, keys, 3)
	for key, n := range keys {
		require.Equal(t, len(s.Ask()), n, key)
	}
}

// An evaluator of a function.
type evaluator func(phi []float32, key uint64) float64

func (f evaluator) Evaluate(_ context.Context, phi []float32, key uint64) (meta.Estimate, error) {
	return meta.Estimate{Loss: f(phi, key), Steps: 1, Episodes: 1}, nil
}

// A generation that is cut short, by the context or an error, leaves the learner as it was.
func TestLearnerCutShort(t *testing.T) {
	for _, workers := range []int{1, 3} {
		plain := newLearner(t, bowl{}, workers)
		ctx, cancel := context.WithCancel(t.Context())
		calls := new(atomic.Int64)
		stopped := newLearner(t, bowl{calls: calls, failAt: 10, cancel: cancel}, workers)
		_, err := stopped.Learn(ctx, 1, meta.Progress{})
		require.ErrorIs(t, err, context.Canceled)
		boom := errors.New("boom")
		failing := newLearner(t, bowl{calls: new(atomic.Int64), failAt: 10, err: boom}, workers)
		_, err = failing.Learn(t.Context(), 1, meta.Progress{})
		require.ErrorIs(t, err, boom)
		for _, l := range []*search.Learner{stopped, failing} {
			require.Zero(t, l.Search().Generation())
			require.Equal(t, plain.Phi(), l.Phi())
		}
		calls.Store(math.MinInt64 / 2) // no more failures
		want, err := plain.Learn(t.Context(), 1, meta.Progress{})
		require.NoError(t, err)
		got, err := stopped.Learn(t.Context(), 1, meta.Progress{})
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, plain.Phi(), stopped.Phi())
	}
}

// A trainer over the learner that is saved in the middle goes on to the bit, and keeps what validates best.
func TestLearnerUnderATrainer(t *testing.T) {
	trainer := func() *meta.Trainer {
		tr, err := meta.NewTrainer(meta.TrainerConfig{
			Learner: newLearner(t, bowl{}, 2), Key: 5, Every: 100,
			Validate: func(_ context.Context, phi []float32) (float64, error) {
				return searchLoss(phi), nil
			},
		})
		require.NoError(t, err)
		return tr
	}
	until := func(steps int) func(meta.Status) bool {
		return func(s meta.Status) bool { return s.OuterSteps >= steps }
	}
	whole := trainer()
	require.NoError(t, whole.Run(t.Context(), until(40), func(meta.Event) error { return nil }))
	half := trainer()
	require.NoError(t, half.Run(t.Context(), until(17), func(meta.Event) error { return nil }))
	f, err := half.Checkpoint(nil)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, f.Write(&b))
	f, err = checkpoints.Read(&b, "")
	require.NoError(t, err)
	resumed := trainer()
	require.NoError(t, resumed.Restore(f))
	require.NoError(t, resumed.Run(t.Context(), until(40), func(meta.Event) error { return nil }))
	require.Equal(t, whole.Status(), resumed.Status())
	require.Equal(t, whole.Best(), resumed.Best())
	require.Equal(t, whole.Last(), resumed.Last())
	require.Less(t, searchLoss(whole.Best()), 0.05)
}

func searchLoss(phi []float32) float64 {
	loss := 0.0
	for _, x := range phi {
		loss += float64((x - 1) * (x - 1))
	}
	return loss
}

// Where every candidate diverges, nothing moves and the step counts as skipped.
func TestLearnerOfNothingFinite(t *testing.T) {
	s, err := search.GA{}.New(make([]float64, phiLayout.Len()), 3)
	require.NoError(t, err)
	bad := math.NaN()
	l, err := search.New(search.Config{Search: s, Layout: phiLayout, Workers: 1, NewEvaluator: func() (search.Evaluator, error) {
		return evaluator(func([]float32, uint64) float64 { return bad }), nil
	}})
	require.NoError(t, err)
	o, err := l.Learn(t.Context(), 1, meta.Progress{})
	require.NoError(t, err)
	require.True(t, o.Skipped)
	require.True(t, math.IsInf(o.Loss, 1))
	bad = 3
	o, err = l.Learn(t.Context(), 1, meta.Progress{})
	require.NoError(t, err)
	require.False(t, o.Skipped)
	require.Equal(t, 3.0, o.Loss)
}

func TestLearnerMisused(t *testing.T) {
	s, err := search.ES{}.New(make([]float64, 3), 1)
	require.NoError(t, err)
	make := func() (search.Evaluator, error) { return bowl{}, nil }
	_, err = search.New(search.Config{Layout: phiLayout, NewEvaluator: make})
	require.EqualError(t, err, "search: a learner without a search or without an evaluator")
	_, err = search.New(search.Config{Search: s, Layout: phiLayout, NewEvaluator: make})
	require.EqualError(t, err, "search: a search of 3 numbers for a phi of 5")
	layout := slices.Clone(phiLayout[:1])
	layout[0].Shape = []int{3}
	_, err = search.New(search.Config{Search: s, Layout: layout, NewEvaluator: make, Workers: -1})
	require.EqualError(t, err, "search: -1 workers; want 0 for all processors, or more")
	boom := errors.New("boom")
	_, err = search.New(search.Config{Search: s, Layout: layout, NewEvaluator: func() (search.Evaluator, error) { return nil, boom }})
	require.ErrorIs(t, err, boom)
}
