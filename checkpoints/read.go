package checkpoints

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/nlpodyssey/safetensors"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/internal/regular"
	"github.com/seed1498fded/unroll/params"
)

// Read reads a file of the given kind from r, to its end. An empty kind accepts them all. The error of a file that will
// not do is one of [ErrFormat], [ErrVersion], [ErrChecksum] and [ErrKind]; no input makes Read panic.
//
// Read keeps what it reads until it knows that it is sound, and takes files with up to 32 MiB of tensors; [Load] has no
// need to and takes more.
func Read(r io.Reader, kind string) (*File, error) {
	f, err := readStream(r, kind)
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %w", err)
	}
	return f, nil
}

func readStream(r io.Reader, kind string) (*File, error) {
	br := bufio.NewReader(r)
	p, err := open(br, unknown)
	if err != nil {
		return nil, err
	}
	if p.size > maxStream {
		return nil, p.errSize(maxStream)
	}
	b, err := regular.Read(br, p.size)
	switch {
	case errors.Is(err, regular.ErrTooLong):
		return nil, fmt.Errorf("%w: the tensors take %d bytes, but there are more", ErrFormat, p.size)
	case err != nil:
		return nil, fmt.Errorf("reading: %w", err)
	case int64(len(b)) < p.size:
		return nil, p.errTruncated(int64(len(b)))
	}
	return p.decode(bytes.NewReader(b), kind)
}

// readFile reads a file of size bytes. It takes no memory for the tensors before it knows that they are sound, so that a
// file of zeros that takes no room on the disk takes none here.
func readFile(f io.ReaderAt, size int64, kind string) (*File, error) {
	p, err := open(bufio.NewReader(io.NewSectionReader(f, 0, size)), size)
	if err != nil {
		return nil, err
	}
	if limit := limitOf(p.meta[keyKind]); p.size > limit {
		return nil, p.errSize(limit)
	}
	start := int64(8 + p.header)
	switch rest := size - start; {
	case p.size > rest:
		return nil, p.errTruncated(rest)
	case p.size < rest:
		return nil, fmt.Errorf("%w: the tensors take %d bytes, but there are %d", ErrFormat, p.size, rest)
	}
	return p.decode(io.NewSectionReader(f, start, p.size), kind)
}

// A plan is what the header of a file says.
type plan struct {
	header int // its length
	meta   map[string]string
	spans  []span
	size   int64 // of all tensors
}

// A span is where a tensor lies among the data.
type span struct {
	entry
	dtype      safetensors.DType
	start, end int64
}

func (p *plan) errSize(limit int64) error {
	return fmt.Errorf("%w: the tensors take %d bytes, at most %d are allowed", ErrFormat, p.size, limit)
}

func (p *plan) errTruncated(got int64) error {
	return fmt.Errorf("%w: truncated: the tensors take %d bytes, there are %d", ErrFormat, p.size, got)
}

// unknown is the size of a stream.
const unknown = -1

// open reads the header of a file of some size. The questions come in the order in which the answers can be trusted: is it
// safetensors, is it ours, do we know the version, is it consistent.
func open(r *bufio.Reader, size int64) (*plan, error) {
	b, err := readHeader(r, size)
	if err != nil {
		return nil, err
	}
	m, err := parseHeader(b)
	if err != nil {
		return nil, err
	}
	p := &plan{header: len(b), meta: m.Metadata()}
	if err := checkVersion(p.meta); err != nil {
		return nil, err
	}
	tensors := m.Tensors()
	if p.size, err = tile(tensors); err == nil {
		p.spans, err = match(tensors, p.meta[keyLayout])
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return p, nil
}

// parseHeader reads what the header says.
func parseHeader(b []byte) (m safetensors.Metadata, err error) {
	if err := checkHeader(b); err != nil {
		return m, fmt.Errorf("%w: no safetensors header: %w", ErrFormat, err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("%w: no safetensors header: %s", ErrFormat, brief.Error(err))
	}
	return m, nil
}

// readHeader returns the bytes of the header.
func readHeader(r *bufio.Reader, size int64) ([]byte, error) {
	head, err := r.Peek(regular.GuessLength)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("reading: %w", err)
	}
	if len(head) < 8 {
		return nil, fmt.Errorf("%w: the file is %d bytes long, too short for a safetensors file", ErrFormat, len(head))
	}
	n := binary.LittleEndian.Uint64(head)
	if other := regular.Guess(head); other != "" && n > maxHeader {
		return nil, fmt.Errorf("%w: no safetensors file but %s", ErrFormat, other)
	}
	if size != unknown && n > uint64(size-8) {
		return nil, errNoHeader(n, size-8)
	}
	if n > maxHeader {
		return nil, fmt.Errorf("%w: no safetensors file, or one with a header of %d bytes; at most %d are allowed",
			ErrFormat, n, maxHeader)
	}
	b, err := regular.Read(io.LimitReader(r, 8+int64(n)), 8+int64(n))
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	if b = b[8:]; len(b) < int(n) {
		return nil, errNoHeader(n, int64(len(b)))
	}
	return b, nil
}

func errNoHeader(n uint64, rest int64) error {
	return fmt.Errorf("%w: truncated, or no safetensors file: a header of %d bytes should follow, there are %d", ErrFormat, n, rest)
}

// checkVersion finds out whether the file is ours and of a version we can read.
func checkVersion(meta map[string]string) error {
	if got, ok := meta[keyFormat]; !ok || got != formatName {
		return fmt.Errorf("%w: a safetensors file, but %w: metadata %q is %s, want %q",
			ErrFormat, ErrForeign, keyFormat, brief.Quote(got), formatName)
	}
	got, err := strconv.Atoi(meta[keyVersion])
	switch {
	case err != nil:
		return fmt.Errorf("%w: metadata %q is %s, want a number", ErrFormat, keyVersion, brief.Quote(meta[keyVersion]))
	case got > formatVersion:
		return fmt.Errorf("%w: the file has format version %d, this program reads up to %d; a newer one wrote it",
			ErrVersion, got, formatVersion)
	case got != formatVersion:
		return fmt.Errorf("%w: the file has format version %d, want %d", ErrVersion, got, formatVersion)
	}
	return nil
}

// tile makes sure that the tensors lie end to end, each as long as its shape and type say, and returns their length.
func tile(tensors map[string]*safetensors.TensorInfo) (int64, error) {
	type named struct {
		name string
		*safetensors.TensorInfo
	}
	var list []named
	for name, t := range tensors {
		list = append(list, named{name, t})
	}
	slices.SortFunc(list, func(a, b named) int { return slices.Compare(a.DataOffsets[:], b.DataOffsets[:]) })
	at := uint64(0)
	for _, t := range list {
		start, end := t.DataOffsets[0], t.DataOffsets[1]
		if start != at || end < start || end > maxFile {
			return 0, fmt.Errorf("tensor %s lies at %d to %d; want it to begin at %d, and to end by %d",
				brief.Quote(t.name), start, end, at, maxFile)
		}
		if !fills(t.TensorInfo, end-start) {
			return 0, fmt.Errorf("tensor %s is %v %s, which does not fit its %d bytes", brief.Quote(t.name), t.DType, brief.List(t.Shape), end-start)
		}
		at = end
	}
	return int64(at), nil
}

// fills reports whether a tensor's shape and type make n bytes. It divides, since a product might overflow.
func fills(t *safetensors.TensorInfo, n uint64) bool {
	if slices.Contains(t.Shape, 0) {
		return n == 0
	}
	for _, d := range append(slices.Clone(t.Shape), t.DType.Size()) {
		if n%d != 0 {
			return false
		}
		n /= d
	}
	return n == 1
}

// match finds the tensors that the layout of the metadata lists, in its order, and nothing else.
func match(tensors map[string]*safetensors.TensorInfo, layout string) ([]span, error) {
	entries, err := parseLayout(layout)
	if err != nil {
		return nil, fmt.Errorf("metadata %q: %w", keyLayout, err)
	}
	if len(entries) != len(tensors) {
		return nil, fmt.Errorf("the layout lists %d tensors, the file has %d", len(entries), len(tensors))
	}
	spans := make([]span, len(entries))
	for i, e := range entries {
		t, ok := tensors[e.Name]
		if !ok {
			return nil, fmt.Errorf("the layout lists a tensor %s that the file has not", brief.Quote(e.Name))
		}
		if t.DType != safetensors.F32 && t.DType != safetensors.F64 {
			return nil, fmt.Errorf("tensor %s has elements of type %v, want F32 or F64", brief.Quote(e.Name), t.DType)
		}
		if t.DType.String() != e.DType || !slices.Equal(t.Shape, toUint64(e.Shape)) {
			return nil, fmt.Errorf("tensor %s is %v %s, but the layout says %.20s %s",
				brief.Quote(e.Name), t.DType, brief.List(t.Shape), e.DType, brief.List(e.Shape))
		}
		spans[i] = span{e, t.DType, int64(t.DataOffsets[0]), int64(t.DataOffsets[1])}
	}
	return spans, nil
}

func parseLayout(layout string) ([]entry, error) {
	if err := checkJSON([]byte(layout)); err != nil {
		return nil, err
	}
	var entries []entry
	if err := json.Unmarshal([]byte(layout), &entries); err != nil {
		return nil, errors.New(brief.Error(err))
	}
	specs := make(params.Layout, len(entries))
	for i, e := range entries {
		specs[i] = e.Spec
	}
	return entries, specs.Validate()
}

// decode reads the tensors, having found the data unharmed and the file to be what the caller wants.
func (p *plan) decode(data io.ReaderAt, kind string) (*File, error) {
	blocks := make([]block, len(p.spans))
	for i, s := range p.spans {
		blocks[i] = block{s.entry, s.dtype, io.NewSectionReader(data, s.start, s.end-s.start)}
	}
	want, ok := p.meta[keyChecksum]
	if !ok {
		return nil, fmt.Errorf("%w: the metadata has no %q", ErrFormat, keyChecksum)
	}
	got, err := checksum(p.meta, blocks)
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	if got != want {
		return nil, fmt.Errorf("%w: the content has sha256 %s, the metadata says %s; the file is damaged", ErrChecksum, got, brief.Quote(want))
	}
	switch got := p.meta[keyKind]; {
	case got == "":
		return nil, fmt.Errorf("%w: the metadata has no %q", ErrFormat, keyKind)
	case kind != "" && got != kind:
		return nil, fmt.Errorf("%w: the file is of kind %s, want %q", ErrKind, brief.Quote(got), kind)
	}
	return build(p.meta, blocks)
}

// build makes the File of blocks and metadata.
func build(meta map[string]string, blocks []block) (*File, error) {
	f := &File{Kind: meta[keyKind], Tensors: make([]Tensor, len(blocks)), Meta: make(map[string]string)}
	for key, value := range meta {
		if !reserved(key) {
			f.Meta[key] = value
		}
	}
	for i, b := range blocks {
		t := Tensor{Spec: b.Spec}
		var err error
		if b.dtype == safetensors.F32 {
			t.F32, err = numbers[float32](b.data, b.Len())
		} else {
			t.F64, err = numbers[float64](b.data, b.Len())
		}
		if err != nil {
			return nil, fmt.Errorf("reading tensor %s: %w", brief.Quote(b.Name), err)
		}
		f.Tensors[i] = t
	}
	return f, nil
}

// numbers reads n little-endian numbers, some at a time, so that they are in memory once and not twice.
func numbers[F params.Float](r io.Reader, n int) ([]F, error) {
	const some = 8 << 10
	v := make([]F, n)
	for part := range slices.Chunk(v, some) {
		if err := binary.Read(r, binary.LittleEndian, part); err != nil {
			return nil, err
		}
	}
	return v, nil
}
