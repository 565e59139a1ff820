package queue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/dist"
	"github.com/seed1498fded/unroll/meta/dist/queue"
	"github.com/seed1498fded/unroll/meta/es"
	"github.com/seed1498fded/unroll/meta/estimatortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "a token of the tests"

var rule = &lstm.Rule{Hidden: 4, Layers: 1}

// estimators are those that the tests' runs name in their settings.
var estimators = map[string]func() (meta.Estimator, error){
	"bptt": func() (meta.Estimator, error) {
		return meta.NewBPTT(meta.BPTTConfig{Rule: rule, Family: inner.Quadratic{}, Horizon: 9, Window: 3, Workers: 1})
	},
	"whole": func() (meta.Estimator, error) {
		return meta.NewBPTT(meta.BPTTConfig{Rule: rule, Family: inner.Quadratic{}, Horizon: 5, Window: 5, Workers: 1})
	},
	"pes": func() (meta.Estimator, error) {
		return es.New(es.Config{Settings: es.Settings{Pairs: 2}, Rule: rule, Family: inner.Quadratic{}, Horizon: 9, Window: 4, Workers: 1})
	},
	// One whose states and phi are too long for a message.
	"large": func() (meta.Estimator, error) {
		return meta.NewBPTT(meta.BPTTConfig{Rule: large, Family: inner.Quadratic{}, Horizon: 4, Window: 2, Workers: 1, Copies: 240})
	},
}

var large = &lstm.Rule{Hidden: 16, Layers: 1}

func member(name string) func() (dist.Evaluator, error) {
	return func() (dist.Evaluator, error) {
		e, err := estimators[name]()
		if err != nil {
			return nil, err
		}
		return dist.NewMember(e)
	}
}

// build is what the tests' workers build evaluators by.
func build(settings json.RawMessage) (func() (dist.Evaluator, error), error) {
	var name string
	if err := json.Unmarshal(settings, &name); err != nil {
		return nil, err
	}
	if estimators[name] == nil {
		return nil, fmt.Errorf("no estimator %q", name)
	}
	return member(name), nil
}

func serve(t *testing.T, dir, listen string) *queue.Server {
	t.Helper()
	s, err := queue.NewServer(queue.ServerConfig{Listen: listen, Dir: dir, Token: token})
	require.NoError(t, err)
	t.Cleanup(s.Shutdown)
	return s
}

func address(s *queue.Server) queue.Connection {
	return queue.Connection{URL: fmt.Sprintf("nats://127.0.0.1:%d", s.Port()), Token: token}
}

func settings(name string) json.RawMessage {
	text, err := json.Marshal(name)
	if err != nil {
		panic(err)
	}
	return text
}

func learn(t *testing.T, c queue.LearnerConfig, name string) *queue.Learner {
	t.Helper()
	c.Settings, c.Program, c.Kernels, c.New = settings(name), "p", "k", member(name)
	if c.Lease == 0 {
		c.Lease = 500 * time.Millisecond
	}
	l, err := queue.NewLearner(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l
}

// A helper is a worker of the tests.
type helper struct {
	stop context.CancelFunc
	done chan struct{}
	err  error
}

func (h *helper) wait() error {
	<-h.done
	return h.err
}

func help(t *testing.T, c queue.WorkerConfig) *helper {
	t.Helper()
	c.Program, c.Kernels, c.Lease = "p", "k", 500*time.Millisecond
	if c.Build == nil {
		c.Build = build
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := &helper{stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(h.done)
		h.err = queue.Work(ctx, c)
	}()
	t.Cleanup(func() { cancel(); <-h.done })
	return h
}

// await waits until a learner has a worker.
func await(t *testing.T, l *queue.Learner) {
	t.Helper()
	require.Eventually(t, func() bool { return l.Stats().Workers > 0 }, 10*time.Second, time.Millisecond)
}

func here(t *testing.T, name string, members int) estimatortest.Resumable {
	t.Helper()
	e, err := meta.NewMany(meta.ManyConfig{Count: members, New: estimators[name]})
	require.NoError(t, err)
	return e
}

func there(t *testing.T, name string, members int, p dist.Pool) estimatortest.Resumable {
	t.Helper()
	e, err := dist.NewEstimator(dist.EstimatorConfig{Count: members, Pool: p, New: estimators[name]})
	require.NoError(t, err)
	return e
}

func start(name string) []float32 {
	if name == "large" {
		return learnedopt.Phi(large, 3)
	}
	return learnedopt.Phi(rule, 3)
}

// same takes both some steps on and holds them to the same bits; between is called before each.
func same(t *testing.T, name string, want, got estimatortest.Resumable, steps int, between func(step int)) {
	t.Helper()
	phi := start(name)
	for step := range steps {
		if between != nil {
			between(step)
		}
		estimatortest.SameStep(t, want, got, phi, rng.Split(7, uint64(step)))
	}
	require.Equal(t, estimatortest.Saved(t, want), estimatortest.Saved(t, got))
}

// Law: the same bits with any number of workers and goroutines.
func TestSameBits(t *testing.T) {
	for name := range estimators {
		for _, workers := range []int{1, 2, 5} {
			t.Run(fmt.Sprintf("%s, %d workers", name, workers), func(t *testing.T) {
				s := serve(t, t.TempDir(), "")
				l := learn(t, queue.LearnerConfig{Connection: queue.Connection{Server: s, Token: token}}, name)
				var helpers []*helper
				for i := range workers {
					helpers = append(helpers, help(t, queue.WorkerConfig{Connection: address(s), Goroutines: 1 + i%2}))
				}
				same(t, name, here(t, name, 5), there(t, name, 5, l), 6, nil)
				require.NoError(t, l.End(t.Context()))
				for _, h := range helpers {
					require.NoError(t, h.wait(), "it ends when the learner does")
				}
				st := l.Stats()
				require.Equal(t, 30, st.Results+st.Here)
				require.Zero(t, st.Malformed+st.Wrong+st.Foreign+st.Versions+st.Failed+st.Reissued)
			})
		}
	}
}

// Workers that come and go in the middle of tasks change nothing.
func TestWorkersComeAndGo(t *testing.T) {
	s := serve(t, t.TempDir(), "")
	l := learn(t, queue.LearnerConfig{Connection: queue.Connection{Server: s, Token: token}}, "bptt")
	h := help(t, queue.WorkerConfig{Connection: address(s)})
	same(t, "bptt", here(t, "bptt", 4), there(t, "bptt", 4, l), 12, func(step int) {
		if step%3 == 1 {
			h.stop()
			require.ErrorIs(t, h.wait(), context.Canceled)
			h = help(t, queue.WorkerConfig{Connection: address(s)})
		}
	})
}

// The learner knows who helps: what was taken from each adds up to all that was taken, and who has said goodbye is there no more.
func TestHelpers(t *testing.T) {
	s := serve(t, t.TempDir(), "")
	l := learn(t, queue.LearnerConfig{Connection: queue.Connection{Server: s, Token: token}}, "bptt")
	require.Empty(t, l.Helpers())
	first, second := help(t, queue.WorkerConfig{Connection: address(s)}), help(t, queue.WorkerConfig{Connection: address(s), Goroutines: 2})
	require.Eventually(t, func() bool { return len(l.Helpers()) == 2 }, 10*time.Second, 10*time.Millisecond)
	same(t, "bptt", here(t, "bptt", 4), there(t, "bptt", 4, l), 6, nil)
	results, goroutines := 0, 0
	for _, h := range l.Helpers() {
		results, goroutines = results+h.Results, goroutines+h.Goroutines
		require.LessOrEqual(t, h.Busy, h.Goroutines)
		require.Equal(t, "k", h.Kernels)
	}
	stats := l.Stats()
	require.Equal(t, []int{stats.Results, stats.Goroutines}, []int{results, goroutines})
	require.Positive(t, results)
	require.NoError(t, l.End(t.Context()))
	require.NoError(t, first.wait())
	require.NoError(t, second.wait())
	require.Empty(t, l.Helpers())
}

// A silent worker holds a task, and its lease runs out: somebody else has it, and what comes late is of no effect.
func TestSilentWorker(t *testing.T) {
	s := serve(t, t.TempDir(), "")
	l := learn(t, queue.LearnerConfig{Connection: queue.Connection{Server: s, Token: token}}, "bptt")
	var once sync.Once
	proxy := newProxy(t, s.Port())
	held := make(chan struct{})
	h := help(t, queue.WorkerConfig{
		Connection: queue.Connection{URL: proxy.url(), Token: token},
		Build: func(settings json.RawMessage) (func() (dist.Evaluator, error), error) {
			newEvaluator, err := build(settings)
			return func() (dist.Evaluator, error) {
				e, err := newEvaluator()
				return slow{e, func() { once.Do(func() { proxy.cut(); close(held) }) }}, err
			}, err
		},
	})
	want, got := here(t, "bptt", 3), there(t, "bptt", 3, l)
	await(t, l)
	go func() {
		<-held
		help2 := queue.WorkerConfig{Connection: address(s), Program: "p", Kernels: "k", Build: build}
		_ = queue.Work(t.Context(), help2)
	}()
	same(t, "bptt", want, got, 2, nil)
	require.Positive(t, l.Stats().Redelivered)
	proxy.mend()
	require.Eventually(t, func() bool { return l.Stats().Late+l.Stats().Twice > 0 }, 10*time.Second, 10*time.Millisecond)
	same(t, "bptt", here(t, "bptt", 3), there(t, "bptt", 3, l), 4, nil)
	require.NoError(t, l.End(t.Context()))
	require.NoError(t, h.wait())
}

// slow calls a function before each task.
type slow struct {
	dist.Evaluator
	before func()
}

func (s slow) Evaluate(ctx context.Context, t dist.Task) (dist.Result, error) {
	s.before()
	return s.Evaluator.Evaluate(ctx, t)
}

// The errors of workers do not end a run: the learner makes their members itself.
func TestFailingWorker(t *testing.T) {
	s := serve(t, t.TempDir(), "")
	l := learn(t, queue.LearnerConfig{Connection: queue.Connection{Server: s, Token: token}}, "pes")
	help(t, queue.WorkerConfig{Connection: address(s), Build: func(json.RawMessage) (func() (dist.Evaluator, error), error) {
		return func() (dist.Evaluator, error) { return failing{}, nil }, nil
	}})
	await(t, l)
	same(t, "pes", here(t, "pes", 3), there(t, "pes", 3, l), 3, nil)
	require.Positive(t, l.Stats().Failed)
}

type failing struct{ dist.Evaluator }

func (failing) Evaluate(context.Context, dist.Task) (dist.Result, error) {
	return dist.Result{}, errors.New("no\nway\x1b[2J")
}
