package cli

import (
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

const (
	barWidth = 24    // columns, on a terminal that is wide enough
	barTotal = 10000 // the library counts in whole units
)

// bar is Progress as a bar on the last line of a terminal, with the logged lines above it.
//
// The lock guards the life of the display only. The meter has its own, because the library draws from another
// goroutine, which must not wait for a method that waits for the drawing.
type bar struct {
	mu      sync.Mutex
	out     io.Writer
	display *mpb.Progress
	line    *mpb.Bar
	meter   *meter
	closed  bool
}

func newBar(out io.Writer, name string, now func() time.Time, opts ...mpb.ContainerOption) *bar {
	m := newMeter(now)
	display := mpb.New(append(opts, mpb.WithConsoleWriter(&screen{out: out}))...)
	// Total 0 keeps the bar alive at 100%: only Close ends it.
	line := display.New(0, mpb.BarStyle(), mpb.BarWidth(barWidth),
		mpb.PrependDecorators(
			decor.Name(name+" "),
			decor.Any(func(decor.Statistics) string { return m.percent() }, decor.WC{W: 4}),
		),
		mpb.AppendDecorators(
			decor.Any(func(decor.Statistics) string { return spaced(m.left()) }),
			decor.Any(func(s decor.Statistics) string { return shorten(m.text(), s.AvailableWidth) }),
		))
	line.SetTotal(barTotal, false)
	return &bar{out: out, display: display, line: line, meter: m}
}

func (b *bar) Log(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	line := logLine(format, args)
	if !b.closed {
		if _, err := io.WriteString(b.display, line); err == nil {
			return
		}
		// The display died, perhaps with its terminal; a line is worth one more try.
	}
	io.WriteString(b.out, line)
}

func (b *bar) Update(fraction float64, status string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.meter.set(fraction, status)
	b.line.SetCurrent(int64(b.meter.done() * barTotal))
}

func (b *bar) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	// Without dropping the bar: how far the work came stays on the screen.
	b.line.Abort(false)
	b.display.Wait()
}

// shorten cuts a status to what the bar leaves of the columns. On a narrow terminal they go halves.
func shorten(status string, columns int) string {
	const gaps = 2 // the columns around the bar
	room := max(0, columns-gaps-min(barWidth, columns/2))
	runes := []rune(status)
	if len(runes) <= room {
		return status
	}
	return string(runes[:max(0, room-1)]) + "…"
}

// spaced sets a text off from the one after it.
func spaced(text string) string {
	if text == "" {
		return ""
	}
	return text + "  "
}
