package checkpoints

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/seed1498fded/unroll/internal/brief"
)

// What a file may ask of the machine that reads it. The same limits hold for writing, so that what was saved can be loaded.
const (
	// maxHeader bounds the header, in bytes. Every tensor takes about 200, and 10,000 of them are many.
	maxHeader = 4 << 20
	// maxValues bounds the names, numbers, strings, lists and objects of the header, of which a tensor has about 15 and its
	// line in the layout 10: parsed, each takes many times the memory that it takes in the file.
	maxValues = 1 << 18
	// maxDepth is how deep objects and lists lie in the header, and in the layout that it contains: that of a shape in a
	// tensor in the whole.
	maxDepth = 3
	// maxStream bounds the tensors of a rule, and those of any file that is read from a stream, in bytes: 8 million float32,
	// a thousand times the largest rule here. A stream is kept in memory until its checksum is known.
	maxStream = 32 << 20
	// maxFile bounds the tensors of all other files on disk, in bytes. A training checkpoint holds an optimizee's weights
	// and what the rule keeps for each of them, 80 numbers in an LSTM of two layers of 20.
	maxFile = 1 << 30
)

// limitOf returns how many bytes the tensors of a file on disk may take.
func limitOf(kind string) int64 {
	if kind == KindRule {
		return maxStream
	}
	return maxFile
}

// checkHeader finds what encoding/json, and so the safetensors library, would let pass: names given twice, of which it
// silently keeps the last, bytes that are no UTF-8, which it silently replaces, and more than the limits allow.
func checkHeader(b []byte) error {
	if len(b) > maxHeader {
		return fmt.Errorf("a header of %d bytes, at most %d are allowed", len(b), maxHeader)
	}
	if !utf8.Valid(b) {
		return errors.New("the header is not UTF-8")
	}
	return checkJSON(b)
}

// checkJSON makes sure that b is one JSON value within the limits, in which no object has two members of one name.
func checkJSON(b []byte) error {
	w := walk{dec: json.NewDecoder(bytes.NewReader(b)), left: maxValues}
	w.dec.UseNumber()
	if err := w.value(0); err != nil {
		return err
	}
	if _, err := w.dec.Token(); err != io.EOF {
		return errors.New("more follows after the JSON")
	}
	return nil
}

// A walk passes through a JSON text value by value.
type walk struct {
	dec  *json.Decoder
	left int // how many values it may still meet
}

func (w *walk) value(depth int) error {
	token, err := w.next()
	if err != nil {
		return err
	}
	d, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if depth == maxDepth {
		return fmt.Errorf("lists and objects lie more than %d deep", maxDepth)
	}
	if d == '{' {
		err = w.members(depth)
	} else {
		err = w.elements(depth)
	}
	if err == nil {
		_, err = w.dec.Token() // the closing bracket
	}
	return err
}

func (w *walk) members(depth int) error {
	seen := make(map[string]bool)
	for w.dec.More() {
		token, err := w.next()
		if err != nil {
			return err
		}
		name, _ := token.(string) // JSON has no others
		if seen[name] {
			return fmt.Errorf("%s is there twice", brief.Quote(name))
		}
		seen[name] = true
		if err := w.value(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) elements(depth int) error {
	for w.dec.More() {
		if err := w.value(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

// next returns the next name, number, string or opening bracket.
func (w *walk) next() (json.Token, error) {
	if w.left--; w.left < 0 {
		return nil, fmt.Errorf("more than %d names and values", maxValues)
	}
	token, err := w.dec.Token()
	if err != nil {
		return nil, fmt.Errorf("no JSON: %s", brief.Error(err))
	}
	return token, nil
}
