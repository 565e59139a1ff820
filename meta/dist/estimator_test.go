package dist_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/dist"
	"github.com/seed1498fded/unroll/meta/es"
	"github.com/seed1498fded/unroll/meta/estimatortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var rule = &lstm.Rule{Hidden: 4, Layers: 1}

func bptt(window int, curriculum ...int) func() (meta.Estimator, error) {
	return func() (meta.Estimator, error) {
		return meta.NewBPTT(meta.BPTTConfig{
			Rule: rule, Family: inner.Quadratic{}, Horizon: 11, Window: window, Workers: 1, Curriculum: curriculum, Stage: 2,
		})
	}
}

func strategy(s es.Settings, window int) func() (meta.Estimator, error) {
	return func() (meta.Estimator, error) {
		return es.New(es.Config{Settings: s, Rule: rule, Family: inner.Quadratic{}, Horizon: 11, Window: window, Workers: 1})
	}
}

// estimators are those whose members are shared out.
var estimators = map[string]func() (meta.Estimator, error){
	"bptt":            bptt(4),
	"bptt, whole":     bptt(11),
	"bptt, growing":   bptt(4, 2, 5),
	"es":              strategy(es.Settings{Method: es.Full, Pairs: 2}, 11),
	"pes":             strategy(es.Settings{Method: es.PES, Pairs: 2}, 4),
	"nres":            strategy(es.Settings{Method: es.NRES, Pairs: 2, Shortest: 5}, 4),
	"gpes":            strategy(es.Settings{Method: es.GPES, Pairs: 2, K: 3}, 4),
	"truncated":       strategy(es.Settings{Method: es.Truncated, Pairs: 2}, 4),
	"pes, again":      strategy(es.Settings{Method: es.PES, Pairs: 2, Again: &es.Again{Part: 1}}, 2),
	"pes, controlled": strategy(es.Settings{Method: es.PES, Pairs: 3, Control: es.BPTTControl}, 4),
}

func evaluator(newEstimator func() (meta.Estimator, error)) func() (dist.Evaluator, error) {
	return func() (dist.Evaluator, error) {
		e, err := newEstimator()
		if err != nil {
			return nil, err
		}
		return dist.NewMember(e)
	}
}

func distributed(t *testing.T, count, workers int, newEstimator func() (meta.Estimator, error)) *dist.Estimator {
	t.Helper()
	pool, err := dist.Goroutines(workers, evaluator(newEstimator))
	require.NoError(t, err)
	e, err := dist.NewEstimator(dist.EstimatorConfig{Count: count, Pool: pool, New: newEstimator})
	require.NoError(t, err)
	return e
}

// Law: members anywhere are, to the bit, what as many estimators are here, in estimates, gradients and checkpoints, which each can load
// of the other.
func TestMembersAreMany(t *testing.T) {
	for name, newEstimator := range estimators {
		for _, count := range []int{1, 3} {
			t.Run(name, func(t *testing.T) {
				many := func() estimatortest.Resumable {
					if count == 1 {
						e, err := newEstimator()
						require.NoError(t, err)
						return e.(estimatortest.Resumable)
					}
					m, err := meta.NewMany(meta.ManyConfig{Count: count, New: newEstimator})
					require.NoError(t, err)
					return m
				}
				here, there := many(), distributed(t, count, 2, newEstimator)
				phi := learnedopt.Phi(rule, 3)
				for key := range uint64(8) {
					require.Equal(t, estimatortest.Saved(t, here), estimatortest.Saved(t, there))
					if key == 5 {
						file := estimatortest.Saved(t, there)
						here, there = many(), distributed(t, count, 1, newEstimator)
						require.NoError(t, estimatortest.Load(t, here, file))
						require.NoError(t, estimatortest.Load(t, there, file))
					}
					if key%3 == 1 {
						_, err := there.Estimate(t.Context(), make([]float32, len(phi)), phi, key+100)
						require.NoError(t, err)
						there.Revert()
					}
					estimatortest.SameStep(t, here, there, phi, key)
				}
				require.Equal(t, estimatortest.Saved(t, here), estimatortest.Saved(t, there))
			})
		}
	}
}

// Where nothing is carried, nothing travels.
func TestNoStateBetweenEpisodes(t *testing.T) {
	phi := learnedopt.Phi(rule, 3)
	for name, c := range map[string]struct {
		of   func() (meta.Estimator, error)
		none bool
	}{
		"whole episodes": {bptt(11), true}, "windows": {bptt(4), false}, "es": {strategy(es.Settings{Method: es.Full}, 11), true},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := evaluator(c.of)()
			require.NoError(t, err)
			r, err := e.Evaluate(t.Context(), dist.Task{Key: 1, Phi: phi})
			require.NoError(t, err)
			require.Equal(t, c.none, r.State == nil)
			require.NoError(t, e.Check(dist.Task{Phi: phi}, r))
		})
	}
}

func TestEndsWithItsContext(t *testing.T) {
	e := distributed(t, 3, 2, bptt(4))
	phi := learnedopt.Phi(rule, 3)
	grad := make([]float32, len(phi))
	_, err := e.Estimate(t.Context(), grad, phi, 1)
	require.NoError(t, err)
	before := estimatortest.Saved(t, e)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = e.Estimate(ctx, grad, phi, 2)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, before, estimatortest.Saved(t, e))
}

// What cannot be a member's result is refused, and an evaluator that has met it goes on as if it had not.
func TestCheck(t *testing.T) {
	newEvaluator := evaluator(bptt(4))
	e, err := newEvaluator()
	require.NoError(t, err)
	phi := learnedopt.Phi(rule, 3)
	task := dist.Task{Key: 1, Phi: phi}
	r, err := e.Evaluate(t.Context(), task)
	require.NoError(t, err)
	for name, spoil := range map[string]func(*dist.Result){
		"short":      func(r *dist.Result) { r.Grad = r.Grad[1:] },
		"none":       func(r *dist.Result) { r.Grad = nil },
		"steps":      func(r *dist.Result) { r.Steps = -1 },
		"episodes":   func(r *dist.Result) { r.Episodes = -1 },
		"state":      func(r *dist.Result) { r.State = []byte("nonsense") },
		"state, cut": func(r *dist.Result) { r.State = r.State[:len(r.State)-1] },
	} {
		spoiled := r
		spoil(&spoiled)
		require.Error(t, e.Check(task, spoiled), name)
	}
	_, err = e.Evaluate(t.Context(), dist.Task{Key: 1, Phi: phi, State: []byte("nonsense")})
	require.Error(t, err)
	_, err = e.Evaluate(t.Context(), dist.Task{Key: 1, Phi: phi[1:]})
	require.ErrorContains(t, err, "phi of")
	again, err := e.Evaluate(t.Context(), task)
	require.NoError(t, err)
	require.Equal(t, r, again)
}

func TestFinite(t *testing.T) {
	nan := float32(math.NaN())
	require.True(t, dist.Result{Grad: []float32{1}}.Finite())
	require.False(t, dist.Result{Grad: []float32{1, nan}}.Finite())
	require.False(t, dist.Result{Estimate: meta.Estimate{Loss: math.Inf(1)}}.Finite())
}

func TestRefusals(t *testing.T) {
	_, err := dist.NewEstimator(dist.EstimatorConfig{Count: -1})
	require.ErrorContains(t, err, "-1 members")
	_, err = dist.NewEstimator(dist.EstimatorConfig{})
	require.ErrorContains(t, err, "without a pool")
	_, err = dist.Goroutines(-1, nil)
	require.ErrorContains(t, err, "-1 goroutines")
	wrong := errors.New("wrong")
	_, err = dist.Goroutines(1, func() (dist.Evaluator, error) { return nil, wrong })
	require.ErrorIs(t, err, wrong)
	many := distributed(t, 3, 1, bptt(4))
	require.ErrorContains(t, estimatortest.Load(t, distributed(t, 2, 1, bptt(4)), estimatortest.Saved(t, many)), "more than 2 members")
	require.Error(t, estimatortest.Load(t, distributed(t, 4, 1, bptt(4)), estimatortest.Saved(t, many)))
}
