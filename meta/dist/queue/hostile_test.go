package queue_test

import (
	"context"
	"encoding/json"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta/dist"
	"github.com/seed1498fded/unroll/meta/dist/queue"
	"github.com/seed1498fded/unroll/meta/estimatortest"
)

func dial(t *testing.T, c queue.Connection) *nats.Conn {
	t.Helper()
	conn, err := c.Dial()
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	require.Eventually(t, conn.IsConnected, 5*time.Second, time.Millisecond)
	return conn
}

// junk is a message that is none, or nearly one.
func junk(i int) []byte {
	s := rng.New(rng.Split(3, uint64(i)))
	all := append(messages(), []byte("{}"), []byte(`{"session":[1],"worker":1,"goroutines":-1}`), []byte(`{"goroutines":1e99}`), nil)
	m := append([]byte(nil), all[s.IntN(len(all))]...)
	for range s.IntN(4) {
		if len(m) > 0 {
			m[s.IntN(len(m))] = byte(s.IntN(256))
		}
	}
	if s.IntN(3) == 0 {
		m = append(m, make([]byte, s.IntN(5000))...)
	}
	return m
}

// Law: a thousand messages into every subject, that are none or nearly some, change no bit, stop nobody and take no memory that stays.
func TestJunk(t *testing.T) {
	s := serve(t, t.TempDir(), "")
	l := learn(t, queue.LearnerConfig{Connection: queue.Connection{Server: s, Token: token}}, "pes")
	h := help(t, queue.WorkerConfig{Connection: address(s), Goroutines: 2})
	conn := dial(t, address(s))
	want, got := here(t, "pes", 4), there(t, "pes", 4, l)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const each, steps = 1000, 10
	same(t, "pes", want, got, steps, func(step int) {
		for _, subject := range queue.Subjects() {
			for i := range each / steps {
				require.NoError(t, conn.Publish(subject, junk(step*each+i)))
			}
		}
		require.NoError(t, conn.Flush())
	})
	require.Eventually(t, func() bool {
		st := l.Stats()
		return st.Malformed+st.Foreign+st.Versions+st.Refused+st.Wrong >= 2*each
	}, 10*time.Second, 10*time.Millisecond, "%+v", l.Stats())
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(32<<20))
	require.NoError(t, l.End(t.Context()))
	require.NoError(t, h.wait())
}

// Law: a result that is late, twice, foreign, wrong or not finite changes no bit. It is counted.
func TestHostileResults(t *testing.T) {
	s := serve(t, t.TempDir(), "")
	l := learn(t, queue.LearnerConfig{Connection: queue.Connection{Server: s, Token: token}}, "bptt")
	conn := dial(t, address(s))
	n := len(start("bptt"))
	grad := make([]float32, n)
	nan := append([]float32(nil), grad...)
	nan[n-1] = float32(math.NaN())
	inf := math.Inf(1)
	ask := func(m queue.ResultMessage) string {
		answer, err := conn.Request("unroll.result", m.Encode(), 5*time.Second)
		require.NoError(t, err)
		return string(answer.Data)
	}
	last := uint64(0)
	hostile := func(e dist.Evaluator) dist.Evaluator {
		return slow{e, func() {
			round := uint64(l.Stats().Rounds) + 1
			if round == last { // a task that was issued again
				return
			}
			last = round
			good := queue.ResultMessage{}.About(queue.Place{Session: l.Session(), Round: round}).With(1, grad, nil)
			at := func(change func(*queue.Place)) queue.ResultMessage {
				p := queue.Place{Session: l.Session(), Round: round}
				change(&p)
				return good.About(p)
			}
			require.Equal(t, "foreign", ask(at(func(p *queue.Place) { p.Session[0]++ })))
			require.Equal(t, "refused", ask(at(func(p *queue.Place) { p.Member = 1 })))
			require.Equal(t, "refused", ask(at(func(p *queue.Place) { p.Round++ })))
			require.Equal(t, "late", ask(at(func(p *queue.Place) { p.Round-- })))
			require.Equal(t, "refused", ask(good.With(1, grad[1:], nil)))
			require.Equal(t, "refused", ask(good.With(1, grad, []byte("nonsense"))))
			require.Equal(t, "refused", ask(good.Storing(queue.Ref{Round: 1, Size: 3})))
			require.Equal(t, "refused", ask(good.Storing(queue.Ref{Round: 1, Size: 1 << 60})))
			switch round {
			case 1:
				require.Equal(t, "taken", ask(good.With(1, nan, nil)), "it is made again here")
			case 2:
				require.Equal(t, "taken", ask(good.With(inf, grad, nil)))
			case 3:
				require.Equal(t, "taken", ask(good.Wrongly("I can't", false)))
			case 4:
				require.Equal(t, "taken", ask(good.Wrongly("", true)))
			}
		}}
	}
	build := func(settings []byte) (func() (dist.Evaluator, error), error) {
		return func() (dist.Evaluator, error) {
			e, err := member("bptt")()
			return hostile(e), err
		}, nil
	}
	h := help(t, queue.WorkerConfig{Connection: address(s), Build: func(settings json.RawMessage) (func() (dist.Evaluator, error), error) { return build(settings) }})
	require.Eventually(t, func() bool { return l.Stats().Workers == 1 }, 5*time.Second, time.Millisecond)
	want, err := estimators["bptt"]()
	require.NoError(t, err)
	same(t, "bptt", want.(estimatortest.Resumable), there(t, "bptt", 1, l), 5, nil)
	st := l.Stats()
	require.Positive(t, st.Foreign)
	require.Positive(t, st.Late)
	require.Positive(t, st.Wrong)
	require.Equal(t, 2, st.NotFinite)
	require.Equal(t, 1, st.Failed)
	require.NoError(t, l.End(t.Context()))
	require.NoError(t, h.wait())
}

// Without the token nothing is accepted.
func TestToken(t *testing.T) {
	s := serve(t, t.TempDir(), "")
	for _, wrong := range []string{"", "another"} {
		c := address(s)
		c.Token = wrong
		_, err := nats.Connect(c.URL, nats.Token(wrong), nats.Timeout(2*time.Second))
		require.ErrorIs(t, err, nats.ErrAuthorization)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		require.ErrorContains(t, queue.Work(ctx, queue.WorkerConfig{Connection: c, Build: build}), "the server does not let us in")
		_, err = queue.NewLearner(ctx, queue.LearnerConfig{Connection: c, New: member("bptt")})
		require.ErrorContains(t, err, "the server does not let us in")
	}
	_, err := queue.NewServer(queue.ServerConfig{Dir: t.TempDir()})
	require.ErrorContains(t, err, "without a token")
	require.NotEqual(t, queue.NewToken(), queue.NewToken())
	require.Len(t, queue.NewToken(), 48)
}
