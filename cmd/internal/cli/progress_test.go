package cli

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vbauerster/mpb/v8"
	"go.uber.org/goleak"
)

// clock is a clock that the test moves.
type clock struct{ t time.Time }

func newClock() *clock                       { return &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }
func (c *clock) now() time.Time              { return c.t }
func (c *clock) pass(d time.Duration) *clock { c.t = c.t.Add(d); return c }

func TestPlain(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	p := newPlain(&out, "metatrain", c.now)
	p.Log("%d problems", 3)
	p.Update(0, "step 0")
	c.pass(4 * time.Second)
	p.Update(0.04, "step 4")
	p.Log("saved\n")
	c.pass(time.Second)
	p.Update(0.05, "step 5,\nloss 0.3")
	c.pass(95 * time.Second)
	p.Update(0.999, "")
	p.Update(1, "unseen")
	c.pass(5 * time.Second)
	p.Update(1, "step 100")
	p.Close()
	p.Close()
	c.pass(5 * time.Second)
	p.Update(1, "too late")
	p.Log("result.png")
	require.Equal(t, `3 problems
metatrain: 0%, step 0
saved
metatrain: 5%, step 5,; loss 0.3, 1m35s left
metatrain: 99%, 0s left
metatrain: 100%, step 100
result.png
`, out.String())
}

func TestMeter(t *testing.T) {
	c := newClock()
	m := newMeter(c.now)
	require.Equal(t, "", m.left())
	m.set(0.5, "resumed in the middle")
	require.Equal(t, "", m.left(), "one point is no line")
	c.pass(10 * time.Second)
	m.set(0.6, "")
	require.Equal(t, "40s left", m.left())
	c.pass(15 * time.Second)
	require.Equal(t, "25s left", m.left(), "counts down between updates")
	c.pass(time.Hour)
	require.Equal(t, "0s left", m.left(), "late, but not in the past")
	m.set(0.5+1e-15, "")
	require.Equal(t, "24000h0m0s left", m.left(), "no overflow")
	for _, bad := range []float64{math.NaN(), -1, math.Inf(-1)} {
		m.set(bad, "")
		require.Equal(t, "0%", m.percent())
	}
	m.set(math.Inf(1), "")
	require.Equal(t, "100%", m.percent())
	m.set(0.29, "")
	require.Equal(t, "29%", m.percent())
}

// drawBar returns a bar that draws on a buffer.
func drawBar(out *bytes.Buffer, now func() time.Time) *bar {
	return newBar(out, "metatrain", now, mpb.WithRefreshRate(5*time.Millisecond))
}

func TestBar(t *testing.T) {
	defer goleak.VerifyNone(t)
	var out bytes.Buffer
	c := newClock()
	b := drawBar(&out, c.now)
	b.Log("first line")
	b.Update(0, "step 0")
	b.Update(1, "done early")
	b.Update(0.5, "step 50")
	b.Log("last line")
	b.Close()
	b.Close()
	b.Update(1, "too late")
	b.Log("after")
	text := out.String()
	require.Contains(t, text, "first line\n")
	require.Contains(t, text, "last line\n", "a line given just before the end")
	require.Contains(t, text, "metatrain  50% [")
	require.Contains(t, text, "step 50\n")
	require.NotContains(t, text, "too late")
	require.NotRegexp(t, `\x1b\[[0-9;]*m`, text, "no colours, with NO_COLOR or without")
	require.True(t, strings.HasSuffix(text, "after\n"))
	require.Less(t, strings.LastIndex(text, "last line"), strings.LastIndex(text, "metatrain"), "lines stand above the bar")
}

func TestScreen(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out}
	fmt.Fprint(s, "logged\nbar 1\n")
	require.NoError(t, s.Flush(1))
	fmt.Fprint(s, "bar 2\n")
	require.NoError(t, s.Flush(0))
	fmt.Fprint(s, "below\n")
	require.NoError(t, s.Flush(0))
	require.Equal(t, "\rlogged\nbar 1\n\r\x1b[1A\x1b[Jbar 2\n\rbelow\n", out.String())
	width, height, err := s.GetTermSize()
	require.NoError(t, err)
	require.Equal(t, []int{79, 24}, []int{width, height})
}

func TestShorten(t *testing.T) {
	for _, c := range []struct {
		columns int
		want    string
	}{{80, "loss 0.25 µ"}, {25, "loss 0.25 µ"}, {24, "loss 0.25…"}, {20, "loss 0.…"}, {3, "…"}, {0, "…"}} {
		require.Equal(t, c.want, shorten("loss 0.25 µ", c.columns), c.columns)
	}
}

func TestBarClosedUnused(t *testing.T) {
	defer goleak.VerifyNone(t)
	var out bytes.Buffer
	drawBar(&out, time.Now).Close()
}

func TestProgressFromManyGoroutines(t *testing.T) {
	defer goleak.VerifyNone(t)
	var drawn, lines bytes.Buffer
	b := drawBar(&drawn, time.Now)
	for _, p := range []Progress{b, newPlain(&lines, "metatrain", time.Now)} {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 20 {
					p.Log("line %d.%d", i, j)
					p.Update(float64(j)/20, "busy")
				}
				if i == 3 {
					p.Close()
				}
			})
		}
		wg.Wait()
		p.Close()
	}
	for i := range 8 {
		for j := range 20 {
			line := fmt.Sprintf("line %d.%d\n", i, j)
			require.Contains(t, drawn.String(), line)
			require.Contains(t, lines.String(), line)
		}
	}
}

func TestNewProgress(t *testing.T) {
	defer goleak.VerifyNone(t)
	file, err := os.Create(t.TempDir() + "/stderr")
	require.NoError(t, err)
	defer file.Close()
	for _, kind := range []string{"auto", "plain"} {
		p, err := NewProgress(kind, file, "compare")
		require.NoError(t, err)
		p.Log("%s", kind)
		p.Close()
	}
	text, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	require.Equal(t, "auto\nplain\n", string(text), "nothing is lost off a terminal")

	var out bytes.Buffer
	p, err := NewProgress("off", &out, "compare")
	require.NoError(t, err)
	p.Log("x")
	p.Update(0.5, "y")
	p.Close()
	p.Close()
	require.Empty(t, out.String())

	_, err = NewProgress("loud", &out, "compare")
	require.EqualError(t, err, `unknown kind of progress "loud"; want auto, plain or off`)
}
