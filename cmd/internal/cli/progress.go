package cli

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Progress shows on stderr how far a command has come. Its methods may be called from several goroutines.
type Progress interface {
	// Log prints a line, formatted as by fmt.Sprintf, that stays.
	Log(format string, args ...any)

	// Update says which fraction of the work is done, from 0 to 1, and what is going on in a few words. The work may be
	// measured in steps or in time spent of a budget; the time left is guessed from how the fraction grows.
	Update(fraction float64, status string)

	// Close ends the display. Afterwards Update does nothing, and Log still prints. Closing again is harmless.
	Close()
}

// NewProgress returns a Progress of the given kind: "auto" is a bar if stderr is a terminal that can draw one, else
// plain; "plain" is at most one line every five seconds, besides those of Log; "off" prints nothing at all.
// No kind uses colours. The command's name begins the lines.
func NewProgress(kind string, stderr io.Writer, name string) (Progress, error) {
	switch kind {
	case "auto":
		// The bar library prints nothing off a terminal, not even the lines given to it.
		if canDraw(stderr) {
			return newBar(stderr, name, time.Now), nil
		}
		return newPlain(stderr, name, time.Now), nil
	case "plain":
		return newPlain(stderr, name, time.Now), nil
	case "off":
		return silent{}, nil
	}
	return nil, fmt.Errorf("unknown kind of progress %q; want auto, plain or off", kind)
}

// canDraw reports whether w is a terminal on which the cursor can be moved.
func canDraw(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb"
}

// silent is the Progress that is not shown.
type silent struct{}

func (silent) Log(string, ...any)     {}
func (silent) Update(float64, string) {}
func (silent) Close()                 {}

// plainInterval is the shortest time between two progress lines in a log.
const plainInterval = 5 * time.Second

// plain is Progress as lines for a log.
type plain struct {
	mu     sync.Mutex
	out    io.Writer
	name   string
	meter  *meter
	next   time.Time // when the next line is due
	closed bool
}

func newPlain(out io.Writer, name string, now func() time.Time) *plain {
	return &plain{out: out, name: name, meter: newMeter(now)}
}

func (p *plain) Log(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	io.WriteString(p.out, logLine(format, args))
}

func (p *plain) Update(fraction float64, status string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.meter.set(fraction, status)
	now := p.meter.now()
	if now.Before(p.next) {
		return
	}
	p.next = now.Add(plainInterval)
	line := p.name + ": " + p.meter.percent()
	for _, part := range []string{p.meter.text(), p.meter.left()} {
		if part != "" {
			line += ", " + part
		}
	}
	fmt.Fprintln(p.out, line)
}

func (p *plain) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
}

// logLine formats what Log was given and ends it with one newline.
func logLine(format string, args []any) string {
	return strings.TrimRight(fmt.Sprintf(format, args...), "\n") + "\n"
}

// A meter remembers how far the work has come and guesses when it will be done.
//
// The guess is a straight line through the first update and the last one. The first, not the start of the program,
// because a resumed run begins in the middle.
type meter struct {
	now func() time.Time

	mu       sync.Mutex
	fraction float64
	status   string
	first    float64   // fraction at the first update
	since    time.Time // time of the first update
	end      time.Time // when the work will be done; zero as long as there is no telling
}

func newMeter(now func() time.Time) *meter { return &meter{now: now} }

func (m *meter) set(fraction float64, status string) {
	if !(fraction > 0) { // also NaN
		fraction = 0
	}
	fraction = min(fraction, 1)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fraction, m.status = fraction, foldLines(status)
	now := m.now()
	if m.since.IsZero() {
		m.since, m.first = now, fraction
		return
	}
	if grown := fraction - m.first; grown > 0 {
		seconds := now.Sub(m.since).Seconds() * (1 - fraction) / grown
		m.end = now.Add(duration(seconds))
	}
}

// done returns the fraction, from 0 to 1.
func (m *meter) done() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fraction
}

// percent returns the fraction rounded down, since 100% should mean done.
func (m *meter) percent() string {
	return fmt.Sprintf("%d%%", int(math.Floor(m.done()*100+1e-9)))
}

func (m *meter) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status
}

// left returns the time left in words, counted down also between updates, or "" once all is done and as long as there is
// no telling.
func (m *meter) left() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.end.IsZero() || m.fraction == 1 {
		return ""
	}
	return max(0, m.end.Sub(m.now())).Round(time.Second).String() + " left"
}

// duration converts seconds, capping what would overflow.
func duration(seconds float64) time.Duration {
	const most = 1000 * 24 * 3600
	return time.Duration(min(seconds, most) * float64(time.Second))
}
