package checkpoints

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/nlpodyssey/safetensors"

	"github.com/seed1498fded/unroll/internal/brief"
)

// Write writes the file to w. Nothing is written unless the whole file is in order: a kind, tensors with distinct names
// and data that fits their shapes, UTF-8 everywhere, no reserved key in Meta, and no more of anything than [Read] takes.
// The same content gives the same bytes.
func (f *File) Write(w io.Writer) error {
	e, err := f.encode(maxStream)
	if err == nil {
		err = e.writeTo(w)
	}
	if err != nil {
		return fmt.Errorf("checkpoints: %w", err)
	}
	return nil
}

// An encoding is a file as bytes: the header, then the tensors.
type encoding struct {
	header []byte
	blocks []block
}

func (e encoding) writeTo(w io.Writer) error {
	_, err := w.Write(e.header)
	for _, b := range e.blocks {
		if err == nil {
			_, err = io.Copy(w, io.NewSectionReader(b.data, 0, b.data.Size()))
		}
	}
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// encode turns the file into bytes, of which no more than limit may be tensors.
func (f *File) encode(limit int64) (encoding, error) {
	if err := f.checkText(); err != nil {
		return encoding{}, err
	}
	blocks, err := f.blocks()
	if err != nil {
		return encoding{}, err
	}
	entries := make([]entry, len(blocks)) // an empty layout must read [], not null
	size := int64(0)
	for i, b := range blocks {
		entries[i] = b.entry
		size += b.data.Size()
	}
	if size > limit {
		return encoding{}, fmt.Errorf("the tensors take %d bytes; at most %d can be read again", size, limit)
	}
	layout, err := json.Marshal(entries)
	if err != nil {
		return encoding{}, err
	}

	meta := map[string]string{
		keyFormat:  formatName,
		keyVersion: strconv.Itoa(formatVersion),
		keyKind:    f.Kind,
		keyLayout:  string(layout),
	}
	maps.Copy(meta, f.Meta) // has none of the keys above: checkText
	if meta[keyChecksum], err = checksum(meta, blocks); err != nil {
		return encoding{}, err
	}

	// Wider elements first, as safetensors does, so that every tensor starts at a multiple of its element size.
	slices.SortStableFunc(blocks, func(a, b block) int { return int(b.dtype.Size()) - int(a.dtype.Size()) })
	header, err := assemble(meta, blocks)
	if err == nil {
		err = checkHeader(header[8:])
	}
	return encoding{header, blocks}, err
}

// checkText refuses strings that would not come back: JSON replaces what is not UTF-8, silently.
func (f *File) checkText() error {
	if f.Kind == "" {
		return fmt.Errorf("the file has no kind")
	}
	if !utf8.ValidString(f.Kind) {
		return fmt.Errorf("kind %s is not UTF-8", brief.Quote(f.Kind))
	}
	for _, key := range slices.Sorted(maps.Keys(f.Meta)) {
		switch {
		case reserved(key):
			return fmt.Errorf("metadata key %s is reserved", brief.Quote(key))
		case !utf8.ValidString(key):
			return fmt.Errorf("metadata key %s is not UTF-8", brief.Quote(key))
		case !utf8.ValidString(f.Meta[key]):
			return fmt.Errorf("metadata %s is not UTF-8", brief.Quote(key))
		}
	}
	return nil
}

// blocks turns the tensors into bytes, in order, having checked them.
func (f *File) blocks() ([]block, error) {
	if err := f.Layout("").Validate(); err != nil {
		return nil, err
	}
	blocks := make([]block, len(f.Tensors))
	for i, t := range f.Tensors {
		if t.Name == metadataName || !utf8.ValidString(t.Name) {
			return nil, fmt.Errorf("no tensor can be named %s", brief.Quote(t.Name))
		}
		b, err := encodeTensor(t)
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", brief.Quote(t.Name), err)
		}
		blocks[i] = b
	}
	return blocks, nil
}

// encodeTensor turns one tensor of valid shape into bytes.
func encodeTensor(t Tensor) (block, error) {
	var (
		dtype safetensors.DType
		data  any
		n     int
	)
	switch {
	case t.F32 != nil && t.F64 != nil:
		return block{}, fmt.Errorf("both F32 and F64 are set")
	case t.F32 != nil:
		dtype, data, n = safetensors.F32, t.F32, len(t.F32)
	case t.F64 != nil:
		dtype, data, n = safetensors.F64, t.F64, len(t.F64)
	}
	if !fits(t.Shape, n) {
		return block{}, fmt.Errorf("%d elements do not fit shape %s", n, brief.List(t.Shape))
	}
	b, err := binary.Append(make([]byte, 0, n*int(dtype.Size())), binary.LittleEndian, data)
	section := io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b)))
	return block{entry: entry{Spec: t.Spec, DType: dtype.String()}, dtype: dtype, data: section}, err
}

// fits reports whether the dimensions, each at least 1, multiply to n. It divides, since a product might overflow.
func fits(shape []int, n int) bool {
	for _, d := range shape {
		if n%d != 0 {
			return false
		}
		n /= d
	}
	return n == 1
}

// assemble makes the safetensors header of the blocks: its length as a little-endian uint64, then JSON, padded with spaces
// to a multiple of 8 bytes so that the data behind it is aligned.
//
// safetensors.Serialize of the library would do, were it not that it sorts all keys of the header, __metadata__ among
// the tensors, and the tensors by name. Here the metadata comes first, as in files of the reference implementation, and
// tensors of one type keep the order of the layout.
func assemble(meta map[string]string, blocks []block) ([]byte, error) {
	var header bytes.Buffer
	header.Write(make([]byte, 8)) // the length, known below
	if err := member(&header, '{', metadataName, meta); err != nil {
		return nil, err
	}
	offset := uint64(0)
	for _, b := range blocks {
		end := offset + uint64(b.data.Size())
		info := safetensors.TensorInfo{DType: b.dtype, Shape: toUint64(b.Shape), DataOffsets: [2]uint64{offset, end}}
		if err := member(&header, ',', b.Name, info); err != nil {
			return nil, err
		}
		offset = end
	}
	header.WriteByte('}')
	for header.Len()%8 != 0 {
		header.WriteByte(' ')
	}
	binary.LittleEndian.PutUint64(header.Bytes(), uint64(header.Len()-8))
	return header.Bytes(), nil
}

// member writes one member of a JSON object, and before it the bracket or comma.
func member(w *bytes.Buffer, before byte, name string, value any) error {
	k, err := json.Marshal(name)
	if err != nil {
		return err
	}
	v, err := json.Marshal(value)
	if err != nil {
		return err
	}
	w.WriteByte(before)
	w.Write(k)
	w.WriteByte(':')
	w.Write(v)
	return nil
}

// toUint64 converts a valid shape.
func toUint64(shape []int) []uint64 {
	u := make([]uint64, len(shape))
	for i, d := range shape {
		u[i] = uint64(d)
	}
	return u
}
