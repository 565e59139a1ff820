package queue_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/meta/dist"
	"github.com/seed1498fded/unroll/meta/dist/queue"
	"github.com/seed1498fded/unroll/meta/estimatortest"
)

// A server of its own that dies and comes back in the middle of everything, with or without what it had stored, loses nothing.
func TestServerRestarts(t *testing.T) {
	for name, forgets := range map[string]bool{"remembers": false, "forgets": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := serve(t, dir, "")
			at := address(s)
			listen := fmt.Sprintf("127.0.0.1:%d", s.Port())
			l := learn(t, queue.LearnerConfig{Connection: at}, "large")
			var once sync.Once
			restart := func() {
				once.Do(func() {
					s.Shutdown()
					if forgets {
						dir = t.TempDir()
					}
					s = serve(t, dir, listen)
				})
			}
			h := help(t, queue.WorkerConfig{Connection: at, Build: func(settings json.RawMessage) (func() (dist.Evaluator, error), error) {
				newEvaluator, err := build(settings)
				return func() (dist.Evaluator, error) {
					e, err := newEvaluator()
					calls := 0
					return slow{e, func() {
						if calls++; calls == 5 {
							restart()
						}
					}}, err
				}, err
			}})
			same(t, "large", here(t, "large", 3), there(t, "large", 3, l), 4, nil)
			require.NoError(t, l.End(t.Context()))
			require.NoError(t, h.wait())
		})
	}
}

// A learner that dies and is resumed finds its workers again, and they it; what is left in the queue is of no effect.
func TestLearnerRestarts(t *testing.T) {
	s := serve(t, t.TempDir(), "")
	h := help(t, queue.WorkerConfig{Connection: address(s), Goroutines: 2})
	want := here(t, "bptt", 3)
	l := learn(t, queue.LearnerConfig{Connection: address(s)}, "bptt")
	got := there(t, "bptt", 3, l)
	same(t, "bptt", want, got, 2, nil)
	for range 2 {
		file := estimatortest.Saved(t, got)
		l.Close()
		l = learn(t, queue.LearnerConfig{Connection: address(s)}, "bptt")
		got = there(t, "bptt", 3, l)
		require.NoError(t, estimatortest.Load(t, got, file))
		same(t, "bptt", want, got, 2, nil)
	}
	// Another run at the same place: its workers build anew.
	l.Close()
	l = learn(t, queue.LearnerConfig{Connection: address(s)}, "pes")
	same(t, "pes", here(t, "pes", 3), there(t, "pes", 3, l), 2, nil)
	require.NoError(t, l.End(t.Context()))
	require.NoError(t, h.wait())
}

// Two learners can't be at work at one place, but at two.
func TestTwoLearners(t *testing.T) {
	s := serve(t, t.TempDir(), "")
	l := learn(t, queue.LearnerConfig{Connection: address(s)}, "bptt")
	c := queue.LearnerConfig{Connection: address(s), New: member("bptt")}
	_, err := queue.NewLearner(t.Context(), c)
	require.ErrorContains(t, err, "another learner is at work")
	other := address(s)
	other.URL += "/other"
	m := learn(t, queue.LearnerConfig{Connection: other}, "pes")
	help(t, queue.WorkerConfig{Connection: address(s)})
	help(t, queue.WorkerConfig{Connection: other})
	same(t, "bptt", here(t, "bptt", 3), there(t, "bptt", 3, l), 2, nil)
	same(t, "pes", here(t, "pes", 3), there(t, "pes", 3, m), 2, nil)
	require.Zero(t, l.Stats().Foreign+m.Stats().Foreign)
}

// Workers of another program, or with other kernels, are refused; the latter can be allowed.
func TestUnlikeWorkers(t *testing.T) {
	s := serve(t, t.TempDir(), "")
	var lines []string
	var lock sync.Mutex
	c := queue.LearnerConfig{Connection: queue.Connection{Server: s, Token: token}, Log: func(line string) {
		lock.Lock()
		defer lock.Unlock()
		lines = append(lines, line)
	}}
	work := func(program, kernels string) error {
		return queue.Work(t.Context(), queue.WorkerConfig{Connection: address(s), Program: program, Kernels: kernels, Build: build})
	}
	l := learn(t, c, "bptt")
	require.ErrorContains(t, work("q", "k"), "want the same program")
	require.ErrorContains(t, work("p", "other"), "--any-kernels")
	require.Equal(t, 2, l.Stats().Refused)
	l.Close()
	c.AnyKernels = true
	l = learn(t, c, "bptt")
	done := make(chan error, 1)
	go func() { done <- work("p", "other") }()
	require.Eventually(t, func() bool { return l.Stats().Workers == 1 }, 5*time.Second, time.Millisecond)
	require.NoError(t, l.End(t.Context()))
	require.NoError(t, <-done)
	lock.Lock()
	defer lock.Unlock()
	require.Contains(t, strings.Join(lines, "\n"), "not to the bit")
}

// What a learner says that can't be built by ends a worker with an error.
func TestSettingsThatCannotBe(t *testing.T) {
	s := serve(t, t.TempDir(), "")
	l := learn(t, queue.LearnerConfig{Connection: queue.Connection{Server: s, Token: token}}, "bptt")
	defer l.Close()
	h := help(t, queue.WorkerConfig{Connection: address(s), Build: func(json.RawMessage) (func() (dist.Evaluator, error), error) {
		return build(json.RawMessage(`"nothing"`))
	}})
	require.ErrorContains(t, h.wait(), `no estimator "nothing"`)
}

func TestConnectionsThatCannotBe(t *testing.T) {
	for _, url := range []string{"", "127.0.0.1:4222", "http://127.0.0.1", "nats://", "nats://a/b c", "nats://a/b.c", "nats://a/*", "nats://a,b"} {
		require.Error(t, queue.Connection{URL: url}.Check(), url)
	}
	for _, url := range []string{"nats://127.0.0.1:4222", "tls://a", "nats://a:1,nats://b:2/run"} {
		require.NoError(t, queue.Connection{URL: url}.Check(), url)
	}
	for _, listen := range []string{"nowhere", "127.0.0.1:70000", "127.0.0.1:-1", "999.0.0.1:0"} {
		_, err := queue.NewServer(queue.ServerConfig{Listen: listen, Dir: t.TempDir(), Token: token})
		require.Error(t, err, listen)
	}
	s := serve(t, t.TempDir(), "")
	_, err := queue.NewServer(queue.ServerConfig{Listen: fmt.Sprintf("127.0.0.1:%d", s.Port()), Dir: t.TempDir(), Token: token})
	require.ErrorContains(t, err, "address already in use")
}

// Alone, a learner does all by itself, and leaves nothing in the queue.
func TestNobodyHelps(t *testing.T) {
	s := serve(t, t.TempDir(), "")
	l := learn(t, queue.LearnerConfig{Connection: queue.Connection{Server: s, Token: token}}, "pes")
	same(t, "pes", here(t, "pes", 3), there(t, "pes", 3, l), 3, nil)
	require.Equal(t, 9, l.Stats().Here)
	help(t, queue.WorkerConfig{Connection: address(s)})
	require.Eventually(t, func() bool { return l.Stats().Workers == 1 }, 5*time.Second, time.Millisecond)
	require.Zero(t, l.Stats().Late)
}
