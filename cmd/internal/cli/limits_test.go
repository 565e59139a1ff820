package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is allowed includes the limit that errors name.
func TestLimitsAreAllowed(t *testing.T) {
	for text, want := range map[string]Widths{
		"1":                       {1},
		"10000000":                {10_000_000},
		strings.Repeat(",7", 100): Widths(repeated(7, 100)),
	} {
		o, err := parse(t, "", "--widths", strings.TrimPrefix(text, ","))
		require.NoError(t, err, text)
		require.Equal(t, want, o.Widths)
	}
	for _, text := range []string{"0", "10000001", strings.Repeat(",7", 101), "-1"} {
		_, err := parse(t, "", "--widths="+strings.TrimPrefix(text, ","))
		require.ErrorContains(t, err, "up to 100 whole numbers from 1 to 10000000", text)
	}

	for _, text := range []string{"1", "1000000000"} {
		o, err := parse(t, "", "--steps", text)
		require.NoError(t, err, text)
		require.Equal(t, text, fmt.Sprint(o.Steps))
	}
	for _, text := range []string{"0", "1000000001", "-1"} {
		_, err := parse(t, "", "--steps="+text)
		require.ErrorContains(t, err, fmt.Sprintf("--steps: want a whole number from 1 to 1000000000, got %q", text))
	}

	const longest = 64 << 10
	fill := func(n int) string { return "seed: 7\n#" + strings.Repeat("x", n-len("seed: 7\n#\n")) + "\n" }
	o, err := parse(t, fill(longest))
	require.NoError(t, err)
	require.EqualValues(t, 7, o.Seed)
	_, err = parse(t, fill(longest+1))
	require.ErrorContains(t, err, "--config: run.yaml: ")
}

func repeated(v, n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = v
	}
	return all
}

// The spaces of a quoted value are its own; those around a block are not.
func TestSpacesInYAML(t *testing.T) {
	for text, want := range map[string]string{`label: '  x '`: "  x ", `label: "\tx"`: "\tx", "label: |\n  x y\n": "x y", "label: >\n  x\n  y\n": "x y", "label:   x  ": "x"} {
		o, err := parse(t, text)
		require.NoError(t, err, text)
		require.Equal(t, want, *o.Label, text)
	}
}

// frames notes what is written at a time.
type frames struct{ all []string }

func (f *frames) Write(p []byte) (int, error) {
	f.all = append(f.all, string(p))
	return len(p), nil
}

// As long as there is a bar, lines go to the terminal with it, in frames, and not past it; the bar takes 24 columns.
func TestLinesComeWithTheBar(t *testing.T) {
	out := new(frames)
	c := newClock()
	b := newBar(out, "metatrain", c.now)
	b.Log("a line")
	b.Update(0.5, "half")
	b.Close()
	whole := strings.Join(out.all, "")
	require.Contains(t, whole, "a line\n")
	for _, frame := range out.all {
		require.True(t, strings.HasPrefix(frame, "\r"), "%q", frame)
	}
	require.Regexp(t, `metatrain  50% \[[=>-]{22}\] `, whole)
	b.Log("after")
	require.Equal(t, "after\n", out.all[len(out.all)-1])
}
