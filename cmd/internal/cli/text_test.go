package cli

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"short", 5, "short"},
		{"0123456789", 9, "012…789"},
		{"0123456789", 8, "01…789"},
		{"ééééé", 9, "é…é"},
		{"", 3, ""},
	} {
		require.Equal(t, c.want, cut(c.text, c.limit))
	}
}

// TestErrorLineOfAnything is about what a file or a flag can put into an error: 10 MB of it, the codes that a terminal obeys,
// and bytes that are no text.
func TestErrorLineOfAnything(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("x", 10<<20), strings.Repeat("é", 400), strings.Repeat("a\n", 400), strings.Repeat("\n", 400),
		"\x1b]0;title\x07\x1b[2J", "\xff\xfe", "a\u202eb", "a\u0085b", "\u2028", "\x00", strings.Repeat("\x1b", 400),
	} {
		requireLine(t, errorLine(context.Background(), "compare", errors.New(text)))
	}
	require.Equal(t, `compare: a\x1b[2Jb\xffé`, errorLine(context.Background(), "compare", errors.New("a\x1b[2Jb\xffé")))
	require.Equal(t, "compare: a\ufffdb", errorLine(context.Background(), "compare", errors.New("a\ufffdb")))
}

// requireLine checks what holds of all that is printed about an error.
func requireLine(t *testing.T, line string) {
	t.Helper()
	require.Less(t, len(line), 300)
	require.True(t, utf8.ValidString(line))
	require.Equal(t, -1, strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", line)
}

func TestNearest(t *testing.T) {
	names := []string{"steps", "seed", "outer-lr"}
	for word, want := range map[string]string{
		"step": "steps", "outer_lr": "outer-lr", "outerlr": "outer-lr", "sed": "seed", "seeds": "seed",
		"momentum": "", "": "", "a": "", strings.Repeat("steps", 1000): "",
	} {
		require.Equal(t, want, nearest(word, names), word)
	}
	require.Equal(t, 3, distance("kitten", "sitting"))
	require.Equal(t, 4, distance("", "four"))
}
