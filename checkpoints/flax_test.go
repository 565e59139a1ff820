package checkpoints

import (
	"encoding/binary"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// flaxBytes writes arrays as Flax does, each behind its name, which is not cut up into maps.
func flaxBytes(arrays map[string]FlaxArray) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0xde}, uint16(len(arrays)))
	for _, name := range slices.Sorted(maps.Keys(arrays)) {
		b = append(append(b, 0xd9, byte(len(name))), name...)
		b = flaxExtension(b, 1, flaxContent(arrays[name], "float32"))
	}
	return b
}

func flaxExtension(b []byte, kind byte, content []byte) []byte {
	b = binary.BigEndian.AppendUint32(append(b, 0xc9), uint32(len(content)))
	return append(append(b, kind), content...)
}

func flaxContent(a FlaxArray, dtype string) []byte {
	b := []byte{0x93, 0x90 | byte(len(a.Shape))}
	for _, d := range a.Shape {
		b = binary.BigEndian.AppendUint32(append(b, 0xce), uint32(d))
	}
	b = append(append(b, 0xa0|byte(len(dtype))), dtype...)
	b = binary.BigEndian.AppendUint32(append(b, 0xc6), uint32(4*len(a.Data)))
	for _, x := range a.Data {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// one is a file of one array, in a map in a map.
func one(content []byte) []byte {
	return flaxExtension([]byte{0x81, 0xa1, 'a', 0x82, 0xa1, 'b', 0x80, 0xa1, 'c'}, 1, content)
}

var flaxSample = map[string]FlaxArray{
	"one": {Shape: []int{1}, Data: []float32{-0.5}}, "b/matrix": {Shape: []int{2, 3}, Data: []float32{1, 2, 3, 4, 5, 6}},
	"long": {Shape: []int{1, 300}, Data: make([]float32, 300)},
}

// Law: what is written is read, wherever it lies.
func TestFlaxArrays(t *testing.T) {
	got, err := readFlax(flaxBytes(flaxSample))
	require.NoError(t, err)
	require.Equal(t, flaxSample, got)
	got, err = readFlax(one(flaxContent(flaxSample["b/matrix"], "float32")))
	require.NoError(t, err)
	require.Equal(t, map[string]FlaxArray{"a/c": flaxSample["b/matrix"]}, got)
	got, err = readFlax(append([]byte{0x81, 0xa1, 'a'}, flaxBytes(flaxSample)...)) // a map of many, in another
	require.NoError(t, err)
	require.Equal(t, flaxSample["long"], got["a/long"])
}

// What is no such file, or one made to exhaust whoever reads it, is an error of one line.
func TestHostileFlax(t *testing.T) {
	matrix := flaxSample["b/matrix"]
	short := matrix
	short.Data = short.Data[1:]
	for name, tt := range map[string]struct {
		file []byte
		want string
	}{
		"nothing":         {nil, "ends early"},
		"text":            {[]byte("once upon a time"), "want a map"},
		"a short map":     {[]byte{0x81}, "ends early"},
		"no value":        {[]byte{0x81, 0xa1, 'a'}, "ends early"},
		"a number":        {[]byte{0x81, 0xa1, 'a', 7}, `"a": a byte 0x7, want an array`},
		"more follows":    {[]byte{0x80, 0}, "1 bytes follow"},
		"a number as key": {[]byte{0x81, 7}, "want a string"},
		"no UTF-8":        {[]byte{0x81, 0xa1, 0xff, 0x80}, "UTF-8"},
		"a key twice":     {[]byte{0x82, 0xa1, 'a', 0x80, 0xa1, 'a', 0x80}, `"a" is there twice`},
		"deep maps":       {[]byte(strings.Repeat("\x81\xa1a", 1<<20)), "more than 8 deep"},
		"many maps":       {append([]byte{0xde, 0xff, 0xff}, 0x80), "want a string"},
		"a long string":   {[]byte{0x81, 0xda, 0xff, 0xff, 'a'}, "ends early"},
		"a long name":     {append([]byte{0x81, 0xda, 0x10, 0}, strings.Repeat("a", 4096)+"\x80"...), "a name of 4096 bytes"},
		"a huge array":    {[]byte{0x81, 0xa1, 'a', 0xc9, 0x7f, 0xff, 0xff, 0xff, 1, 0x93}, "ends early"},
		"a huger array":   {[]byte{0x81, 0xa1, 'a', 0xc9, 0xff, 0xff, 0xff, 0xff, 1, 0x93}, "a length of 4294967295"},
		"another kind":    {flaxExtension([]byte{0x81, 0xa1, 'a'}, 2, nil), "an extension of type 2, want 1"},
		"no list":         {one([]byte{0x92, 0x90}), `"a/c": a list of 2, want shape`},
		"float64":         {one(flaxContent(matrix, "float64")), `"float64", want float32`},
		"too few":         {one(flaxContent(short, "float32")), "20 bytes for float32 of shape [2 3]"},
		"no dimension":    {one(flaxContent(FlaxArray{Shape: []int{2, 0}}, "float32")), "every dimension at least 1"},
		"a huge shape":    {one(flaxContent(FlaxArray{Shape: []int{1 << 30, 1 << 30, 1 << 30}}, "float32")), "a shape of"},
		"more in it":      {one(append(flaxContent(matrix, "float32"), 0)), "1 bytes follow after an array"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readFlax(tt.file)
			require.ErrorIs(t, err, ErrFormat)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "\n")
			require.Less(t, len(err.Error()), 300)
		})
	}
	whole := flaxBytes(flaxSample)
	for n := range whole {
		_, err := readFlax(whole[:n])
		require.ErrorIs(t, err, ErrFormat, "%d bytes of %d", n, len(whole))
	}
}

// As many arrays as are allowed are read, and no more.
func TestManyFlaxArrays(t *testing.T) {
	arrays := make(map[string]FlaxArray)
	for i := range maxFlaxArrays {
		arrays[strconv.Itoa(i)] = FlaxArray{Shape: []int{1}, Data: []float32{float32(i)}}
	}
	got, err := readFlax(flaxBytes(arrays))
	require.NoError(t, err)
	require.Equal(t, arrays, got)
	arrays["one more"] = FlaxArray{Shape: []int{1}, Data: []float32{0}}
	_, err = readFlax(flaxBytes(arrays))
	require.ErrorContains(t, err, "more than 4096 arrays")
}

func TestFlaxFiles(t *testing.T) {
	dir := t.TempDir()
	_, err := LoadFlax(filepath.Join(dir, "none.state"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = LoadFlax(dir)
	require.ErrorIs(t, err, ErrFormat)
	path := filepath.Join(dir, "theta.state")
	require.NoError(t, os.WriteFile(path, make([]byte, maxFlax+1), 0o600))
	_, err = LoadFlax(path)
	require.ErrorIs(t, err, ErrFormat)
	require.NoError(t, os.WriteFile(path, flaxBytes(flaxSample), 0o600))
	got, err := LoadFlax(path)
	require.NoError(t, err)
	require.Equal(t, flaxSample, got)
}

// Law: no input makes the reader panic, and what it accepts can be written and read again.
func FuzzFlax(f *testing.F) {
	f.Add(flaxBytes(flaxSample))
	f.Add(one(flaxContent(flaxSample["b/matrix"], "float32")))
	f.Add([]byte{0x81, 0xa1, 'a', 0xc7, 3, 1, 0x93, 0x90, 0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		arrays, err := readFlax(b)
		if err != nil {
			require.ErrorIs(t, err, ErrFormat)
			require.Less(t, len(err.Error()), 300)
			return
		}
		for name, a := range arrays {
			if len(name) > 255 || len(a.Shape) > 15 {
				return // the writer above has no need of them
			}
		}
		again, err := readFlax(flaxBytes(arrays))
		require.NoError(t, err)
		require.Equal(t, len(arrays), len(again))
		for name, a := range arrays {
			require.Equal(t, a.Shape, again[name].Shape)
			for i, x := range a.Data {
				require.Equal(t, math.Float32bits(x), math.Float32bits(again[name].Data[i]))
			}
		}
	})
}
