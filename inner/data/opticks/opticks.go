// Package opticks is the text of Isaac Newton's Opticks (fourth edition, 1730), embedded, 567,198 bytes: something to learn a
// language on. README.md beside this file says where it comes from.
//
// No rule of this module is learned on it.
package opticks

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the text
	"fmt"
	"io"
	"slices"
	"sync"
)

//go:embed opticks.txt.gz
var zipped []byte

// A Text is a row of characters by number. A character is a byte; the few letters outside of ASCII are two.
type Text struct {
	Codes    []byte // for each character its number, below len(Alphabet)
	Alphabet []byte // the characters there are, in ascending order
}

// Slice returns the characters from, ..., to-1 by the same numbers, sharing t's memory.
func (t *Text) Slice(from, to int) *Text {
	return &Text{Codes: t.Codes[from:to:to], Alphabet: t.Alphabet}
}

var decode = sync.OnceValues(func() (*Text, error) {
	zr, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(zr)
	if err != nil {
		return nil, err
	}
	return Number(plain), nil
})

// Number numbers the bytes of any text by those that it has.
func Number(text []byte) *Text {
	t := &Text{Codes: make([]byte, len(text)), Alphabet: slices.Clone(text)}
	slices.Sort(t.Alphabet)
	t.Alphabet = slices.Compact(t.Alphabet)
	for i, c := range text {
		code, _ := slices.BinarySearch(t.Alphabet, c)
		t.Codes[i] = byte(code)
	}
	return t
}

// Load returns the first nine tenths of the text for training and the rest for tests, by the same alphabet of 93 characters. The
// first call unzips it; later ones, from any goroutine, return the same text, so callers must not modify it. The error is nil in a
// sound program.
func Load() (train, test *Text, err error) {
	t, err := decode()
	if err != nil {
		return nil, nil, fmt.Errorf("opticks: %w", err)
	}
	cut := len(t.Codes) / 10 * 9
	return t.Slice(0, cut), t.Slice(cut, len(t.Codes)), nil
}
