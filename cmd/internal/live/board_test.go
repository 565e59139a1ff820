package live

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/seed1498fded/unroll/meta"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that only goes on when told.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newClock() *clock { return &clock{time.Unix(1_700_000_000, 0)} }

// step is the event of outer step n of one episode each.
func step(n int, loss, norm float64) meta.Event {
	o := meta.Outcome{Norm: norm, Clipped: norm > 1}
	o.Loss = loss
	return meta.Event{Status: meta.Status{OuterSteps: n, Episodes: n, InnerSteps: 10 * n}, Outcome: &o}
}

// validated is the event of a validation after n episodes.
func validated(n int, loss float64, best bool) meta.Event {
	r := meta.Record{
		Episodes: n, OuterSteps: n, TrainLoss: meta.Number(math.NaN()), ValidLoss: meta.Number(loss), BestLoss: meta.Number(loss), Best: best,
	}
	return meta.Event{Status: meta.Status{OuterSteps: n, Episodes: n, InnerSteps: 10 * n}, Record: &r}
}

func phi() []float32 { return []float32{-1, 0, 0.5, 1} }

// view is what a page knows, as its script keeps it.
type view struct {
	Run         *Run
	Status      Status
	Points      []map[string]any
	Validations []json.RawMessage
	Weights     []Weights
	Inner       Inner
	Helpers     *Helpers
	id          string
	events      int
}

// take reads events as the page does.
func (v *view) take(t require.TestingT, text string) {
	name := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ": ")
		switch field {
		case "id":
			v.id = value
		case "event":
			name = value
		case "data":
			var u view
			require.NoError(t, json.Unmarshal([]byte(value), &u))
			if name == "snapshot" {
				*v = view{id: v.id, events: v.events}
			}
			if u.Run != nil {
				v.Run = u.Run
			}
			v.Status, v.events = u.Status, v.events+1
			v.Points = append(v.Points, u.Points...)
			v.Validations = append(v.Validations, u.Validations...)
			v.Weights = append(v.Weights, u.Weights...)
			v.Inner = v.Inner.With(u.Inner)
			if u.Helpers != nil {
				v.Helpers = u.Helpers
			}
		}
	}
}

// hear takes all that is waiting for a client.
func (v *view) hear(t require.TestingT, c *client) {
	for {
		select {
		case f, ok := <-c.frames:
			if !ok {
				return
			}
			v.take(t, string(f.bytes))
		default:
			return
		}
	}
}

// begin joins as a page does.
func (v *view) begin(t require.TestingT, b *Board) *client {
	c, first, err := b.join(v.id)
	require.NoError(t, err)
	for _, f := range first {
		v.take(t, string(f.bytes))
	}
	return c
}

// Law: whenever pages come, go and come back, one that has heard every event knows what one knows that has just come.
func TestAPageKnowsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		b := newBoard(Run{Title: "x"}, c.now)
		observe := b.Observer(func(s meta.Status) float64 { return float64(s.Episodes) / 1000 }, phi)
		var page view
		var at *client
		n := 0
		for range rapid.IntRange(0, 60).Draw(t, "doings") {
			switch rapid.IntRange(0, 7).Draw(t, "doing") {
			case 5:
				now := &Training{Name: "rule", Episodes: n, At: []int{0}, Loss: []meta.Number{1}}
				b.Train(Inner{Now: now, On: "one"})
				if n%2 == 0 {
					b.Train(Inner{Best: now, Beside: now})
				}
			case 6:
				b.Help(func() Helpers { return Helpers{Workers: n, List: []Helper{{Name: "a", Results: n}}} })
			case 7:
				c.t = c.t.Add(time.Second)
				require.NoError(t, b.beat())
				b.Help(nil)
			case 0:
				n++
				require.NoError(t, observe(step(n, float64(n), 2)))
			case 1:
				require.NoError(t, observe(validated(n, 1/float64(n+1), true)))
			case 2:
				c.t = c.t.Add(time.Second)
				require.NoError(t, b.Flush())
			case 3:
				if at == nil {
					at = page.begin(t, b)
				}
			case 4:
				if at != nil {
					page.hear(t, at)
					b.leave(at)
					at = nil
				}
			}
			if at != nil {
				page.hear(t, at)
			}
		}
		require.NoError(t, b.Flush())
		if at == nil {
			at = page.begin(t, b)
		}
		page.hear(t, at)
		var fresh view
		fresh.begin(t, b)
		require.Equal(t, fresh.Points, page.Points)
		require.Equal(t, fresh.Validations, page.Validations)
		require.Equal(t, fresh.Weights, page.Weights)
		require.Equal(t, fresh.Status, page.Status)
		require.Equal(t, fresh.Inner, page.Inner)
		require.Equal(t, fresh.Helpers, page.Helpers)
	})
}

// Over a day of an event a second memory stays what it is, the history reaches from end to end, and the best validation is still
// there.
func TestADay(t *testing.T) {
	c := newClock()
	b := newBoard(Run{}, c.now)
	observe := b.Observer(func(s meta.Status) float64 { return float64(s.Episodes) / 86400 }, phi)
	for n := 1; n <= 86400; n++ {
		require.NoError(t, observe(step(n, 1, 1)))
		if n%20 == 0 {
			require.NoError(t, observe(validated(n, 1/float64(n), n == 40000)))
		}
		c.t = c.t.Add(time.Second)
		require.NoError(t, b.Flush())
	}
	f, err := b.snapshot()
	require.NoError(t, err)
	require.Less(t, len(f.bytes), 150<<10)
	require.LessOrEqual(t, len(b.replay), maxReplay)
	var page view
	page.take(t, string(f.bytes))
	require.Len(t, page.Points, maxPoints)
	require.Len(t, page.Validations, maxValidations)
	require.Len(t, page.Weights, maxWeights)
	require.Less(t, page.Points[0]["episodes"], 1000.)
	require.Equal(t, 86400., page.Points[maxPoints-1]["episodes"])
	steps := 0.
	for _, p := range page.Points {
		steps += p["steps"].(float64)
	}
	require.Equal(t, 86400., steps)
	require.Contains(t, string(f.bytes), `{"episodes":40000,`)
	require.Equal(t, 86400., page.Status.Elapsed)
	require.Equal(t, 1., page.Status.EpisodesPerSecond)
	require.Equal(t, 10., page.Status.InnerStepsPerSecond)
}

// Workers are asked for with every beat, and their speed is what they have done since the last.
func TestWorkersOnTheBoard(t *testing.T) {
	c := newClock()
	b := newBoard(Run{}, c.now)
	results := 0
	b.Help(func() Helpers {
		results += 6
		h := Helpers{Workers: 2 * maxHelpers, Results: results, List: make([]Helper, 2*maxHelpers)}
		for i := range h.List {
			h.List[i] = Helper{Name: fmt.Sprint(i), Results: results}
		}
		return h
	})
	for range 2 {
		c.t = c.t.Add(2 * time.Second)
		require.NoError(t, b.beat())
	}
	h := b.history.helpers
	require.Len(t, h.List, maxHelpers)
	require.Equal(t, 3., h.List[1].Rate)
	require.Equal(t, 12, h.Results)
	_, text := get(t, serve(t, b), "GET", "/metrics")
	require.Contains(t, text, "\nunroll_workers 80\n")
	b.Help(nil)
	require.NoError(t, b.Flush())
	require.Equal(t, Helpers{Results: 12}, *b.history.helpers)
}

// Where nobody takes them away, validations do not pile up either.
func TestHaste(t *testing.T) {
	b := newBoard(Run{}, newClock().now)
	observe := b.Observer(func(meta.Status) float64 { return 0 }, phi)
	for n := range 10 * maxWeights {
		require.NoError(t, observe(validated(n, 1, false)))
		require.Less(t, len(b.news.Validations), maxWeights)
	}
}

// A client that does not listen is dropped, and the others hear all.
func TestASlowClient(t *testing.T) {
	b := newBoard(Run{}, newClock().now)
	observe := b.Observer(func(meta.Status) float64 { return 0 }, phi)
	var page view
	slow, _, err := b.join("")
	require.NoError(t, err)
	quick := page.begin(t, b)
	for n := range 3 * backlog {
		require.NoError(t, observe(step(n+1, 1, 0)))
		require.NoError(t, b.Flush())
		page.hear(t, quick)
	}
	require.Len(t, page.Points, 3*backlog)
	require.Len(t, b.clients, 1)
	require.Equal(t, 1, b.dropped)
	heard := 0
	for range slow.frames {
		heard++
	}
	require.Equal(t, backlog, heard)
	b.leave(slow)
	b.leave(quick)
	require.Empty(t, b.clients)
}

// The time left goes by what was done since the beginning of this process.
func TestTimeLeft(t *testing.T) {
	c := newClock()
	b := newBoard(Run{}, c.now)
	observe := b.Observer(func(s meta.Status) float64 { return float64(s.Episodes) / 100 }, phi)
	require.NoError(t, observe(step(50, 1, 1))) // resumed there
	require.NoError(t, b.Flush())
	require.Equal(t, -1., b.history.status.Left)
	c.t = c.t.Add(10 * time.Second)
	require.NoError(t, observe(step(60, 1, 1)))
	require.NoError(t, b.Flush())
	require.InDelta(t, 40, b.history.status.Left, 1e-9)
	require.InDelta(t, 1, b.history.status.EpisodesPerSecond, 1e-9)
	require.NoError(t, b.Tell(Done, nil))
	require.Equal(t, -1., b.history.status.Left)
}

// Outer steps between two updates make one point: losses by their mean, skipped ones left out, norms by the longest.
func TestPoints(t *testing.T) {
	b := newBoard(Run{}, newClock().now)
	observe := b.Observer(func(meta.Status) float64 { return 0 }, phi)
	skipped := step(3, math.Inf(1), math.NaN())
	skipped.Outcome.Skipped = true
	for _, e := range []meta.Event{step(1, 2, 0.5), step(2, 4, 3), skipped, step(4, 9, 2)} {
		require.NoError(t, observe(e))
	}
	require.NoError(t, b.Flush())
	require.Equal(t, []Point{{Episodes: 4, Steps: 4, Loss: 5, Norm: 3, Clipped: 2, Skipped: 1}}, b.history.points.items)

	var page view
	require.NoError(t, observe(skipped))
	require.NoError(t, b.Flush())
	page.begin(t, b)
	require.Nil(t, page.Points[1]["loss"])
	require.Nil(t, page.Points[1]["norm"])
}

// What the log has is on the page as it is, but for a line that is still being written.
func TestLog(t *testing.T) {
	var log strings.Builder
	var want []json.RawMessage
	for n := range 3 {
		line, err := json.Marshal(*validated(20*n, 1/(float64(n)+3), true).Record)
		require.NoError(t, err)
		want = append(want, line)
		fmt.Fprintf(&log, "%s\n", line)
	}
	b := newBoard(Run{}, newClock().now)
	require.NoError(t, b.Load([]byte(log.String()+`{"episodes":60,`)))
	var page view
	page.begin(t, b)
	require.Equal(t, want, page.Validations)
	require.Equal(t, 40, page.Status.Episodes)

	require.ErrorContains(t, b.Load([]byte("{}\nrubbish\n")), "line 2 of the log")

	c := page.begin(t, b)
	kept := WeightsOf(20, phi())
	require.NoError(t, b.Replace(Run{Title: "other"}, NotRunning, []byte(log.String()), &kept, Inner{}))
	page.hear(t, c)
	require.Equal(t, want, page.Validations)
	require.Equal(t, "other", page.Run.Title)
	require.Equal(t, NotRunning, page.Status.State)
	require.Equal(t, []Weights{kept}, page.Weights)
}

// Law: a histogram counts every weight once, in the bar that it is in.
func TestWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		phi := rapid.SliceOf(rapid.Float32Range(-1e30, 1e30)).Draw(t, "phi")
		w := WeightsOf(7, append(phi, float32(math.NaN()), float32(math.Inf(1))))
		require.Equal(t, 2, w.Odd)
		require.Len(t, w.Counts, bins)
		want := make([]int, bins)
		for _, x := range phi {
			for i := bins - 1; i >= 0; i-- {
				if i == 0 || bins*(float64(x)-w.Low)/(w.High-w.Low) >= float64(i) {
					want[i]++
					break
				}
			}
		}
		require.Equal(t, want, w.Counts)
	})
	w := WeightsOf(0, []float32{3, 3})
	require.Equal(t, [2]float64{1.5, 4.5}, [2]float64{w.Low, w.High})
	require.Equal(t, 2, w.Counts[bins/2])
	require.Equal(t, 0., WeightsOf(0, nil).Low+0.5)
}

func TestSettings(t *testing.T) {
	got, err := Settings([]byte(`{"b":"x y","a":{"hidden":4},"n":0.5,"z":null}`))
	require.NoError(t, err)
	require.Equal(t, []Setting{{"b", "x y"}, {"a", `{"hidden":4}`}, {"n", "0.5"}, {"z", "null"}}, got)
	for _, bad := range []string{"", "[]", `{"a":`, `{"a" 1}`} {
		_, err := Settings([]byte(bad))
		require.ErrorContains(t, err, "settings: ", bad)
	}
}
