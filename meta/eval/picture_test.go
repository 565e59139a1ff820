package eval

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot"
)

// The pictures are those that were looked at when they were last made: the same elements, texts and colours, and every
// number to a twentieth of a point, since the last digits are the processor's.
func TestPicturesAreTheGoldenOnes(t *testing.T) {
	for name, draw := range map[string]func(b *bytes.Buffer) error{
		"plot.svg":      func(b *bytes.Buffer) error { return sample().Plot(b, "svg") },
		"crossplot.svg": func(b *bytes.Buffer) error { return crossSample().Plot(b, "svg") },
	} {
		var b bytes.Buffer
		require.NoError(t, draw(&b))
		got := b.String()
		texts, numbers := takeApart(t, got)
		want := goldenText(t, name, got)
		wantTexts, wantNumbers := takeApart(t, want)
		require.Equal(t, wantTexts, texts, name)
		require.InDeltaSlice(t, wantNumbers, numbers, 0.05, name)
	}
}

var number = regexp.MustCompile(`-?\d+(\.\d+)?`)

// takeApart splits a picture into what is between its numbers, and these.
func takeApart(t *testing.T, svg string) (texts []string, numbers []float64) {
	t.Helper()
	for _, s := range number.FindAllString(svg, -1) {
		x, err := strconv.ParseFloat(s, 64)
		require.NoError(t, err)
		numbers = append(numbers, x)
	}
	return number.Split(svg, -1), numbers
}

// How a mean is written depends on its size; the limits belong to the longer form.
func TestStatsInTables(t *testing.T) {
	for _, tt := range []struct {
		s    Stat
		want string
	}{
		{Stat{10, 0.125}, "10.00 ± 0.12"},
		{Stat{9.99996, 0.125}, "10.0000 ± 0.1250"},
		{Stat{0.01, 0.002}, "0.0100 ± 0.0020"},
		{Stat{0.00999, 0.002}, "9.99e-03 ± 2.0e-03"},
		{Stat{0, 0}, "0.00e+00 ± 0.0e+00"},
	} {
		require.Equal(t, tt.want, tt.s.String())
	}
	for _, s := range []Summary{{inf, nan}, {nan, 1}, {-inf, 0}} {
		require.Equal(t, "diverged", stat(s).String())
	}
}

// Whole numbers are labelled, about ten of them.
func TestWholeTicks(t *testing.T) {
	values := func(lo, hi float64) (v []float64) {
		for _, tick := range wholeTicks(lo, hi) {
			require.Equal(t, strconv.Itoa(int(tick.Value)), tick.Label)
			v = append(v, tick.Value)
		}
		return v
	}
	require.Equal(t, []float64{1, 2, 3}, values(0.9, 3.1))
	require.Equal(t, []float64{5, 6}, values(5, 6))
	require.Equal(t, []float64{10, 20, 30, 40, 50, 60, 70, 80, 90, 100}, values(0.9, 100.9))
	require.Equal(t, []float64{2, 4, 6, 8, 10, 12, 14, 16, 18, 20}, values(0, 20))
}

// On a logarithmic axis every digit has a mark, and 1, 2 and 5 a label.
func TestLogTicks(t *testing.T) {
	var labels []string
	ticks := LogTicks(0.05, 2)
	for _, tick := range ticks {
		if !tick.IsMinor() {
			labels = append(labels, tick.Label)
		}
	}
	require.Equal(t, []string{"0.05", "0.1", "0.2", "0.5", "1", "2"}, labels)
	require.Len(t, ticks, 5+9+2)
	require.InDelta(t, 0.05, ticks[0].Value, 1e-12)
	require.InDelta(t, 2, ticks[len(ticks)-1].Value, 1e-12)
}

// An axis without extent gets one.
func TestWiden(t *testing.T) {
	for _, tt := range []struct{ min, max, wantMin, wantMax float64 }{{1, 2, 1, 2}, {3, 3, 1.5, 6}, {inf, -inf, 0.1, 10}} {
		a := plot.Axis{Min: tt.min, Max: tt.max}
		Widen(&a)
		require.Equal(t, []float64{tt.wantMin, tt.wantMax}, []float64{a.Min, a.Max})
	}
}

// As many credit rules as there are colours and marks can be told apart.
func TestStylesDiffer(t *testing.T) {
	seen := map[string]int{}
	for i := range len(palette) * len(marks) {
		s := newStyle(i, 0)
		look := fmt.Sprintf("%v %T", s.glyph.Color, s.glyph.Shape)
		require.NotContains(t, seen, look)
		require.Equal(t, s.glyph.Color, s.line.Color)
		seen[look] = i
	}
	require.Greater(t, len(seen), 20, "there are so many rules")
}

// Steps are labelled by round numbers, neither too many nor too few, whole and from the start of the axis on.
func TestRoundTicks(t *testing.T) {
	for hi := 1.0; hi < 2e7; hi = math.Ceil(hi * 1.13) {
		ticks := roundTicks(0, hi)
		require.LessOrEqual(t, len(ticks), 8, hi)
		require.GreaterOrEqual(t, len(ticks), int(min(hi, 2))+1, hi)
		require.Equal(t, "0", ticks[0].Label)
		for i, tick := range ticks {
			require.InDelta(t, ticks[1].Value*float64(i), tick.Value, 1e-6)
			require.Equal(t, fmt.Sprint(int(tick.Value)), tick.Label)
		}
	}
	var labels []string
	for _, tick := range roundTicks(0, 300) {
		labels = append(labels, tick.Label)
	}
	require.Equal(t, []string{"0", "50", "100", "150", "200", "250", "300"}, labels)
	require.Equal(t, 20.0, roundTicks(17, 93)[0].Value)
}
