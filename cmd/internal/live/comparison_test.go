package live

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed1498fded/unroll/meta"
)

// rivals are two optimizers on two problems.
func rivals() []Row {
	return []Row{
		{Problem: "one", Name: "mine", Kind: "learned", Of: 3}, {Problem: "one", Name: "adam", Of: 3},
		{Problem: "two", Name: "mine", Kind: "learned", Of: 3}, {Problem: "two", Name: "adam", Of: 3},
	}
}

// measured puts numbers on a row.
func measured(x float64) func(*Row) {
	return func(r *Row) {
		r.State, r.Runs, r.Setting = Done, r.Of, "lr 0.1"
		r.Values = []Value{{Name: "final loss", Mean: meta.Number(x), Error: meta.Number(x / 7)}, {Name: "µs/step", Mean: 3, Error: meta.Number(math.NaN())}}
		r.Curve = &Curve{At: []int{0, 1, 2}, Mean: []meta.Number{1, meta.Number(x * 2), meta.Number(x)}, Error: []meta.Number{.1, .1, .1}}
	}
}

// seen is what a page knows of a comparison, as its script keeps it.
type seen struct {
	Contest json.RawMessage
	Status  MatchStatus
	rows    map[int]string
	Report  string
}

func (v *seen) take(t require.TestingT, frame string) {
	head, data, _ := strings.Cut(frame, "\ndata: ")
	var u struct {
		seen
		Rows []struct {
			I   int
			Row json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal([]byte(data), &u))
	if strings.Contains(head, "event: snapshot") {
		*v = seen{rows: map[int]string{}}
	}
	if u.Contest != nil {
		v.Contest = u.Contest
	}
	v.Status = u.Status
	if u.Report != "" {
		v.Report = u.Report
	}
	for _, x := range u.Rows {
		v.rows[x.I] = string(x.Row)
	}
}

// Law: a page that has heard every event knows what one knows that has just come.
func TestAComparisonIsKnown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		b := newComparison(Contest{Title: "x"}, rivals(), c.now)
		old, first, err := b.join("")
		require.NoError(t, err)
		var page seen
		page.take(t, string(first[0].bytes))
		for range rapid.IntRange(0, backlog-2).Draw(t, "doings") {
			switch rapid.IntRange(0, 2).Draw(t, "doing") {
			case 0:
				b.Progress(rapid.Float64Range(0, 1).Draw(t, "done"), "next")
			case 1:
				b.Row(rapid.IntRange(0, 3).Draw(t, "row"), measured(rapid.Float64Range(0, 1).Draw(t, "loss")))
			case 2:
				c.t = c.t.Add(time.Second)
				require.NoError(t, b.Flush())
			}
		}
		if rapid.Bool().Draw(t, "over") {
			require.NoError(t, b.Finish([]Table{{Caption: "all"}}, []byte("<p>")))
		}
		require.NoError(t, b.Flush())
		for len(old.frames) > 0 {
			page.take(t, string((<-old.frames).bytes))
		}
		_, first, err = b.join("")
		require.NoError(t, err)
		var fresh seen
		fresh.take(t, string(first[0].bytes))
		require.Equal(t, fresh, page)
	})
}

// Law: points are in order, first and last among them, and all together no more than there is room for.
func TestCurvePoints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, curves := rapid.IntRange(1, 5000).Draw(t, "n"), rapid.IntRange(1, 200).Draw(t, "curves")
		at := CurvePoints(n, curves)
		require.Equal(t, 0, at[0])
		require.True(t, len(at) == 1 || at[len(at)-1] == n-1)
		require.True(t, slices.IsSorted(at))
		require.Len(t, slices.Compact(slices.Clone(at)), len(at))
		require.LessOrEqual(t, len(at)*curves, max(maxCurves, fewPoints*curves))
	})
	require.Len(t, CurvePoints(100, 5), 100)
}

func TestComparisonMetrics(t *testing.T) {
	b := NewComparison(Contest{}, rivals())
	b.Progress(0.25, "adam")
	b.Row(1, measured(0.5))
	require.NoError(t, b.Flush())
	resp, text := get(t, serve(t, b), "GET", "/metrics")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	for _, want := range []string{"unroll_done_ratio 0.25\n", "unroll_results 1\n", "unroll_results_expected 4\n", "unroll_runs_total 3\n"} {
		require.Contains(t, text, "\n"+want)
	}
}

// In a browser: the table has the numbers, each problem has its chart, and the report opens in its own styles when all is over and the
// server is gone.
func TestAComparisonInABrowser(t *testing.T) {
	ctx := browser(t)
	var w witness
	w.watch(ctx)
	b := NewComparison(Contest{Title: "a comparison", Axis: "step"}, rivals())
	l, err := Listen("0")
	require.NoError(t, err)
	s := Serve(l, b)
	b.Row(0, measured(1./3))
	b.Row(1, func(r *Row) { r.State, r.Tried, r.Settings = Tuning, 2, 13 })
	require.NoError(t, chromedp.Run(ctx, network.Enable(), log.Enable(), chromedp.EmulateViewport(1280, 900), chromedp.Navigate(s.URL()),
		chromedp.WaitVisible("body[data-ready]", chromedp.ByQuery), chromedp.WaitVisible("#curves-0 canvas", chromedp.ByQuery)))
	w.Lock()
	require.Less(t, w.bytes, 150.*1024, "what a page loads")
	w.Unlock()
	var rows [][]string
	var doing string
	read := chromedp.Evaluate(`[...document.querySelectorAll("#rows tr")].map(r => [...r.querySelectorAll("data")].map(d => d.value))`, &rows)
	require.NoError(t, chromedp.Run(ctx, read, chromedp.Text("#rows tr:nth-child(2) td:nth-child(3)", &doing, chromedp.ByQuery)))
	text := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	require.Equal(t, [][]string{{text(1. / 3), text(1. / 3 / 7), "3"}, {}, {}, {}}, rows)
	require.Equal(t, "tuning, 2 of 13 settings", doing)

	for i := range rivals() {
		b.Row(i, measured(1/float64(i+3)))
	}
	report := `<!DOCTYPE html><style>h1 { color: rgb(1, 2, 3) }</style><h1 style="margin: 17px">the report</h1>`
	require.NoError(t, b.Finish([]Table{{Caption: "over all", Head: []string{"optimizer", "ratio"}, Rows: [][]string{{"mine", "0.5"}}}}, []byte(report)))
	require.NoError(t, s.Close())
	var canvases int
	var total, colour, margin string
	opened := chromedp.WaitNewTarget(ctx, func(i *target.Info) bool { return strings.HasPrefix(i.URL, "blob:") })
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible("#open", chromedp.ByQuery), read,
		chromedp.Evaluate(`document.querySelectorAll("#charts canvas").length`, &canvases),
		chromedp.Text("#tables td", &total, chromedp.ByQuery), chromedp.Click("#open", chromedp.ByQuery)))
	for i, r := range rows {
		require.Equal(t, text(1/float64(i+3)), r[0])
	}
	require.Equal(t, 2, canvases)
	require.Equal(t, "0.5", total)
	two, end := chromedp.NewContext(ctx, chromedp.WithTargetID(<-opened))
	defer end()
	require.NoError(t, chromedp.Run(two, chromedp.WaitVisible("h1", chromedp.ByQuery),
		chromedp.Evaluate(`getComputedStyle(document.querySelector("h1")).color`, &colour),
		chromedp.Evaluate(`getComputedStyle(document.querySelector("h1")).marginTop`, &margin)))
	require.Equal(t, []string{"rgb(1, 2, 3)", "17px"}, []string{colour, margin}, "the page's policy lets the report be as it is")
	w.Lock()
	defer w.Unlock()
	require.Empty(t, w.problems)
}
