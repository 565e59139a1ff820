package data

import (
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/seed1498fded/unroll/internal/regular"
)

// A kind is one of the two sorts of idx file: its magic number, whose last byte is the number of dimensions.
type kind uint32

const (
	images kind = 0x00000803 // count, rows, columns
	labels kind = 0x00000801 // count
)

func (k kind) String() string {
	switch k {
	case images:
		return "images"
	case labels:
		return "labels"
	}
	return "neither images nor labels"
}

func (k kind) dims() int { return int(k & 0xff) }

// ReadImages reads an idx file of images, plain or gzipped (told by its first bytes), to its end. The pixels are
// row-major, one image after another, len(pixels)/(rows*cols) images in all, at least one.
//
// A wrong magic number, a dimension of 0, more than 1 GiB of pixels, and bytes too few or too many are errors; one that
// wraps io.ErrUnexpectedEOF if r ends too soon. Memory follows what r holds and not what its header claims, and of a
// gzipped r no more than the larger of 64 MiB and 50 times its length is believed to be images.
func ReadImages(r io.Reader) (pixels []byte, rows, cols int, err error) {
	pixels, dims, err := read(r, images)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("data: images: %w", err)
	}
	return pixels, dims[1], dims[2], nil
}

// ReadLabels reads an idx file of labels, at least one, in the way of [ReadImages]. Every byte is a label, 0..255:
// what classes there are, the file does not say.
func ReadLabels(r io.Reader) ([]byte, error) {
	classes, _, err := read(r, labels)
	if err != nil {
		return nil, fmt.Errorf("data: labels: %w", err)
	}
	return classes, nil
}

// read returns the elements and the dimensions of an idx file of the wanted kind.
func read(r io.Reader, want kind) (elements []byte, dims []int, err error) {
	f, err := open(r, unknown, want)
	if err != nil {
		return nil, nil, err
	}
	elements, err = f.elements()
	return elements, f.dims, err
}

// An idx is a file whose header has been read and whose elements have not.
type idx struct {
	source
	n    int // elements
	dims []int
}

// open reads the header of a file of the wanted kind and of size bytes, if that is known.
func open(r io.Reader, size int64, want kind) (*idx, error) {
	s, err := unzip(r, size)
	if err != nil {
		return nil, err
	}
	n, dims, err := readHeader(s, want)
	if err != nil {
		return nil, err
	}
	return &idx{s, n, dims}, nil
}

// elements reads the rest of the file, to its end.
func (f *idx) elements() ([]byte, error) {
	elements, err := readElements(f.source, f.n)
	if err != nil {
		return nil, fmt.Errorf("byte %d of the %d that dimensions %v ask for: %w", len(elements), f.n, f.dims, err)
	}
	if err := readEnd(f); err != nil {
		return nil, fmt.Errorf("after the %d bytes that dimensions %v ask for: %w", f.n, f.dims, err)
	}
	return elements, nil
}

func readHeader(s source, want kind) (n int, dims []int, err error) {
	var magic uint32
	if err := binary.Read(s, binary.BigEndian, &magic); err != nil {
		return 0, nil, fmt.Errorf("magic number: %w", unexpected(err))
	}
	if got := kind(magic); got != want {
		hint := ""
		if other := regular.Guess(s.head); other != "" {
			hint = "; the file is " + other
		}
		return 0, nil, fmt.Errorf("magic number 0x%08x (%v); want 0x%08x (%v)%s", magic, got, uint32(want), want, hint)
	}
	claims := make([]uint32, want.dims())
	if err := binary.Read(s, binary.BigEndian, claims); err != nil {
		return 0, nil, fmt.Errorf("dimensions: %w", unexpected(err))
	}
	wide := make([]int64, len(claims)) // an int of 32 bits would make some of them negative
	for i, d := range claims {
		wide[i] = int64(d)
	}
	if n, err = payload(wide...); err != nil {
		return 0, nil, err
	}
	dims = make([]int, len(wide))
	for i, d := range wide {
		dims[i] = int(d)
	}
	return n, dims, nil
}

// readElements reads n bytes into a slice that ends there. It makes room at once for what a file is large enough to hold;
// of a stream nothing is known, and the buffer doubles as bytes come. So a header that lies costs little.
func readElements(s source, n int) ([]byte, error) {
	if s.size != unknown && int64(n) > s.most() {
		return nil, s.errInflated()
	}
	buf := make([]byte, 0, min(int64(n), s.first()))
	for {
		m, err := io.ReadFull(s, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+m]
		if err != nil {
			return buf, unexpected(err)
		}
		if len(buf) == n {
			return buf, nil
		}
		room := min(int64(n), 2*int64(len(buf)), s.most())
		if room <= int64(len(buf)) {
			return buf, s.errInflated()
		}
		grown := make([]byte, len(buf), room)
		copy(grown, buf)
		buf = grown
	}
}

var errTrailing = errors.New("trailing data; want the end of the file")

// readEnd makes sure that nothing is left, which also makes gzip verify its checksum.
func readEnd(r io.Reader) error {
	switch _, err := io.ReadFull(r, make([]byte, 1)); err {
	case nil:
		return errTrailing
	case io.EOF:
		return nil
	case gzip.ErrHeader: // the gzip stream is whole, and what follows is not another
		return errTrailing
	default:
		return err
	}
}

// unexpected makes every early end the same error: io.ReadFull tells an end before the first byte from a later one.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// WriteImages writes the images of s as a plain idx file; for a gzipped one let w be a gzip.Writer and close it.
// It returns the error of s.Validate, having written nothing, or else w's.
func WriteImages(w io.Writer, s *Set) error {
	return write(w, s, images, s.Images, s.Len(), s.Rows, s.Cols)
}

// WriteLabels writes the labels of s as a plain idx file, with the errors of [WriteImages].
func WriteLabels(w io.Writer, s *Set) error {
	return write(w, s, labels, s.Labels, s.Len())
}

func write(w io.Writer, s *Set, k kind, elements []byte, dims ...int) error {
	if err := s.check(); err != nil {
		return fmt.Errorf("data: write %v: %w", k, err)
	}
	header := binary.BigEndian.AppendUint32(nil, uint32(k))
	for _, d := range dims {
		header = binary.BigEndian.AppendUint32(header, uint32(d)) // check has bounded d
	}
	for _, part := range [][]byte{header, elements} {
		if _, err := w.Write(part); err != nil {
			return fmt.Errorf("data: write %v: %w", k, err)
		}
	}
	return nil
}
