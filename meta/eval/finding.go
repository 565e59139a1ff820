package eval

import "sync"

// A Finding is what a [Comparison] tells while it goes on, of one contender at one task: how many settings were tried, that a run has
// ended, or the result.
type Finding struct {
	Row int // the place in Report.Results

	Tried, Settings int // settings that were tried in tuning, and how many there are; 0 of 0 where the finding is another

	Run   *Run    // one of those that are reported, in no order; whoever is told must not change it
	Final float64 // the loss that Run comes to, of which Result.Final is the mean

	Result *Result
}

// tell hands on a finding.
func (c cell) tell(f Finding) {
	if c.Observe != nil {
		f.Row = c.row
		c.Observe(f)
	}
}

// A Row is a place for a result, as it will be in the report.
type Row struct{ Problem, Credit, Name, Kind string }

// Rows returns the places of all results, in the order in which they are measured.
func (c Comparison) Rows() (rows []Row) {
	for _, x := range c.cells() {
		rows = append(rows, Row{x.task.Name, x.task.Credit, x.contender.Name, x.contender.kind()})
	}
	return rows
}

// hooks are called while runs go on. Those that are nil are not.
type hooks struct {
	batch func()          // after each minibatch, by any goroutine
	run   func(*Run)      // when a run has ended, by any goroutine
	tried func(tried int) // when a setting has been tried, with the number of those that were
	watch *watcher        // looks at steps of the first run
}

func (h hooks) minibatch() {
	if h.batch != nil {
		h.batch()
	}
}

func (h hooks) ended(r *Run) {
	if h.run != nil {
		h.run(r)
	}
}

func (h hooks) settled(n int) {
	if h.tried != nil {
		h.tried(n)
	}
}

// tuningHooks tell of the settings that are tried.
func (c cell) tuningHooks(batch func()) hooks {
	all := c.grid().size()
	c.tell(Finding{Settings: all})
	return hooks{batch: batch, tried: func(n int) { c.tell(Finding{Tried: n, Settings: all}) }}
}

// testHooks tell of the runs that are reported.
func (c cell) testHooks(batch func(), test Runs) hooks {
	if c.Observe == nil {
		return hooks{batch: batch}
	}
	var mu sync.Mutex
	return hooks{batch: batch, run: func(r *Run) {
		final := test.final(lossesOf([]*Run{r})).Mean
		mu.Lock()
		defer mu.Unlock()
		c.tell(Finding{Run: r, Final: final})
	}}
}

// Setting is what tuning chose, as in lr 0.01*, cosine; empty where nothing was tuned. A star is at the end of the grid.
func (x Result) Setting() string {
	text := ""
	if lr := x.lr(); lr != "-" {
		text = "lr " + lr
	}
	if x.Schedule == "" {
		return text
	}
	if text != "" {
		text += ", "
	}
	return text + x.Schedule
}
