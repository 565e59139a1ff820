package data

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"math"

	"github.com/seed1498fded/unroll/internal/regular"
)

// unknown is the size of a stream.
const unknown = -1

// Deflate makes up to 1,032 bytes of one. Real sets of images gain a factor of 2 to 10, drawings in black and white up to
// 30; so what gives more than 50 times its length, and more than a few blank images of it, is not a set of images but an
// attempt to fill the memory.
const (
	inflated = 50
	blank    = 64 << 20
)

// A source is what a file holds, unzipped if need be.
type source struct {
	io.Reader
	head   []byte   // the first bytes of the file, for error messages
	size   int64    // of the file, or unknown
	zipped *counter // nil of a plain file
}

// unzip looks at the first bytes rather than at a file name, which is often wrong: browsers unzip and keep the .gz.
func unzip(r io.Reader, size int64) (source, error) {
	count := &counter{r: r}
	br := bufio.NewReader(count)
	head, _ := br.Peek(regular.GuessLength) // the error comes back at the next read, with a better place to name it
	s := source{Reader: br, head: append([]byte(nil), head...), size: size}
	if len(head) < 2 || string(head[:2]) != "\x1f\x8b" {
		return s, nil
	}
	zr, err := gzip.NewReader(br)
	if err != nil {
		return s, fmt.Errorf("gzip header: %w", unexpected(err))
	}
	s.Reader, s.zipped = zr, count
	return s, nil
}

// first returns how many bytes to make room for before any have come.
func (s source) first() int64 {
	if s.size == unknown || s.size == 0 { // some files of /proc have content and no size
		return 4 << 10
	}
	if s.zipped != nil {
		return s.most()
	}
	return s.size
}

// most returns how many bytes the file may honestly give, of a stream as far as it has been read.
func (s source) most() int64 {
	if s.zipped == nil {
		return math.MaxInt64
	}
	return max(blank, inflated*s.length())
}

// length returns the length of a gzipped file, of a stream as far as it has been read.
func (s source) length() int64 {
	if s.size != unknown {
		return s.size
	}
	return s.zipped.n
}

func (s source) errInflated() error {
	return fmt.Errorf("%d bytes of gzip give more than %d; want at most %d MiB, or %d times as many if that is more",
		s.length(), s.most(), blank>>20, inflated)
}

// A counter counts the bytes that are read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
