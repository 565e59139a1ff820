package brief_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed1498fded/unroll/internal/brief"
)

// Law: whatever goes in, one short line of UTF-8 comes out; what is short already and prints is left as it is.
func TestOneShortLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "text")
		text = strings.Repeat(text, rapid.IntRange(1, 20).Draw(t, "times"))
		numbers := rapid.SliceOf(rapid.Int()).Draw(t, "numbers")
		for _, s := range []string{brief.Text(text, 60), brief.Quote(text), brief.Quote([]byte(text)), brief.List(numbers), brief.Error(errors.New(text))} {
			require.True(t, utf8.ValidString(s), "%q", s)
			require.LessOrEqual(t, utf8.RuneCountInString(s), 123)
			require.NotContains(t, s, "\n")
		}
		if q := strconv.Quote(text); len(q) <= 60 {
			require.Equal(t, q, brief.Quote(text))
		}
	})
}

func TestCutting(t *testing.T) {
	assert.Equal(t, "größe", brief.Text("größe", 60))
	assert.Equal(t, "gr...", brief.Text("größe", 3), "no half of a letter")
	assert.Equal(t, "a b", brief.Text("a\nb", 60))
	assert.Equal(t, `"a\nb"`, brief.Quote("a\nb"))
	assert.Equal(t, `"`+strings.Repeat("x", 56)+`..."`, brief.Quote(strings.Repeat("x", 1e6)))
	assert.Equal(t, "[1 2]", brief.List([]int{1, 2}))
	assert.Less(t, len(brief.List(make([]int, 1e6))), 70)
}
