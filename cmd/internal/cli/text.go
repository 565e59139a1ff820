package cli

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// What the user gave may be of any length and hold anything. A line that is printed is neither.
const (
	maxLine  = 299 // bytes of an error line
	maxQuote = 60  // bytes of a text that is quoted in one
)

// quote returns a text in quotes, the middle of a long one left out.
func quote(text string) string { return strconv.Quote(cut(text, maxQuote)) }

// oneLine puts a text on one line of at most limit bytes. Control characters, with which a file's name could write to the
// terminal, and bytes that are no UTF-8 are spelled out.
func oneLine(text string, limit int) string { return cut(escape(foldLines(text)), limit) }

// Line makes of a text, whatever it holds, one that can be printed as a line of at most 299 bytes.
func Line(text string) string { return oneLine(text, maxLine) }

// foldLines puts the lines of a text on one.
func foldLines(text string) string {
	var lines []string
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// escape spells out what cannot be printed, as Go would in a string: \x1b.
func escape(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case strconv.IsPrint(r) && !(r == utf8.RuneError && size == 1):
			b.WriteString(text[:size])
		default:
			quoted := strconv.Quote(text[:size])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		text = text[size:]
	}
	return b.String()
}

// cut leaves out so much of the middle of a text that limit bytes remain, of which whole characters.
func cut(text string, limit int) string {
	const gap = "…"
	if len(text) <= limit {
		return text
	}
	head := (limit - len(gap)) / 2
	tail := len(text) - (limit - len(gap) - head)
	for head > 0 && !utf8.RuneStart(text[head]) {
		head--
	}
	for tail < len(text) && !utf8.RuneStart(text[tail]) {
		tail++
	}
	return text[:head] + gap + text[tail:]
}

// nearest returns the name that is least different from a misspelt one, or nothing if none is like it.
func nearest(word string, names []string) string {
	best, least := "", max(1, len(word)/3)
	if len(word) > maxQuote {
		return ""
	}
	for _, name := range names {
		if d := distance(word, name); d <= least {
			best, least = name, d-1
		}
	}
	return best
}

// distance returns how many bytes must be put in, left out or exchanged to make b of a (Levenshtein 1966).
func distance(a, b string) int {
	row := make([]int, len(b)+1) // of the last prefix of a, to each prefix of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0]++
		for j := range len(b) {
			exchanged := corner
			if a[i] != b[j] {
				exchanged++
			}
			corner, row[j+1] = row[j+1], min(exchanged, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
