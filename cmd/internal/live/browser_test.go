package live

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/meta"
)

// browser starts a Chromium, or skips the test where there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "headless-shell"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("NO CHROMIUM FOUND: the live page is not tested in a browser; install one to do so")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(profile(t)))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(ctx)
	t.Cleanup(end)
	ctx, limit := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(limit)
	return ctx
}

// profile is a new folder for what a browser keeps. Its helpers may write for a moment longer than the browser itself runs, which
// t.TempDir would take for an error.
func profile(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "browser")
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.Eventually(t, func() bool { return os.RemoveAll(dir) == nil }, 10*time.Second, 50*time.Millisecond)
	})
	return dir
}

// A witness notes what a browser does.
type witness struct {
	sync.Mutex
	urls     []string
	bytes    float64
	problems []string
}

func (w *witness) watch(ctx context.Context) {
	chromedp.ListenTarget(ctx, func(event any) {
		w.Lock()
		defer w.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			w.urls = append(w.urls, e.Request.URL)
		case *network.EventDataReceived:
			w.bytes += float64(e.EncodedDataLength)
		case *runtime.EventExceptionThrown:
			w.problems = append(w.problems, e.ExceptionDetails.Error())
		case *log.EventEntryAdded:
			// A server that is away while it restarts is not the page's fault.
			if e.Entry.Level == log.LevelError && e.Entry.Source != log.SourceNetwork {
				w.problems = append(w.problems, e.Entry.Text)
			}
		}
	})
}

// rows returns the numbers of the page's table, the oldest first, as they are in full.
func rows(t *testing.T, ctx context.Context) (list [][]string) {
	t.Helper()
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(
		`[...document.querySelectorAll("#rows tr")].reverse().map(r => [...r.querySelectorAll("data")].map(d => d.value))`, &list)))
	return list
}

// wanted are the same of a log.
func wanted(t *testing.T, text string) (list [][]string) {
	t.Helper()
	for line := range strings.Lines(text) {
		var r map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		var row []string
		for _, name := range []string{"episodes", "valid_loss", "best_loss", "train_loss", "outer_steps"} {
			cell := ""
			if x, ok := r[name].(float64); ok {
				cell = fmt.Sprint(x)
			}
			row = append(row, cell)
		}
		list = append(list, row)
	}
	return list
}

// same reports whether the page shows the numbers of a log, bit for bit.
func same(t *testing.T, log string, page [][]string) bool {
	t.Helper()
	want := wanted(t, log)
	if len(want) != len(page) {
		return false
	}
	for i := range want {
		require.Len(t, page[i], len(want[i]))
		for j, text := range want[i] {
			x, _ := strconv.ParseFloat(text, 64)
			y, _ := strconv.ParseFloat(page[i][j], 64)
			if (text == "") != (page[i][j] == "") || x != y {
				return false
			}
		}
	}
	return true
}

// In a browser: the page shows what the log has, what comes while it is open, and what another server has at the same address,
// without a word from its reader; it fits a phone, can be used by keys, and asks nothing of anybody else.
func TestInABrowser(t *testing.T) {
	ctx := browser(t)
	var w witness
	w.watch(ctx)
	var text strings.Builder
	observe := func(b *Board, n int) {
		e := validated(20*n, 1/(float64(n)+3), n%3 != 2)
		line, err := json.Marshal(*e.Record)
		require.NoError(t, err)
		fmt.Fprintf(&text, "%s\n", line)
		o := b.Observer(func(meta.Status) float64 { return float64(n) / 100 }, phi)
		require.NoError(t, o(step(20*n, 1/(float64(n)+2), 0.5)))
		require.NoError(t, o(e))
		require.NoError(t, b.Flush())
	}
	board := NewBoard(Run{Title: "a run", Settings: []Setting{{"rule", "lstm"}}, Lines: []Line{{"adam", 0.25}}})
	for n := range 5 {
		observe(board, n)
	}
	l, err := Listen("0")
	require.NoError(t, err)
	s := Serve(l, board)
	shows := func(want string) {
		t.Helper()
		require.Eventually(t, func() bool { return same(t, want, rows(t, ctx)) }, 40*time.Second, 50*time.Millisecond)
	}
	require.NoError(t, chromedp.Run(ctx, network.Enable(), log.Enable(), chromedp.EmulateViewport(1280, 900), chromedp.Navigate(s.URL()),
		chromedp.WaitVisible("body[data-ready]", chromedp.ByQuery)))
	shows(text.String())
	w.Lock()
	require.Less(t, w.bytes, 150.*1024, "what a page loads")
	w.Unlock()

	var title, tile, beat, point string
	require.NoError(t, chromedp.Run(ctx,
		chromedp.Title(&title),
		chromedp.Text("#tiles div:nth-child(3) dd", &tile, chromedp.ByQuery),
		chromedp.Text("#beat", &beat, chromedp.ByQuery),
		chromedp.Focus("#loss", chromedp.ByQuery), chromedp.KeyEvent(kb.Home),
		chromedp.Sleep(100*time.Millisecond),
		chromedp.Text("#loss .u-series:nth-child(3) .u-value", &point, chromedp.ByQuery)))
	require.Equal(t, "a run", title)
	require.Equal(t, strconv.FormatFloat(1./7, 'g', 5, 64), tile)
	require.Equal(t, "adam\t0.25", strings.TrimSpace(beat))
	require.Equal(t, strconv.FormatFloat(1./3, 'g', 5, 64), point, "by keys: the first validation")

	training := func(name string, loss float64) *Training {
		return &Training{
			Name: name, Episodes: 7, At: []int{0, 1}, Loss: []meta.Number{1, meta.Number(loss)}, Error: []meta.Number{0.1, 0.1},
			Low: -2, Counts: []int{0, 3, 1, 0}, Tensors: []Stride{{"w0", meta.Number(loss / 3)}},
		}
	}
	board.Train(Inner{Now: training("the rule", 0.5), Beside: training("adam, lr 0.1", 0.25)})
	board.Help(func() Helpers {
		return Helpers{Workers: 1, Goroutines: 2, Busy: 1, Results: 9, List: []Helper{{Name: "abc", Goroutines: 2, Busy: 1, Results: 9}}}
	})
	observe(board, 5)
	shows(text.String())
	var curve, worker string
	var strides []string
	require.NoError(t, chromedp.Run(ctx,
		chromedp.WaitVisible("#s-helpers", chromedp.ByQuery), chromedp.Text("#helpers tr", &worker, chromedp.ByQuery),
		chromedp.Focus("#inner", chromedp.ByQuery), chromedp.KeyEvent(kb.End), chromedp.Sleep(100*time.Millisecond),
		chromedp.Text("#inner .u-series:nth-child(3) .u-value", &curve, chromedp.ByQuery),
		chromedp.Evaluate(`[...document.querySelectorAll("#stride-rows data")].map(d => d.value)`, &strides)))
	require.Equal(t, "0.25", curve, "Adam's, at its end")
	require.Equal(t, []string{strconv.FormatFloat(0.5/3, 'g', -1, 64), strconv.FormatFloat(0.25/3, 'g', -1, 64)}, strides)
	require.Regexp(t, `^abc\s+2\s+1\s+9\s`, worker)

	addr := s.addr.String()
	require.NoError(t, s.Close())
	other := NewBoard(Run{Title: "resumed"})
	require.NoError(t, other.Load([]byte(text.String())))
	l, err = net.Listen("tcp", addr)
	require.NoError(t, err)
	s = Serve(l, other)
	defer func() { require.NoError(t, s.Close()) }()
	observe(other, 6)
	shows(text.String())

	var wide float64
	require.NoError(t, chromedp.Run(ctx, chromedp.EmulateViewport(360, 640, chromedp.EmulateMobile), chromedp.Sleep(200*time.Millisecond),
		chromedp.Evaluate("document.documentElement.scrollWidth", &wide), chromedp.Title(&title)))
	require.LessOrEqual(t, wide, 360.)
	require.Equal(t, "resumed", title)
	w.Lock()
	defer w.Unlock()
	require.Empty(t, w.problems)
	for _, url := range w.urls {
		require.True(t, strings.HasPrefix(url, s.URL()), url)
	}
}
