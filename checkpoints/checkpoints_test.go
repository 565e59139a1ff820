package checkpoints

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/nlpodyssey/safetensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed1498fded/unroll/params"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// sampleRule is a small rule with names, values and strings that are easy to get wrong.
func sampleRule() Rule {
	return Rule{
		Name:   "lstm",
		Config: json.RawMessage(`{"hidden": 2, "note": "<&>\u2028"}`),
		Layout: params.Layout{{Name: "lstm.weight_ih_l0", Shape: []int{2, 3}}, {Name: "A", Shape: []int{1}}},
		Phi: []float32{1, -2.5, float32(math.Copysign(0, -1)), math.Pi, math.SmallestNonzeroFloat32, math.MaxFloat32,
			math.Float32frombits(1 << 22)}, // the last but two and the last are denormal
		Provenance: map[string]string{"problem": "quadratic", "seed": "7", "": "größe"},
	}
}

// sampleFile is a small training checkpoint of mixed element types.
func sampleFile() *File {
	f := &File{Kind: "training", Meta: map[string]string{"step": "12", "key": "18446744073709551615", "state": `{"a":[1]}`}}
	l := params.Layout{{Name: "w", Shape: []int{3}}, {Name: "b", Shape: []int{1}}}
	Put(f, "phi/", l, []float32{1, 2, 3, 4})
	Put(f, "loss/", l, []float64{1e300, math.Pi, math.Float64frombits(0xfff0000000abcdef), 5e-324})
	return f
}

func encoded(t require.TestingT, f *File) []byte {
	var b bytes.Buffer
	require.NoError(t, f.Write(&b))
	return b.Bytes()
}

func encodedRule(t require.TestingT, r Rule) []byte {
	var b bytes.Buffer
	require.NoError(t, WriteRule(&b, r))
	return b.Bytes()
}

// sameFile reports whether a and b agree to the last bit; NaNs are compared by their bits.
func sameFile(a, b *File) bool {
	sameTensor := func(x, y Tensor) bool {
		return x.Name == y.Name && slices.Equal(x.Shape, y.Shape) && sameBits(x.F32, y.F32) &&
			slices.EqualFunc(x.F64, y.F64, func(p, q float64) bool { return math.Float64bits(p) == math.Float64bits(q) })
	}
	return a.Kind == b.Kind && maps.Equal(a.Meta, b.Meta) && slices.EqualFunc(a.Tensors, b.Tensors, sameTensor)
}

func sameBits(x, y []float32) bool {
	return slices.EqualFunc(x, y, func(p, q float32) bool { return math.Float32bits(p) == math.Float32bits(q) })
}

// drawFile draws any file that can be written. Numbers are drawn as bits, so that every NaN, infinity and denormal
// may occur.
func drawFile(t *rapid.T) *File {
	key := rapid.String().Filter(func(s string) bool { return !reserved(s) })
	f := &File{
		Kind: rapid.StringN(1, 8, -1).Draw(t, "kind"),
		Meta: rapid.MapOfN(key, rapid.String(), 0, 4).Draw(t, "meta"),
	}
	names := rapid.SliceOfNDistinct(rapid.StringN(1, 6, -1), 0, 5, rapid.ID[string]).Draw(t, "names")
	for _, name := range names {
		s := params.Spec{Name: name, Shape: rapid.SliceOfN(rapid.IntRange(1, 4), 1, 3).Draw(t, "shape")}
		x := Tensor{Spec: s}
		if rapid.Bool().Draw(t, "double") {
			for _, u := range rapid.SliceOfN(rapid.Uint64(), s.Len(), s.Len()).Draw(t, "bits") {
				x.F64 = append(x.F64, math.Float64frombits(u))
			}
		} else {
			for _, u := range rapid.SliceOfN(rapid.Uint32(), s.Len(), s.Len()).Draw(t, "bits") {
				x.F32 = append(x.F32, math.Float32frombits(u))
			}
		}
		f.Tensors = append(f.Tensors, x)
	}
	return f
}

// Law: what was written is read, bit for bit and in order, and the same content gives the same bytes.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFile(t)
		b := encoded(t, f)
		g, err := Read(bytes.NewReader(b), f.Kind)
		require.NoError(t, err)
		require.True(t, sameFile(f, g), "got %v, want %v", g, f)
		require.Equal(t, b, encoded(t, g))
	})
}

// Law: as above, through a file on disk and the rule layer.
func TestRuleRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rule.safetensors")
	rapid.Check(t, func(t *rapid.T) {
		f := drawFile(t)
		r := Rule{Name: rapid.StringN(1, 5, -1).Draw(t, "name"), Provenance: f.Meta}
		if rapid.Bool().Draw(t, "has config") {
			c, err := json.Marshal(f.Meta)
			require.NoError(t, err)
			r.Config = c
		}
		for _, x := range f.Tensors {
			if x.F32 != nil {
				r.Layout, r.Phi = append(r.Layout, x.Spec), append(r.Phi, x.F32...)
			}
		}
		if slices.ContainsFunc(r.Phi, func(x float32) bool { return math.IsNaN(float64(x - x)) }) {
			require.ErrorContains(t, SaveRule(path, r), "want finite meta-parameters")
			for i, x := range r.Phi {
				if x-x != 0 {
					r.Phi[i] = 0
				}
			}
		}
		require.NoError(t, SaveRule(path, r))
		got, err := LoadRule(path)
		require.NoError(t, err)
		require.NoError(t, got.Check(r.Name, r.Layout))
		require.True(t, sameBits(r.Phi, got.Phi))
		require.Equal(t, string(r.Config), string(got.Config))
		require.True(t, maps.Equal(r.Provenance, got.Provenance))
	})
}

// Law: the bytes do not change from one version of this package to the next.
func TestGolden(t *testing.T) {
	for name, b := range map[string][]byte{
		"rule.safetensors":     encodedRule(t, sampleRule()),
		"training.safetensors": encoded(t, sampleFile()),
	} {
		path := filepath.Join("testdata", name)
		if *update {
			require.NoError(t, os.WriteFile(path, b, 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, want, b, "%s differs; if that is meant, raise the format version and run with -update", path)
	}
	r, err := LoadRule(filepath.Join("testdata", "rule.safetensors"))
	require.NoError(t, err)
	assert.True(t, sameBits(sampleRule().Phi, r.Phi))
	r.Phi = sampleRule().Phi // a NaN is not equal to itself
	assert.Equal(t, fmt.Sprint(sampleRule()), fmt.Sprint(r))
}

// Law: the file is safetensors as the reference implementation writes it: length, then JSON with __metadata__ first and
// all data aligned.
func TestStandardHeader(t *testing.T) {
	b := encoded(t, sampleFile())
	n := binary.LittleEndian.Uint64(b)
	assert.Zero(t, n%8)
	header := string(b[8 : 8+n])
	assert.True(t, strings.HasPrefix(header, `{"__metadata__":{`), header)
	assert.True(t, json.Valid([]byte(header)))

	_, m, err := safetensors.ReadMetadata(b)
	require.NoError(t, err)
	for name, info := range m.Tensors() {
		assert.Zero(t, info.DataOffsets[0]%info.DType.Size(), "tensor %q is not aligned", name)
	}
	assert.Less(t, strings.Index(header, `"phi/w":{`), strings.Index(header, `"phi/b":{`), "order of the layout is lost")
}

// Law: no part of a file is taken for a file.
func TestTruncation(t *testing.T) {
	for _, b := range [][]byte{encodedRule(t, sampleRule()), encoded(t, sampleFile())} {
		for n := range b {
			_, err := Read(bytes.NewReader(b[:n]), "")
			require.ErrorIs(t, err, ErrFormat, "the first %d bytes of %d", n, len(b))
			require.Regexp(t, "truncated|too short", err.Error())
		}
		_, err := Read(bytes.NewReader(append(slices.Clone(b), 0)), "")
		require.ErrorIs(t, err, ErrFormat, "one byte too many")
	}
}

// Law: a changed byte is found, or (white space in the header) makes no difference.
func TestByteFlips(t *testing.T) {
	small := &File{Kind: "k", Tensors: []Tensor{{Spec: params.Spec{Name: "a", Shape: []int{1}}, F32: []float32{1}}}}
	for _, f := range []*File{small, sampleFile(), must(sampleRule().file())} {
		everyValue := f == small && !testing.Short() // the others see single bits only, to save time
		b := encoded(t, f)
		for i := range b {
			for x := 1; x < 256; x++ {
				if !everyValue && x&(x-1) != 0 {
					continue
				}
				b[i] ^= byte(x)
				g, err := Read(bytes.NewReader(b), "")
				if err == nil {
					require.True(t, sameFile(f, g), "byte %d xor %#x", i, x)
				} else {
					checkError(t, err)
				}
				b[i] ^= byte(x)
			}
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// checkError requires one clear line that a caller can tell apart.
func checkError(t require.TestingT, err error) {
	known := slices.ContainsFunc([]error{ErrFormat, ErrVersion, ErrChecksum, ErrKind},
		func(sentinel error) bool { return errors.Is(err, sentinel) })
	require.True(t, known, "%v", err)
	require.True(t, strings.HasPrefix(err.Error(), "checkpoints: "), "%v", err)
	require.NotContains(t, err.Error(), "\n")
	require.Less(t, len(err.Error()), 420) // of which up to 120 may be the name of a temporary file
}

// Law: Read never panics, and what it accepts can be written and read again.
func FuzzRead(f *testing.F) {
	for _, b := range [][]byte{nil, encodedRule(f, sampleRule()), encoded(f, sampleFile()), encoded(f, &File{Kind: "k"})} {
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff{}"))
	f.Add([]byte("\x04\x00\x00\x00\x00\x00\x00\x00null"))
	for _, b := range hostile() {
		if len(b) < 1000 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := Read(bytes.NewReader(b), "")
		if err != nil {
			checkError(t, err)
			_, err := readFile(bytes.NewReader(b), int64(len(b)), "")
			require.Error(t, err)
			checkError(t, fmt.Errorf("checkpoints: %w", err))
			return
		}
		h, err := Read(bytes.NewReader(encoded(t, g)), g.Kind)
		require.NoError(t, err)
		require.True(t, sameFile(g, h))
		l, err := readFile(bytes.NewReader(b), int64(len(b)), "")
		require.NoError(t, err)
		require.True(t, sameFile(g, l), "a file and a stream of the same bytes")
		if _, err := ruleOf(g); err != nil {
			require.ErrorIs(t, err, ErrFormat)
		}
	})
}

// sealed is a file with a right checksum but whatever else is asked for: change may spoil metadata and blocks.
func sealed(t *testing.T, change func(meta map[string]string, blocks []block)) []byte {
	meta := map[string]string{keyFormat: "unroll", keyVersion: "1", keyKind: "rule", "rule": "sgd",
		keyLayout: `[{"name":"a","shape":[2],"dtype":"F32"}]`}
	blocks := []block{{
		entry: entry{Spec: params.Spec{Name: "a", Shape: []int{2}}, DType: "F32"},
		dtype: safetensors.F32, data: io.NewSectionReader(bytes.NewReader(make([]byte, 8)), 0, 8),
	}}
	change(meta, blocks)
	if _, ok := meta[keyChecksum]; !ok {
		meta[keyChecksum] = must(checksum(meta, blocks))
	}
	header, err := assemble(meta, blocks)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, encoding{header, blocks}.writeTo(&b))
	return b.Bytes()
}

// Every reason to refuse a file has its sentinel and says what is wrong and what was expected.
func TestRefusals(t *testing.T) {
	set := func(key, value string) func(map[string]string, []block) {
		return func(meta map[string]string, _ []block) { meta[key] = value }
	}
	layout := func(s string) func(map[string]string, []block) { return set(keyLayout, s) }
	cases := []struct {
		name   string
		change func(map[string]string, []block)
		want   error
		says   string
	}{
		{"sound", func(map[string]string, []block) {}, nil, ""},
		{"foreign", func(m map[string]string, _ []block) { clear(m); m["format"] = "pt" }, ErrFormat, `"format" is "pt", want "unroll"`},
		{"no version", set(keyVersion, ""), ErrFormat, "want a number"},
		{"newer", set(keyVersion, "2"), ErrVersion, "version 2, this program reads up to 1"},
		{"older", set(keyVersion, "0"), ErrVersion, "version 0, want 1"},
		{"kind", set(keyKind, "training"), ErrKind, `"training", want "rule"`},
		{"no kind", set(keyKind, ""), ErrFormat, `no "kind"`},
		{"checksum", set(keyChecksum, "00"), ErrChecksum, `says "00"`},
		{"no layout", layout(""), ErrFormat, "layout"},
		{"layout, shape", layout(`[{"name":"a","shape":[1,2],"dtype":"F32"}]`), ErrFormat, "F32 [2], but the layout says F32 [1 2]"},
		{"layout, dtype", layout(`[{"name":"a","shape":[2],"dtype":"F64"}]`), ErrFormat, "but the layout says F64 [2]"},
		{"layout, name", layout(`[{"name":"b","shape":[2],"dtype":"F32"}]`), ErrFormat, `"b" that the file has not`},
		{"layout, count", layout(`[]`), ErrFormat, "lists 0 tensors, the file has 1"},
		{"layout, negative", layout(`[{"name":"a","shape":[-2],"dtype":"F32"}]`), ErrFormat, "at least 1"},
		{"layout, twice", layout(`[{"name":"a","shape":[2]},{"name":"a","shape":[2]}]`), ErrFormat, "named twice"},
		{"dtype", func(_ map[string]string, b []block) { b[0].dtype = safetensors.I32 }, ErrFormat, "type I32, want F32 or F64"},
		{"no rule", set(keyRule, ""), ErrFormat, `no "rule"`},
		{"config", set(keyConfig, "{"), ErrFormat, "no JSON"},
		{"double", func(m map[string]string, b []block) {
			m[keyLayout] = `[{"name":"a","shape":[1],"dtype":"F64"}]`
			b[0].dtype, b[0].Shape = safetensors.F64, []int{1}
		}, ErrFormat, "want float32"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := sealed(t, c.change)
			path := filepath.Join(t.TempDir(), "rule.safetensors")
			require.NoError(t, os.WriteFile(path, b, 0o644))
			_, readErr := ReadRule(bytes.NewReader(b))
			_, loadErr := LoadRule(path)
			if c.want == nil {
				require.NoError(t, readErr)
				require.NoError(t, loadErr)
				return
			}
			for _, err := range []error{readErr, loadErr} {
				require.ErrorIs(t, err, c.want)
				assert.ErrorContains(t, err, c.says)
				checkError(t, err)
			}
			assert.ErrorContains(t, loadErr, "checkpoints: "+path+": ")
		})
	}
}

// Files that are no safetensors at all.
func TestReadGarbage(t *testing.T) {
	for _, b := range []string{"", "short", "\xff\xff\xff\xff\xff\xff\xff\x7f{}", "\x02\x00\x00\x00\x00\x00\x00\x00[]", strings.Repeat("x", 100)} {
		_, err := Read(strings.NewReader(b), "")
		require.ErrorIs(t, err, ErrFormat)
		checkError(t, err)
	}
	_, err := Read(iotest.ErrReader(errBoom), "")
	require.ErrorIs(t, err, errBoom)
}

var errBoom = errors.New("boom")

// What could not be read back is not written.
func TestWriteRefusals(t *testing.T) {
	tensor := func(name string, n int, shape ...int) []Tensor {
		return []Tensor{{Spec: params.Spec{Name: name, Shape: shape}, F32: make([]float32, n)}}
	}
	for name, f := range map[string]File{
		"no kind":         {},
		"kind not UTF-8":  {Kind: "\xff"},
		"reserved key":    {Kind: "k", Meta: map[string]string{"sha256": ""}},
		"key not UTF-8":   {Kind: "k", Meta: map[string]string{"\xff": ""}},
		"value not UTF-8": {Kind: "k", Meta: map[string]string{"a": "\xff"}},
		"name not UTF-8":  {Kind: "k", Tensors: tensor("\xff", 1, 1)},
		"name reserved":   {Kind: "k", Tensors: tensor("__metadata__", 1, 1)},
		"no name":         {Kind: "k", Tensors: tensor("", 1, 1)},
		"name twice":      {Kind: "k", Tensors: append(tensor("a", 1, 1), tensor("a", 1, 1)...)},
		"no dimensions":   {Kind: "k", Tensors: tensor("a", 1)},
		"wrong length":    {Kind: "k", Tensors: tensor("a", 2, 3)},
		"product wraps":   {Kind: "k", Tensors: tensor("a", 0, 1<<(strconv.IntSize/2), 1<<(strconv.IntSize/2))},
		"no data":         {Kind: "k", Tensors: []Tensor{{Spec: params.Spec{Name: "a", Shape: []int{1}}}}},
		"both types": {Kind: "k", Tensors: []Tensor{
			{Spec: params.Spec{Name: "a", Shape: []int{1}}, F32: []float32{1}, F64: []float64{1}}}},
	} {
		var b bytes.Buffer
		require.ErrorContains(t, f.Write(&b), "checkpoints: ", name)
		require.Zero(t, b.Len(), name)
	}
	for want, change := range map[string]func(*Rule){
		"the rule has no name":                                        func(r *Rule) { r.Name = "" },
		`rule "lstm": the configuration is no JSON: "{"`:              func(r *Rule) { r.Config = json.RawMessage("{") },
		`rule "lstm": 6 meta-parameters for a layout of 7`:            func(r *Rule) { r.Phi = r.Phi[1:] },
		`rule "lstm": params: `:                                       func(r *Rule) { r.Layout[0].Shape = []int{0} },
		`rule "lstm": element 0 of tensor "lstm.weight_ih_l0" is NaN`: func(r *Rule) { r.Phi[0] = float32(math.NaN()) },
	} {
		r := sampleRule()
		change(&r)
		require.ErrorContains(t, WriteRule(&bytes.Buffer{}, r), "checkpoints: "+want)
	}
}

func TestGet(t *testing.T) {
	f := sampleFile()
	l := f.Layout("phi/")
	assert.Equal(t, "w[3] b[1]", l.String())
	phi, err := Get[float32](f, "phi/", l)
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 2, 3, 4}, phi)

	_, err = Get[float64](f, "phi/", l)
	assert.ErrorContains(t, err, "want 3 float64")
	_, err = Get[float32](f, "theta/", l)
	assert.ErrorContains(t, err, `no tensor "theta/w"`)
	_, err = Get[float32](f, "phi/", params.Layout{{Name: "w", Shape: []int{1, 3}}})
	assert.ErrorContains(t, err, "shape [3], want [1 3]")
	assert.Panics(t, func() { Put(f, "x", l, []float32{1}) })
}

func TestCheck(t *testing.T) {
	r := sampleRule()
	require.NoError(t, r.Check("lstm", r.Layout))
	assert.EqualError(t, r.Check("adam", r.Layout), `checkpoints: the saved rule is "lstm", want "adam"`)
	other := params.Layout{r.Layout[0], {Name: "A", Shape: []int{2}}}
	assert.EqualError(t, r.Check("lstm", other),
		`checkpoints: the saved rule "lstm" has another layout: tensor 1 is A[1], want A[2]`)
	r.Phi = nil
	assert.ErrorContains(t, r.Check("lstm", r.Layout), "0 meta-parameters, want 7")
}
