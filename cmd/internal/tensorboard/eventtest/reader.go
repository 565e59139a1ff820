// Package eventtest reads TensorBoard's event files as the format's description has it. It shares nothing with what writes them: the
// checksum is computed bit by bit, and fields are read in whatever order they come.
package eventtest

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// CRC32C is the checksum by the Castagnoli polynomial, reflected, one bit after the other.
func CRC32C(data []byte) uint32 {
	c := ^uint32(0)
	for _, b := range data {
		c ^= uint32(b)
		for range 8 {
			low := c & 1
			c >>= 1
			if low == 1 {
				c ^= 0x82f63b78
			}
		}
	}
	return ^c
}

// unmasked is the inverse of the mask of a checksum.
func unmasked(m uint32) uint32 {
	rotated := m - 0xa282ead8
	return rotated>>17 | rotated<<15
}

// Records cuts a file up, or says what is wrong with it.
func Records(file []byte) (list [][]byte, err error) {
	for len(file) > 0 {
		if len(file) < 12 {
			return nil, fmt.Errorf("%d bytes are no head", len(file))
		}
		n := binary.LittleEndian.Uint64(file)
		if unmasked(binary.LittleEndian.Uint32(file[8:])) != CRC32C(file[:8]) {
			return nil, fmt.Errorf("record %d: the checksum of the length is wrong", len(list))
		}
		if uint64(len(file)) < 16+n {
			return nil, fmt.Errorf("record %d: cut off", len(list))
		}
		data := file[12 : 12+n]
		if unmasked(binary.LittleEndian.Uint32(file[12+n:])) != CRC32C(data) {
			return nil, fmt.Errorf("record %d: the checksum of the data is wrong", len(list))
		}
		list, file = append(list, data), file[16+n:]
	}
	return list, nil
}

// A Message holds the values of each field: uint64 for numbers, []byte for all that has a length.
type Message map[int][]any

func decode(t testing.TB, b []byte) Message {
	t.Helper()
	m := Message{}
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		require.Positive(t, n)
		b = b[n:]
		var v any
		switch key & 7 {
		case 0:
			x, n := binary.Uvarint(b)
			require.Positive(t, n)
			v, b = x, b[n:]
		case 1:
			v, b = binary.LittleEndian.Uint64(b), b[8:]
		case 2:
			size, n := binary.Uvarint(b)
			require.Positive(t, n)
			b = b[n:]
			v, b = b[:size], b[size:]
		case 5:
			v, b = uint64(binary.LittleEndian.Uint32(b)), b[4:]
		default:
			t.Fatalf("wire type %d", key&7)
		}
		m[int(key>>3)] = append(m[int(key>>3)], v)
	}
	return m
}

// Double returns a field that is a single float64.
func (m Message) Double(field int) float64 { return math.Float64frombits(m[field][0].(uint64)) }

// Double returns a field that is a single float64.
// Doubles returns a field that is a packed list of float64.
func (m Message) Doubles(field int) (list []float64) {
	for b := m[field][0].([]byte); len(b) > 0; b = b[8:] {
		list = append(list, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return list
}

// An Event is what a test asks for.
type Event struct {
	Wall       float64 // seconds since 1970
	Step       int64
	Version    string
	Start      bool // whether a process began, so that earlier events of this step and those after it are void
	Scalars    map[string]float32
	Histograms map[string]Message
}

// ReadDir reads all files of a folder in the order of their names.
func ReadDir(t testing.TB, dir string) (files [][]Event) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*tfevents*"))
	require.NoError(t, err)
	slices.Sort(names)
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		list, err := Records(text)
		require.NoError(t, err, name)
		var events []Event
		for _, r := range list {
			events = append(events, eventOf(t, r))
		}
		files = append(files, events)
	}
	return files
}

func eventOf(t testing.TB, record []byte) Event {
	t.Helper()
	m := decode(t, record)
	e := Event{Wall: m.Double(1), Scalars: map[string]float32{}, Histograms: map[string]Message{}}
	if len(m[2]) > 0 {
		e.Step = int64(m[2][0].(uint64))
	}
	if len(m[3]) > 0 {
		e.Version = string(m[3][0].([]byte))
	}
	if len(m[7]) > 0 {
		e.Start = decode(t, m[7][0].([]byte))[1][0] == uint64(1)
	}
	for _, summary := range m[5] {
		for _, v := range decode(t, summary.([]byte))[1] {
			value := decode(t, v.([]byte))
			tag := string(value[1][0].([]byte))
			if len(value[2]) > 0 {
				e.Scalars[tag] = math.Float32frombits(uint32(value[2][0].(uint64)))
			}
			if len(value[5]) > 0 {
				e.Histograms[tag] = decode(t, value[5][0].([]byte))
			}
		}
	}
	return e
}
