package checkpoints

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nlpodyssey/safetensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/params"
)

// behind puts the length of a header in front of it, and data behind it.
func behind(header string, data ...byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

const oursBegins = `{"__metadata__":{"format":"unroll","format_version":"1","kind":"rule","rule":"sgd","layout":"[]","sha256":"00"}`

// hostile lists files made to exhaust whoever reads them, or to be read in two ways.
func hostile() map[string][]byte {
	many := func(n int, text string) string { return strings.Repeat(text, n) }
	numbered := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	tensor := `{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`
	return map[string][]byte{
		"a header of 59 MB":        behind(oursBegins + many(59<<20, " ") + "}"),
		"nested lists":             behind(oursBegins + `,"a":` + many(1<<20, "[")),
		"nested objects":           behind(oursBegins + `,"a":` + many(600_000, `{"a":`)),
		"a million numbers":        behind(oursBegins+`,"a":{"dtype":"F32","shape":[`+many(1<<20, "1,")+`1],"data_offsets":[0,4]}}`, 0, 0, 0, 0),
		"empty tensors":            behind(oursBegins + numbered(300_000, `,"%x":{}`) + "}"),
		"much metadata":            behind(`{"__metadata__":{"a":""` + numbered(300_000, `,"%x":""`) + "}}"),
		"one name of 3 MB":         behind(oursBegins + `,"` + many(3<<20, "x") + `":{}}`),
		"two of it":                behind(oursBegins + `,"` + many(1<<20, "\\u0000") + `":{},"` + many(1<<20, "\\u0000") + `":{}}`),
		"a layout of numbers":      behind(`{"__metadata__":{"format":"unroll","format_version":"1","layout":"[` + many(1<<20, "1,") + `1]"}}`),
		"a nested layout":          behind(`{"__metadata__":{"format":"unroll","format_version":"1","layout":"` + many(1<<20, "[") + `"}}`),
		"a strange kind":           sealedWith(map[string]string{keyKind: many(1<<20, "\x01\n")}),
		"a strange version":        behind(`{"__metadata__":{"format":"unroll","format_version":"` + many(1<<20, "9") + `"}}`),
		"a strange format":         behind(`{"__metadata__":{"format":"` + many(1<<20, "\\n") + `"}}`),
		"a strange checksum":       sealedWith(map[string]string{keyChecksum: many(1<<20, "0")}),
		"the largest tensor":       behind(`{"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,18446744073709551615]}}`),
		"offsets that wrap":        behind(oursBegins+`,"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[4611686018427387903],"data_offsets":[4,18446744073709551615]}}`, 0, 0, 0, 0),
		"a shape that wraps":       behind(oursBegins+`,"a":{"dtype":"F32","shape":[3,6148914691236517206],"data_offsets":[0,8]}}`, make([]byte, 8)...),
		"a claim of 1 GiB":         behind(oursBegins + `,"a":{"dtype":"F32","shape":[268435456],"data_offsets":[0,1073741824]}}`),
		"a claim of 32 MiB":        behind(oursBegins[:len(oursBegins)-1-len(`"layout":"[]","sha256":"00"`)] + `"layout":"[{\"name\":\"a\",\"shape\":[8388608],\"dtype\":\"F32\"}]","sha256":"00"},"a":{"dtype":"F32","shape":[8388608],"data_offsets":[0,33554432]}}`),
		"a gap":                    behind(oursBegins+`,"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, make([]byte, 8)...),
		"an overlap":               behind(oursBegins+`,"a":`+tensor+`,"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, make([]byte, 8)...),
		"tensor twice":             behind(oursBegins+`,"a":`+tensor+`,"a":`+tensor+`}`, 0, 0, 0, 0),
		"metadata twice":           behind(oursBegins + `,` + oursBegins[1:] + `}`),
		"metadata key twice":       behind(`{"__metadata__":{"format":"unroll","format":"unroll"}}`),
		"dtype twice":              behind(oursBegins+`,"a":{"dtype":"F64","dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 0, 0, 0, 0),
		"twice, spelled otherwise": behind(oursBegins+`,"a":`+tensor+`,"\u0061":`+tensor+`}`, 0, 0, 0, 0),
		"layout key twice":         behind(`{"__metadata__":{"format":"unroll","format_version":"1","layout":"[{\"name\":\"a\",\"name\":\"b\"}]"}}`),
		"two headers":              behind(oursBegins + `}` + oursBegins + `}`),
		"no UTF-8":                 behind(oursBegins+",\"\xff\":"+tensor+`}`, 0, 0, 0, 0),
		"LFS":                      []byte("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"),
		"HTML":                     []byte("<!DOCTYPE html>\n<html><head><title>Not found</title></head></html>\n"),
		"PyTorch":                  []byte("PK\x03\x04\x00\x00\x08\x08\x00\x00\x00\x00\x00\x00archive/data.pkl"),
	}
}

// sealedWith is a file with a right checksum but metadata of any kind.
func sealedWith(meta map[string]string) []byte {
	all := map[string]string{keyFormat: "unroll", keyVersion: "1", keyKind: "rule", "rule": "sgd", keyLayout: "[]"}
	maps.Copy(all, meta)
	if _, ok := meta[keyChecksum]; !ok {
		all[keyChecksum] = must(checksum(all, nil))
	}
	return must(assemble(all, nil))
}

// allocated returns how many bytes f allocates, collected or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Law: no file costs more than 200 MB, whether it is read from disk or from a stream, nor more than one line to say why.
func TestHostileFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for name, b := range hostile() {
		require.NoError(t, os.WriteFile(path, b, 0o600))
		for way, read := range map[string]func() error{
			"Load": func() error { _, err := LoadRule(path); return err },
			"Read": func() error { _, err := ReadRule(bytes.NewReader(b)); return err },
			"then": func() error { _, err := ReadRule(io.MultiReader(bytes.NewReader(b), endless{})); return err },
		} {
			assert.Less(t, allocated(func() { checkError(t, read()) }), uint64(200<<20), "%s of %s", way, name)
		}
	}
}

// endless is a stream of zeros without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestHostileFilesAreNamed(t *testing.T) {
	files := hostile()
	for name, says := range map[string]string{
		"tensor twice":             `"a" is there twice`,
		"metadata twice":           `"__metadata__" is there twice`,
		"metadata key twice":       `"format" is there twice`,
		"dtype twice":              `"dtype" is there twice`,
		"twice, spelled otherwise": `"a" is there twice`,
		"layout key twice":         `metadata "layout": "name" is there twice`,
		"two headers":              "more follows",
		"no UTF-8":                 "not UTF-8",
		"nested lists":             "more than 3 deep",
		"empty tensors":            "more than 262144 names and values",
		"a header of 59 MB":        "at most 4194304 are allowed",
		"a gap":                    `tensor "a" lies at 4 to 8; want it to begin at 0`,
		"an overlap":               `tensor "b" lies at 0 to 8; want it to begin at 4`,
		"LFS":                      "no safetensors file but a git-LFS pointer",
		"HTML":                     "no safetensors file but an HTML page",
		"PyTorch":                  "no safetensors file but a zip archive, such as PyTorch's .pt",
	} {
		require.Contains(t, files, name)
		_, err := Read(bytes.NewReader(files[name]), "")
		require.ErrorIs(t, err, ErrFormat, name)
		assert.ErrorContains(t, err, says, name)
	}
}

// A stream without end is left alone after the first bytes that will not do, a file of zeros that takes no room on the disk
// is not taken into memory.
func TestNothingIsReadWithoutNeed(t *testing.T) {
	assert.Less(t, allocated(func() {
		_, err := Read(endless{}, "")
		checkError(t, err)
	}), uint64(1<<20))

	sparse := filepath.Join(t.TempDir(), "sparse")
	zeros := &File{Kind: "training", Tensors: []Tensor{{Spec: params.Spec{Name: "a", Shape: []int{1}}, F32: []float32{0}}}}
	header := encoded(t, zeros)
	header = header[:len(header)-4]
	for text, size := range map[string]int64{string(header): 5 << 30, "": 5 << 30, zeroes(): 1<<28 + int64(len(zeroes()))} {
		require.NoError(t, os.WriteFile(sparse, []byte(text), 0o600))
		if err := os.Truncate(sparse, size); err != nil {
			t.Skipf("SKIPPED: no file with holes can be made here: %v", err)
		}
		assert.Less(t, allocated(func() {
			_, err := Load(sparse, "")
			checkError(t, err)
		}), uint64(4<<20))
	}
}

// zeroes is the header of a file with 256 MiB of zeros, and a wrong checksum.
func zeroes() string {
	spec := params.Spec{Name: "a", Shape: []int{1 << 26}}
	return string(must(assemble(map[string]string{keyFormat: "unroll", keyVersion: "1", keyKind: "training", keyChecksum: "00",
		keyLayout: `[{"name":"a","shape":[67108864],"dtype":"F32"}]`},
		[]block{{entry{spec, "F32"}, safetensors.F32, io.NewSectionReader(nil, 0, 1<<28)}})))
}

// What is no regular file has its name in the error, and is not waited for.
func TestOnlyRegularFilesAreLoaded(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(dir, "")
	require.ErrorIs(t, err, ErrFormat)
	assert.EqualError(t, err, "checkpoints: "+dir+": bad format: a folder, not a regular file")
	_, err = LoadRule(os.DevNull)
	require.ErrorIs(t, err, ErrFormat)
	assert.ErrorContains(t, err, "a device, not a regular file")
}

// Law: what Save and Write refuse for its size is what Load and Read would; all else comes back.
func TestWritingHasTheLimitsOfReading(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	tensors := func(n int) *File {
		f := &File{Kind: "training"}
		for i := range n {
			f.Tensors = append(f.Tensors, Tensor{Spec: params.Spec{Name: fmt.Sprint("tensor.number.", i), Shape: []int{1}}, F32: []float32{1}})
		}
		return f
	}
	large := func(kind string, n int) *File {
		return &File{Kind: kind, Tensors: []Tensor{{Spec: params.Spec{Name: "a", Shape: []int{n}}, F32: make([]float32, n)}}}
	}
	const most = maxStream / 4
	for name, tt := range map[string]struct {
		file        *File
		save, write bool
	}{
		"8,000 tensors":  {tensors(8_000), true, true},
		"50,000 tensors": {tensors(50_000), false, false},
		"long metadata":  {&File{Kind: "k", Meta: map[string]string{"a": strings.Repeat("x", maxHeader)}}, false, false},
		"the most":       {large(KindRule, most), true, true},
		"more":           {large(KindRule, most+1), false, false},
		"more, no rule":  {large("training", most+1), true, false},
	} {
		err := tt.file.Save(path)
		require.Equal(t, tt.save, err == nil, "%s: %v", name, err)
		if err == nil {
			g, err := Load(path, "")
			require.NoError(t, err)
			require.True(t, sameFile(tt.file, g), name)
		} else {
			assert.Less(t, len(err.Error()), 420)
		}
		var b bytes.Buffer
		err = tt.file.Write(&b)
		require.Equal(t, tt.write, err == nil, "%s: %v", name, err)
		if err == nil {
			_, err := Read(&b, "")
			require.NoError(t, err, name)
		} else {
			require.Zero(t, b.Len())
		}
	}
	// What Save writes and Write does not is too much for a stream and, under another kind, for a rule.
	require.NoError(t, large("training", most+1).Save(path))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = Read(bytes.NewReader(b), "")
	assert.ErrorContains(t, err, "the tensors take 33554436 bytes, at most 33554432 are allowed")
	spec := params.Spec{Name: "a", Shape: []int{most + 1}}
	rule := must(assemble(map[string]string{keyFormat: "unroll", keyVersion: "1", keyKind: KindRule, keyChecksum: "00",
		keyLayout: `[{"name":"a","shape":[8388609],"dtype":"F32"}]`},
		[]block{{entry{spec, "F32"}, safetensors.F32, io.NewSectionReader(nil, 0, maxStream+4)}}))
	require.NoError(t, os.WriteFile(path, append(rule, make([]byte, maxStream+4)...), 0o600))
	_, err = LoadRule(path)
	assert.ErrorContains(t, err, "the tensors take 33554436 bytes, at most 33554432 are allowed")
}

// A rule with a number that is none is neither written nor read, and the error says where it is.
func TestARuleIsFinite(t *testing.T) {
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		r := sampleRule()
		require.NoError(t, r.Finite())
		r.Phi[4] = float32(x)
		want := fmt.Sprintf(`element 4 of tensor "lstm.weight_ih_l0" is %v; want finite meta-parameters`, x)
		require.EqualError(t, r.Finite(), want)
		path := filepath.Join(t.TempDir(), "f")
		require.ErrorContains(t, SaveRule(path, r), want)
		require.ErrorContains(t, WriteRule(io.Discard, r), want)
		assert.NoFileExists(t, path)

		f := must(sampleRule().file())
		f.Tensors[0].F32 = slices.Clone(f.Tensors[0].F32)
		f.Tensors[0].F32[4] = float32(x)
		require.NoError(t, f.Save(path))
		_, err := LoadRule(path)
		require.ErrorIs(t, err, ErrFormat)
		assert.ErrorContains(t, err, path+": bad format: "+want)
	}
}

// A file from before that was so still reads as a file, to the same bits.
func TestANumberThatIsNoneKeepsItsBits(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "rule-not-finite.safetensors"))
	require.NoError(t, err)
	f, err := Read(bytes.NewReader(b), KindRule)
	require.NoError(t, err)
	assert.Equal(t, b, encoded(t, f))
	phi, err := Get[float32](f, "", f.Layout(""))
	require.NoError(t, err)
	assert.True(t, sameBits(phi, []float32{1, -2.5, float32(math.Copysign(0, -1)), float32(math.Inf(1)),
		math.SmallestNonzeroFloat32, math.MaxFloat32, math.Float32frombits(0x7fa12345)})) // the last is a signalling NaN
	_, err = ReadRule(bytes.NewReader(b))
	require.ErrorIs(t, err, ErrFormat)
	assert.ErrorContains(t, err, `element 3 of tensor "lstm.weight_ih_l0" is +Inf`)
}

// A disk that fails while the file is read is no fault of the file.
func TestErrorsOfTheDiskComeThrough(t *testing.T) {
	b := encoded(t, sampleFile())
	_, err := readFile(failing{bytes.NewReader(b), int64(len(b) - 9)}, int64(len(b)), "")
	require.ErrorIs(t, err, errBoom)
	assert.False(t, errors.Is(err, ErrFormat) || errors.Is(err, ErrChecksum))
}

// failing is a file whose bytes cannot be read from some place on.
type failing struct {
	io.ReaderAt
	from int64
}

func (f failing) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > f.from {
		return 0, errBoom
	}
	return f.ReaderAt.ReadAt(p, at)
}

// FuzzHeader asks of any bytes that what passes the walk is JSON that no two readers understand in two ways.
func FuzzHeader(f *testing.F) {
	for _, b := range hostile() {
		if len(b) > 8 && len(b) < 1000 {
			f.Add(b[8:])
		}
	}
	f.Add([]byte(`{"a":[1,2.5e3,true,null,"x",{"b":{}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := checkHeader(b); err != nil {
			require.Less(t, len(err.Error()), 300)
			return
		}
		require.True(t, json.Valid(b), "%q", b)
		require.True(t, utf8.Valid(b))
		var v any
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber() // of any length: what wants a number of a range asks for it
		require.NoError(t, d.Decode(&v), "%q", b)
		// Of members that shadow each other only one is left, but each has its colon.
		require.Equal(t, strings.Count(quoted.ReplaceAllString(string(b), ""), ":"), members(v), "%q", b)
	})
}

// quoted matches a string of JSON.
var quoted = regexp.MustCompile(`"(\\.|[^"\\])*"`)

// members counts those of all objects in v.
func members(v any) (n int) {
	switch v := v.(type) {
	case map[string]any:
		n = len(v)
		for _, x := range v {
			n += members(x)
		}
	case []any:
		for _, x := range v {
			n += members(x)
		}
	}
	return n
}
