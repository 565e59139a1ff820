package checkpoints

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/internal/regular"
	"github.com/seed1498fded/unroll/params"
)

// An Array is one array of float32 of somebody else's file, row-major.
type Array struct {
	Shape []int
	Data  []float32
}

// A FlaxArray is one of a file of Flax.
type FlaxArray = Array

// What a file of somebody else may ask for.
const (
	maxFlax       = 8 << 20 // bytes; the arrays are copied, and no rule has as many
	maxFlaxArrays = 1 << 12
	maxFlaxDepth  = 8 // of maps in maps
	maxFlaxName   = 1 << 10
)

// LoadFlax reads the arrays of a file that Flax's serialization wrote: msgpack of maps whose leaves are arrays of float32. The
// names are the keys on the way, joined with /. A file that will not do, and one of more than 8 MiB, 4,096 arrays or 8 maps in
// one another, is an [ErrFormat], a missing one [os.ErrNotExist].
func LoadFlax(path string) (map[string]FlaxArray, error) {
	return loadForeign(path, maxFlax, readFlax)
}

// loadForeign reads a file of at most so many bytes.
func loadForeign(path string, most int64, read func([]byte) (map[string]Array, error)) (map[string]Array, error) {
	b, err := regular.ReadFile(path, most)
	switch {
	case errors.Is(err, regular.ErrNotRegular) || errors.Is(err, regular.ErrTooLong):
		return nil, fmt.Errorf("checkpoints: %s: %w: %w", path, ErrFormat, cause(err))
	case err != nil:
		return nil, fmt.Errorf("checkpoints: %s: %w", path, cause(err))
	}
	arrays, err := read(b)
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %s: %w", path, err)
	}
	return arrays, nil
}

func readFlax(b []byte) (map[string]FlaxArray, error) {
	arrays := make(map[string]FlaxArray)
	rest, err := flaxMap(arrays, "", msgpack(b), 0)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes follow after the last array", len(rest))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: no msgpack of Flax: %w", ErrFormat, err)
	}
	return arrays, nil
}

// flaxMap reads a map of arrays and maps.
func flaxMap(arrays map[string]FlaxArray, prefix string, b msgpack, depth int) (msgpack, error) {
	n, b, err := b.length("map", 0x80, 0xde, 2)
	if err != nil {
		return nil, err
	}
	if depth == maxFlaxDepth {
		return nil, fmt.Errorf("maps lie more than %d deep", maxFlaxDepth)
	}
	seen := make(map[string]bool)
	for range n {
		var key string
		if key, b, err = b.text(); err != nil {
			return nil, err
		}
		name := prefix + key
		switch {
		case seen[key]:
			return nil, fmt.Errorf("%s is there twice", brief.Quote(name))
		case len(name) > maxFlaxName:
			return nil, fmt.Errorf("a name of %d bytes, at most %d are allowed", len(name), maxFlaxName)
		case len(b) == 0:
			return nil, errShort
		}
		seen[key] = true
		if b.isMap() {
			b, err = flaxMap(arrays, name+"/", b, depth+1)
		} else {
			b, err = flaxLeaf(arrays, name, b)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// flaxLeaf reads an array: an extension of type 1 that holds msgpack of shape, type and bytes.
func flaxLeaf(arrays map[string]FlaxArray, name string, b msgpack) (msgpack, error) {
	what, rest, err := b.extension()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", brief.Quote(name), err)
	}
	a, err := what.array()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", brief.Quote(name), err)
	}
	if _, twice := arrays[name]; twice {
		return nil, fmt.Errorf("%s is there twice", brief.Quote(name))
	}
	if len(arrays) == maxFlaxArrays {
		return nil, fmt.Errorf("more than %d arrays", maxFlaxArrays)
	}
	arrays[name] = a
	return rest, nil
}

// A msgpack is what is left of a file to read.
type msgpack []byte

var errShort = errors.New("the file ends early")

// take returns the next n bytes.
func (b msgpack) take(n int) (part, rest msgpack, err error) {
	if n > len(b) {
		return nil, nil, errShort
	}
	return b[:n], b[n:], nil
}

// size reads a number of so many bytes, 1, 2 or 4.
func (b msgpack) size(bytes int) (n int, rest msgpack, err error) {
	part, rest, err := b.take(bytes)
	if err != nil {
		return 0, nil, err
	}
	var v uint32
	for _, x := range part {
		v = v<<8 | uint32(x)
	}
	if v > math.MaxInt32 {
		return 0, nil, fmt.Errorf("a length of %d", v)
	}
	return int(v), rest, nil
}

func (b msgpack) isMap() bool { return b[0]&0xf0 == 0x80 || b[0] == 0xde }

// length reads the head of a map or list: up to 15 elements are counted in its first byte, more in the bytes that follow.
func (b msgpack) length(what string, short, long byte, bytes int) (n int, rest msgpack, err error) {
	head, rest, err := b.take(1)
	switch {
	case err != nil:
		return 0, nil, err
	case head[0]&0xf0 == short:
		return int(head[0] & 0x0f), rest, nil
	case head[0] == long:
		return rest.size(bytes)
	}
	return 0, nil, fmt.Errorf("a byte %#x, want a %s", head[0], what)
}

// text reads a string.
func (b msgpack) text() (s string, rest msgpack, err error) {
	head, rest, err := b.take(1)
	if err != nil {
		return "", nil, err
	}
	var n int
	switch {
	case head[0]&0xe0 == 0xa0:
		n = int(head[0] & 0x1f)
	case head[0] == 0xd9:
		n, rest, err = rest.size(1)
	case head[0] == 0xda:
		n, rest, err = rest.size(2)
	default:
		err = fmt.Errorf("a byte %#x, want a string", head[0])
	}
	if err != nil {
		return "", nil, err
	}
	part, rest, err := rest.take(n)
	if err == nil && !utf8.Valid(part) {
		err = errors.New("a string is not UTF-8")
	}
	return string(part), rest, err
}

// blob reads bytes whose length takes 1, 2 or 4 bytes: a byte that says which, the length, so many bytes between, content.
func (b msgpack) blob(what string, first byte, between int) (head, content, rest msgpack, err error) {
	kind, rest, err := b.take(1)
	if err != nil {
		return nil, nil, nil, err
	}
	k := int(kind[0]) - int(first)
	if k < 0 || k > 2 {
		return nil, nil, nil, fmt.Errorf("a byte %#x, want %s", kind[0], what)
	}
	n, rest, err := rest.size(1 << k)
	if err != nil {
		return nil, nil, nil, err
	}
	if head, rest, err = rest.take(between); err != nil {
		return nil, nil, nil, err
	}
	content, rest, err = rest.take(n)
	return head, content, rest, err
}

// extension reads an extension of type 1.
func (b msgpack) extension() (content, rest msgpack, err error) {
	head, content, rest, err := b.blob("an array", 0xc7, 1)
	if err == nil && head[0] != 1 {
		err = fmt.Errorf("an extension of type %d, want 1", head[0])
	}
	return content, rest, err
}

// array reads [shape, "float32", bytes], to the end.
func (b msgpack) array() (a FlaxArray, err error) {
	n, b, err := b.length("list", 0x90, 0xdc, 2)
	if err == nil && n != 3 {
		err = fmt.Errorf("a list of %d, want shape, type and bytes", n)
	}
	if err != nil {
		return a, err
	}
	if n, b, err = b.length("list", 0x90, 0xdc, 2); err != nil {
		return a, err
	}
	spec := params.Spec{Name: "array"}
	for range n {
		var d int
		if d, b, err = b.dimension(); err != nil {
			return a, err
		}
		spec.Shape = append(spec.Shape, d)
	}
	dtype, b, err := b.text()
	if err == nil && dtype != "float32" {
		err = fmt.Errorf("elements of type %s, want float32", brief.Quote(dtype))
	}
	if err != nil {
		return a, err
	}
	_, raw, b, err := b.blob("bytes", 0xc4, 0)
	switch {
	case err != nil:
		return a, err
	case len(b) > 0:
		return a, fmt.Errorf("%d bytes follow after an array", len(b))
	}
	if err := (params.Layout{spec}).Validate(); err != nil {
		return a, fmt.Errorf("a shape of %s, want every dimension at least 1", brief.List(spec.Shape))
	}
	if len(raw)%4 != 0 || len(raw)/4 != spec.Len() {
		return a, fmt.Errorf("%d bytes for float32 of shape %s", len(raw), brief.List(spec.Shape))
	}
	a = FlaxArray{Shape: spec.Shape, Data: make([]float32, spec.Len())}
	for i := range a.Data {
		a.Data[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return a, nil
}

// dimension reads a number from 0 on.
func (b msgpack) dimension() (d int, rest msgpack, err error) {
	head, rest, err := b.take(1)
	switch {
	case err != nil:
		return 0, nil, err
	case head[0] < 0x80:
		return int(head[0]), rest, nil
	case head[0] >= 0xcc && head[0] <= 0xce:
		return rest.size(1 << (head[0] - 0xcc))
	}
	return 0, nil, fmt.Errorf("a byte %#x, want a dimension", head[0])
}
