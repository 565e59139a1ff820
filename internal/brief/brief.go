// Package brief keeps messages to one short line, whatever the files and names that they quote contain.
package brief

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// most is how many bytes of a thing a message quotes.
const most = 60

// Text cuts a text to about n bytes and replaces what does not print, line breaks among it.
func Text(text string, n int) string {
	if len(text) > n {
		text = strings.ToValidUTF8(text[:n], "") + "..."
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return unicode.ReplacementChar
	}, text)
}

// Quote quotes a text as %q does, and cuts it.
func Quote[T ~string | ~[]byte](text T) string {
	long := len(text) > most
	q := strconv.Quote(string(text[:min(len(text), most)]))
	if long || len(q) > most+2 {
		q = Text(q[:len(q)-1], most-3)
		return strings.TrimSuffix(q, "...") + `..."`
	}
	return q
}

// List formats a slice as %v does, and cuts it.
func List[T any](list []T) string {
	if len(list) <= most {
		return Text(fmt.Sprint(list), most)
	}
	return Text(fmt.Sprint(list[:most]), most) // which has at least two bytes an element
}

// Error cuts the text of an error, which may quote anything.
func Error(err error) string { return Text(err.Error(), 2*most) }
