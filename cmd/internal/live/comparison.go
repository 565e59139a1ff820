package live

import (
	"maps"
	"slices"
	"time"

	"github.com/seed1498fded/unroll/meta"
)

// A Contest is what there is to be said about a comparison besides what comes of it.
type Contest struct {
	Title    string    `json:"title"`
	About    string    `json:"about"`
	Axis     string    `json:"axis"` // what curves are by: step or epoch
	Note     string    `json:"note"` // on the table
	Settings []Setting `json:"settings"`
}

// The states of a row, in this order; those of tuning only where there is anything to tune. The last is Done.
const (
	Waiting   = "waiting"
	Tuning    = "tuning"
	Tuned     = "tuned"     // and waiting
	Measuring = "measuring" // of a comparison too: it goes on
)

// A Row is what is known so far of an optimizer on a problem.
type Row struct {
	Problem  string  `json:"problem,omitempty"` // of several
	Name     string  `json:"name"`              // the optimizer's
	Kind     string  `json:"kind"`              // learned, or anything else
	State    string  `json:"state"`
	Tried    int     `json:"tried,omitempty"`    // settings that were tried in tuning,
	Settings int     `json:"settings,omitempty"` // of so many; 0 where nobody knows
	Runs     int     `json:"runs"`               // runs that have ended,
	Of       int     `json:"of"`                 // of so many
	Diverged int     `json:"diverged"`           // of those that have ended
	Setting  string  `json:"setting,omitempty"`  // what it was tuned to
	Values   []Value `json:"values,omitempty"`   // what was measured; the lowest of the first is the best
	Curve    *Curve  `json:"curve,omitempty"`    // nil before the first run has ended
}

// A Value is a mean over runs with its standard error; without one it is NaN.
type Value struct {
	Name    string      `json:"name"`
	Mean    meta.Number `json:"mean"`
	Error   meta.Number `json:"error"`
	Bounded bool        `json:"bounded,omitempty"` // a mean that is not finite is none, and not that of runs that diverged
}

// A Curve is a mean loss over runs and its standard error, nil without one, at some steps or epochs.
type Curve struct {
	At    []int         `json:"at"`
	Mean  []meta.Number `json:"mean"`
	Error []meta.Number `json:"error,omitempty"`
}

// A Table is of text, with a heading for each column.
type Table struct {
	Caption string     `json:"caption"`
	Head    []string   `json:"head"`
	Rows    [][]string `json:"rows"`
}

// maxCurves is how many points all curves of a comparison have together, where each may have fewPoints at least and manyPoints at most.
const (
	maxCurves  = 6000
	fewPoints  = 30
	manyPoints = 300
)

// CurvePoints returns which of n points a curve is shown by where there are so many curves: evenly spaced, first and last among them.
func CurvePoints(n, curves int) []int {
	most := min(n, max(fewPoints, min(manyPoints, maxCurves/max(1, curves))))
	list := make([]int, most)
	for i := range list {
		if most > 1 {
			list[i] = i * (n - 1) / (most - 1)
		}
	}
	return list
}

// A Comparison is what a page shows of a comparison as it grows.
type Comparison struct {
	feed // its lock guards all below
	timing
	told    matchUpdate  // all of it
	changed map[int]bool // rows
	any     bool         // something is new
	whole   bool         // tables and report are new
}

// A matchUpdate is what is new; of a snapshot all there is.
type matchUpdate struct {
	Contest *Contest    `json:"contest,omitempty"`
	Status  MatchStatus `json:"status"`
	Rows    []rowUpdate `json:"rows,omitempty"`
	Tables  []Table     `json:"tables,omitempty"`
	Report  string      `json:"report,omitempty"`
}

type rowUpdate struct {
	I   int `json:"i"`
	Row Row `json:"row"`
}

// MatchStatus is how a comparison stands.
type MatchStatus struct {
	State    string  `json:"state"` // Measuring, Done or Stopped
	Fraction float64 `json:"fraction"`
	Next     string  `json:"next"`    // what is at work
	Elapsed  float64 `json:"elapsed"` // seconds
	Left     float64 `json:"left"`    // seconds, a guess; -1: not known
}

// NewComparison returns the page of a comparison that is to measure these rows, one after the other.
func NewComparison(c Contest, rows []Row) *Comparison { return newComparison(c, rows, time.Now) }

func newComparison(contest Contest, rows []Row, now func() time.Time) *Comparison {
	c := &Comparison{timing: newTiming(now), changed: make(map[int]bool)}
	c.told = matchUpdate{Contest: &contest, Status: MatchStatus{State: Measuring, Left: -1}}
	for i, r := range rows {
		if r.State == "" {
			r.State = Waiting
		}
		c.told.Rows = append(c.told.Rows, rowUpdate{i, r})
	}
	c.start(c.begun, func() any {
		all := c.told
		all.Rows = slices.Clone(all.Rows)
		return all
	})
	return c
}

// beat is Flush: there is nobody to be asked.
func (c *Comparison) beat() error { return c.Flush() }

// document names the comparison's page.
func (c *Comparison) document() string { return "comparison" }

// Progress says which fraction of the work is done, and what comes next.
func (c *Comparison) Progress(fraction float64, next string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := &c.told.Status
	st.Fraction, st.Next, c.any = min(1, fraction), next, true
	c.timing.told(st.Fraction)
}

// Row has f change row i. What it points to must not change afterwards.
func (c *Comparison) Row(i int, f func(*Row)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.told.Rows[i].Row)
	c.changed[i], c.any = true, true
}

// Finish says that all is done, and shows what there is at the end: tables over everything, and the report, a page of HTML that
// needs nothing else.
func (c *Comparison) Finish(tables []Table, report []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := &c.told.Status
	st.State, st.Fraction, st.Next = Done, 1, ""
	c.told.Tables, c.told.Report = tables, string(report)
	c.any, c.whole = true, true
	return c.flush()
}

// Stop says that it has ended before its end.
func (c *Comparison) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told.Status.State, c.any = Stopped, true
	return c.flush()
}

// Flush sends what is new, if there is anything.
func (c *Comparison) Flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flush()
}

func (c *Comparison) flush() error {
	if !c.any {
		return nil
	}
	st := &c.told.Status
	st.Elapsed, st.Left = c.at(st.Fraction)
	if st.State != Measuring {
		st.Left = -1
	}
	news := matchUpdate{Status: *st}
	for _, i := range slices.Sorted(maps.Keys(c.changed)) {
		news.Rows = append(news.Rows, c.told.Rows[i])
	}
	if c.whole {
		news.Tables, news.Report = c.told.Tables, c.told.Report
	}
	clear(c.changed)
	c.any, c.whole = false, false
	return c.update(news)
}

// metrics are the comparison's numbers.
func (c *Comparison) metrics() []metric {
	c.mu.Lock()
	defer c.mu.Unlock()
	runs, done := 0, 0
	for _, r := range c.told.Rows {
		runs += r.Row.Runs
		if r.Row.State == Done {
			done++
		}
	}
	st := c.told.Status
	return append([]metric{
		{"done_ratio", "gauge", "Part of the work that is done.", st.Fraction},
		{"elapsed_seconds", "gauge", "Time since this process began.", st.Elapsed},
		{"results", "gauge", "Results that are complete.", float64(done)},
		{"results_expected", "gauge", "Results that there will be.", float64(len(c.told.Rows))},
		{"runs_total", "counter", "Runs that have ended, of those that count.", float64(runs)},
	}, c.clientMetrics()...)
}
