package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed1498fded/unroll/meta"
)

const (
	maxClients = 200
	backlog    = 16  // frames that a client may be behind before it is dropped
	maxReplay  = 120 // frames that a client that comes back can be told
)

// A Board is what a page shows of a run: the history, thinned out so that it never takes more than a fixed amount of memory, and
// the clients that are told what is new. Whoever trains is never kept waiting for a client: it leaves what happened under a lock
// that nothing slow is done under.
type Board struct {
	now   func() time.Time
	begun time.Time

	mu      sync.Mutex
	history history
	news    update // since the last frame
	changed bool   // there is something new, if only the status
	pace    pace
	from    float64 // the fraction that was done when the first event came; below 0 before
	boot    string  // tells this board's events from those of a server before it
	seq     uint64  // of the last frame
	replay  []frame // the last ones
	clients map[*client]struct{}
	dropped int

	snapshots sync.Mutex
	last      frame // the last snapshot that was asked for
}

// history is all that the page is told when it begins.
type history struct {
	run         Run
	status      Status
	points      thinned[Point]
	validations thinned[validation]
	weights     thinned[Weights]
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
}

// A frame is an event of the stream, as bytes.
type frame struct {
	seq   uint64
	bytes []byte
}

// A client is somebody who looks at the page.
type client struct {
	frames chan frame // closed when it is dropped
}

// NewBoard returns the board of a run.
func NewBoard(r Run) *Board { return newBoard(r, time.Now) }

func newBoard(r Run, now func() time.Time) *Board {
	t := now()
	return &Board{
		now: now, begun: t, history: newHistory(r), from: -1, boot: strconv.FormatInt(t.UnixNano(), 36),
		clients: make(map[*client]struct{}),
	}
}

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
	if b.from < 0 {
		b.from = st.Fraction
	}
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

// Replace makes the board that of a run as its files show it: the log, and the weights of the rule that is kept, if there is one.
func (b *Board) Replace(r Run, state string, log []byte, kept *Weights) error {
	h := newHistory(r)
	h.status.State = state
	if err := h.load(log); err != nil {
		return err
	}
	if kept != nil {
		h.weights.put(*kept)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.history, b.news, b.replay = h, update{}, nil
	b.seq++
	f, err := b.frame("snapshot", b.seq, b.history.all())
	if err == nil {
		b.send(f)
	}
	return err
}

// all is what a page that begins is told.
func (h *history) all() update {
	r := h.run
	return update{
		Run: &r, Status: h.status, Points: slices.Clone(h.points.items), Validations: slices.Clone(h.validations.items),
		Weights: slices.Clone(h.weights.items),
	}
}

// Flush sends what is new, if there is anything.
func (b *Board) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
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
	for _, p := range news.Points {
		h.points.put(p)
	}
	for _, v := range news.Validations {
		h.validations.put(v)
	}
	for _, w := range news.Weights {
		h.weights.put(w)
	}
	b.seq++
	f, err := b.frame("update", b.seq, news)
	if err != nil {
		return err
	}
	if len(b.replay) == maxReplay {
		b.replay = slices.Delete(b.replay, 0, 1)
	}
	b.replay = append(b.replay, f)
	b.send(f)
	return nil
}

// measure takes the time.
func (b *Board) measure() {
	now, st := b.now(), &b.history.status
	st.Elapsed = now.Sub(b.begun).Seconds()
	st.EpisodesPerSecond, st.InnerStepsPerSecond = b.pace.put(now, st.Episodes, st.InnerSteps)
	st.Left = -1
	if done := st.Fraction - b.from; st.State == Learning && done > 0 {
		st.Left = st.Elapsed * (1 - st.Fraction) / done
	}
}

// frame words an event. Its id is the board's name and the event's number.
func (b *Board) frame(name string, seq uint64, u update) (frame, error) {
	data, err := json.Marshal(u)
	if err != nil {
		return frame{}, fmt.Errorf("live page: %w", err)
	}
	return frame{seq, fmt.Appendf(nil, "id: %s-%d\nevent: %s\ndata: %s\n\n", b.boot, seq, name, data)}, nil
}

// send hands a frame to every client that has room for it, and drops the others.
func (b *Board) send(f frame) {
	for c := range b.clients {
		select {
		case c.frames <- f:
		default:
			b.dropped++
			b.remove(c)
		}
	}
}

// remove ends a client; b.mu is held.
func (b *Board) remove(c *client) {
	if _, ok := b.clients[c]; ok {
		delete(b.clients, c)
		close(c.frames)
	}
}

// errFull is that of one client too many.
var errFull = errors.New("too many clients")

// join takes in a client that has heard all up to the event with the given id, or nothing if it is empty. The first frames are
// what it has missed, or a snapshot; of those that come by the channel it is to ignore the ones that are not newer.
func (b *Board) join(id string) (c *client, first []frame, err error) {
	c = &client{frames: make(chan frame, backlog)}
	b.mu.Lock()
	if len(b.clients) >= maxClients {
		b.mu.Unlock()
		return nil, nil, errFull
	}
	b.clients[c] = struct{}{}
	first, ok := b.missed(id)
	b.mu.Unlock()
	if ok {
		return c, first, nil
	}
	f, err := b.snapshot()
	if err != nil {
		b.leave(c)
		return nil, nil, err
	}
	return c, []frame{f}, nil
}

// leave ends a client, if it has not been dropped already.
func (b *Board) leave(c *client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remove(c)
}

// missed returns the frames after the one with the given id, if they are all still there; b.mu is held.
func (b *Board) missed(id string) ([]frame, bool) {
	boot, number, _ := strings.Cut(id, "-")
	seq, err := strconv.ParseUint(number, 10, 64)
	if boot != b.boot || err != nil || seq > b.seq {
		return nil, false
	}
	n := b.seq - seq
	if n > uint64(len(b.replay)) {
		return nil, false
	}
	return slices.Clone(b.replay[uint64(len(b.replay))-n:]), true
}

// snapshot returns all there is, as one frame with the number of the last. It is made once for all who ask before the next.
func (b *Board) snapshot() (frame, error) {
	b.snapshots.Lock()
	defer b.snapshots.Unlock()
	b.mu.Lock()
	seq, current := b.seq, b.last.bytes != nil && b.last.seq == b.seq
	var u update
	if !current {
		u = b.history.all()
	}
	b.mu.Unlock()
	if current {
		return b.last, nil
	}
	f, err := b.frame("snapshot", seq, u)
	if err == nil {
		b.last = f
	}
	return f, err
}
