package live

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed1498fded/unroll/meta"
)

// A Board is what a page shows of a run: the history, thinned out so that it never takes more than a fixed amount of memory, and
// the clients that are told what is new.
type Board struct {
	feed // its lock guards all below
	timing
	history history
	news    update // since the last frame
	changed bool   // there is something new, if only the status
	pace    pace
	helpers func() Helpers // nil for none

	asked struct { // of the goroutine that flushes by the clock
		at      time.Time
		results map[string]int
	}
}

// history is all that the page is told when it begins.
type history struct {
	run         Run
	status      Status
	points      thinned[Point]
	validations thinned[validation]
	weights     thinned[Weights]
	inner       Inner
	helpers     *Helpers
}

func newHistory(r Run) history {
	return history{
		run: r, status: Status{State: Learning, Left: -1},
		points:      thinned[Point]{limit: maxPoints, merge: Point.with},
		validations: thinned[validation]{limit: maxValidations, merge: better},
		weights:     thinned[Weights]{limit: maxWeights, merge: func(_, newer Weights) Weights { return newer }},
	}
}

// An update is what is new; of a snapshot all there is.
type update struct {
	Run         *Run         `json:"run,omitempty"`
	Status      Status       `json:"status"`
	Points      []Point      `json:"points,omitempty"`
	Validations []validation `json:"validations,omitempty"`
	Weights     []Weights    `json:"weights,omitempty"`
	Inner       Inner        `json:"inner,omitzero"`
	Helpers     *Helpers     `json:"helpers,omitempty"`
}

// NewBoard returns the board of a run.
func NewBoard(r Run) *Board { return newBoard(r, time.Now) }

func newBoard(r Run, now func() time.Time) *Board {
	b := &Board{timing: newTiming(now), history: newHistory(r)}
	b.start(b.begun, func() any { return b.history.all() })
	return b
}

// document names the board's page.
func (b *Board) document() string { return "run" }

// Observer returns what tells the board of a trainer's events. done says which fraction of the run is done, phi what the rule's
// weights are; it is asked at validations only.
func (b *Board) Observer(done func(meta.Status) float64, phi func() []float32) meta.Observer {
	return func(e meta.Event) error {
		var line []byte
		var weights Weights
		if e.Record != nil {
			var err error
			if line, err = json.Marshal(*e.Record); err != nil {
				return err
			}
			weights = WeightsOf(e.Status.Episodes, phi())
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.count(e.Status, done(e.Status))
		if e.Outcome != nil {
			b.step(pointOf(e.Status, *e.Outcome))
		}
		if e.Record != nil {
			b.news.Validations = append(b.news.Validations, line)
			b.news.Weights = append(b.news.Weights, weights)
			if len(b.news.Validations) >= maxWeights { // nobody takes them away
				return b.flush()
			}
		}
		return nil
	}
}

// count takes over how far things are.
func (b *Board) count(s meta.Status, fraction float64) {
	st := &b.history.status
	st.Episodes, st.OuterSteps, st.InnerSteps = s.Episodes, s.OuterSteps, s.InnerSteps
	st.Skipped, st.Diverged, st.Fraction = s.Skipped, s.Diverged, min(1, fraction)
	b.told(st.Fraction)
	b.changed = true
}

// step adds an outer step to the point that is being made.
func (b *Board) step(p Point) {
	b.history.status.Clipped += p.Clipped
	if len(b.news.Points) > 0 {
		p = b.news.Points[0].with(p)
	}
	b.news.Points = append(b.news.Points[:0], p)
}

// Tell says in what state the run is, and what the baselines came to if that is known by now.
func (b *Board) Tell(state string, lines []Line) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.history.status.State, b.changed = state, true
	if lines != nil {
		b.history.run.Lines = lines
		r := b.history.run
		b.news.Run = &r
	}
	return b.flush()
}

// Load puts a log's lines before all else.
func (b *Board) Load(log []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.history.load(log)
}

// load reads whole lines; what is after the last is still being written.
func (h *history) load(log []byte) error {
	n := 0
	for line := range strings.Lines(string(log)) {
		n++
		if !strings.HasSuffix(line, "\n") {
			break
		}
		v := validation(strings.TrimSpace(line))
		f, err := v.read()
		if err != nil {
			return fmt.Errorf("line %d of the log is not that of a validation: %w", n, err)
		}
		h.validations.put(v)
		st := &h.status
		st.Episodes, st.OuterSteps, st.Skipped, st.Diverged = f.Episodes, f.OuterSteps, f.Skipped, f.Diverged
	}
	return nil
}

// Replace makes the board that of a run as its files show it: the log, the weights of the rule that is kept, if there is one, and what is
// known of training under it.
func (b *Board) Replace(r Run, state string, log []byte, kept *Weights, inner Inner) error {
	h := newHistory(r)
	h.status.State, h.inner = state, inner
	if err := h.load(log); err != nil {
		return err
	}
	if kept != nil {
		h.weights.put(*kept)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.history, b.news = h, update{}
	return b.restart()
}

// all is what a page that begins is told.
func (h *history) all() update {
	r := h.run
	return update{
		Run: &r, Status: h.status, Points: slices.Clone(h.points.items), Validations: slices.Clone(h.validations.items),
		Weights: slices.Clone(h.weights.items), Inner: h.inner, Helpers: h.helpers,
	}
}

// Flush sends what is new, if there is anything.
func (b *Board) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flush()
}

// beat sends what is new as time goes by, and who helps by now.
func (b *Board) beat() error {
	b.mu.Lock()
	ask := b.helpers
	b.mu.Unlock()
	h := b.askHelpers(ask) // without the lock: whoever is asked may be busy
	b.mu.Lock()
	defer b.mu.Unlock()
	if h != nil && b.helpers != nil {
		b.news.Helpers, b.changed = h, true
	}
	return b.flush()
}

func (b *Board) flush() error {
	if !b.changed {
		return nil
	}
	b.changed = false
	b.measure()
	h, news := &b.history, b.news
	b.news = update{}
	news.Status = h.status
	h.inner = h.inner.With(news.Inner)
	if news.Helpers != nil {
		h.helpers = news.Helpers
	}
	for _, p := range news.Points {
		h.points.put(p)
	}
	for _, v := range news.Validations {
		h.validations.put(v)
	}
	for _, w := range news.Weights {
		h.weights.put(w)
	}
	return b.update(news)
}

// measure takes the time.
func (b *Board) measure() {
	now, st := b.now(), &b.history.status
	st.Elapsed, st.Left = b.at(st.Fraction)
	st.EpisodesPerSecond, st.InnerStepsPerSecond = b.pace.put(now, st.Episodes, st.InnerSteps)
	if st.State != Learning {
		st.Left = -1
	}
}
