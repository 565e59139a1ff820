package checkpoints

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/nlpodyssey/safetensors"

	"github.com/seed1498fded/unroll/params"
)

// Read reads a file of the given kind from r, to its end. An empty kind accepts them all. The error of a file that will
// not do is one of [ErrFormat], [ErrVersion], [ErrChecksum] and [ErrKind]; no input makes Read panic.
func Read(r io.Reader, kind string) (*File, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("checkpoints: reading: %w", err)
	}
	f, err := decode(b, kind)
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %w", err)
	}
	return f, nil
}

// decode does the work of Read. The questions come in the order in which the answers can be trusted: is it safetensors,
// is it ours, do we know the version, is it consistent, is it unharmed, is it what the caller wants.
func decode(b []byte, kind string) (*File, error) {
	st, meta, err := open(b)
	if err != nil {
		return nil, err
	}
	if err := checkVersion(meta); err != nil {
		return nil, err
	}
	blocks, err := match(st, meta[keyLayout])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	want, ok := meta[keyChecksum]
	if !ok {
		return nil, fmt.Errorf("%w: the metadata has no %q", ErrFormat, keyChecksum)
	}
	if got := checksum(meta, blocks); got != want {
		return nil, fmt.Errorf("%w: the content has sha256 %s, the metadata says %q; the file is damaged", ErrChecksum, got, want)
	}
	got := meta[keyKind]
	if got == "" {
		return nil, fmt.Errorf("%w: the metadata has no %q", ErrFormat, keyKind)
	}
	if kind != "" && got != kind {
		return nil, fmt.Errorf("%w: the file is of kind %q, want %q", ErrKind, got, kind)
	}
	return build(meta, blocks)
}

// open parses the file as safetensors and returns its metadata. The library checks that the tensors tile the data.
func open(b []byte) (safetensors.SafeTensors, map[string]string, error) {
	st, err := safetensors.Deserialize(b)
	if err != nil {
		return st, nil, fmt.Errorf("%w: %w", ErrFormat, diagnose(b, err))
	}
	// Deserialize keeps the metadata to itself, so the header is parsed once more; it is short.
	_, m, err := safetensors.ReadMetadata(b)
	if err != nil {
		return st, nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return st, m.Metadata(), nil
}

// diagnose finds plainer words for the library's error where the length of the file is to blame.
func diagnose(b []byte, err error) error {
	if len(b) < 8 {
		return fmt.Errorf("the file is %d bytes long, too short for a safetensors file", len(b))
	}
	n, rest := binary.LittleEndian.Uint64(b), uint64(len(b)-8)
	if n > rest {
		return fmt.Errorf("truncated, or no safetensors file: a header of %d bytes should follow, there are %d", n, rest)
	}
	var m safetensors.Metadata
	if json.Unmarshal(b[8:8+n], &m) != nil {
		return fmt.Errorf("no safetensors header: %w", err)
	}
	var end uint64
	for _, t := range m.Tensors() {
		end = max(end, t.DataOffsets[1])
	}
	switch rest -= n; {
	case end > rest:
		return fmt.Errorf("truncated: the tensors take %d bytes, there are %d", end, rest)
	case end < rest:
		return fmt.Errorf("the tensors take %d bytes, but there are %d", end, rest)
	}
	return err
}

// checkVersion finds out whether the file is ours and of a version we can read.
func checkVersion(meta map[string]string) error {
	if got, ok := meta[keyFormat]; !ok || got != formatName {
		return fmt.Errorf("%w: a safetensors file, but not written by this package: metadata %q is %q, want %q",
			ErrFormat, keyFormat, got, formatName)
	}
	got, err := strconv.Atoi(meta[keyVersion])
	switch {
	case err != nil:
		return fmt.Errorf("%w: metadata %q is %q, want a number", ErrFormat, keyVersion, meta[keyVersion])
	case got > formatVersion:
		return fmt.Errorf("%w: the file has format version %d, this program reads up to %d; a newer one wrote it",
			ErrVersion, got, formatVersion)
	case got != formatVersion:
		return fmt.Errorf("%w: the file has format version %d, want %d", ErrVersion, got, formatVersion)
	}
	return nil
}

// match finds the tensors that the layout of the metadata lists, in its order, and nothing else.
func match(st safetensors.SafeTensors, layout string) ([]block, error) {
	var entries []entry
	if err := json.Unmarshal([]byte(layout), &entries); err != nil {
		return nil, fmt.Errorf("metadata %q: %w", keyLayout, err)
	}
	specs := make(params.Layout, len(entries))
	for i, e := range entries {
		specs[i] = e.Spec
	}
	if err := specs.Validate(); err != nil {
		return nil, fmt.Errorf("metadata %q: %w", keyLayout, err)
	}
	if len(entries) != st.Len() {
		return nil, fmt.Errorf("the layout lists %d tensors, the file has %d", len(entries), st.Len())
	}
	blocks := make([]block, len(entries))
	for i, e := range entries {
		view, ok := st.Tensor(e.Name)
		if !ok {
			return nil, fmt.Errorf("the layout lists a tensor %q that the file has not", e.Name)
		}
		if got := view.DType(); got != safetensors.F32 && got != safetensors.F64 {
			return nil, fmt.Errorf("tensor %q has elements of type %v, want F32 or F64", e.Name, got)
		}
		if view.DType().String() != e.DType || !slices.Equal(view.Shape(), toUint64(e.Shape)) {
			return nil, fmt.Errorf("tensor %q is %v %v, but the layout says %s %v",
				e.Name, view.DType(), view.Shape(), e.DType, e.Shape)
		}
		blocks[i] = block{entry: e, dtype: view.DType(), data: view.Data()}
	}
	return blocks, nil
}

// build makes the File of matched blocks and metadata.
func build(meta map[string]string, blocks []block) (*File, error) {
	f := &File{Kind: meta[keyKind], Tensors: make([]Tensor, len(blocks)), Meta: make(map[string]string)}
	for key, value := range meta {
		if !reserved(key) {
			f.Meta[key] = value
		}
	}
	for i, b := range blocks {
		t, err := decodeTensor(b)
		if err != nil {
			return nil, fmt.Errorf("%w: tensor %q: %w", ErrFormat, b.Name, err)
		}
		f.Tensors[i] = t
	}
	return f, nil
}

// decodeTensor copies the bytes of a matched block into a new slice of numbers.
func decodeTensor(b block) (Tensor, error) {
	t := Tensor{Spec: b.Spec}
	n := len(b.data) / int(b.dtype.Size())
	var err error
	if b.dtype == safetensors.F32 {
		t.F32 = make([]float32, n)
		_, err = binary.Decode(b.data, binary.LittleEndian, t.F32)
	} else {
		t.F64 = make([]float64, n)
		_, err = binary.Decode(b.data, binary.LittleEndian, t.F64)
	}
	return t, err
}
