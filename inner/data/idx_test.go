package data_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"runtime"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed1498fded/unroll/inner/data"
)

type testingT interface {
	Errorf(format string, args ...any)
	FailNow()
}

func imagesFile(t testingT, s *data.Set) []byte {
	var b bytes.Buffer
	require.NoError(t, data.WriteImages(&b, s))
	return b.Bytes()
}

func labelsFile(t testingT, s *data.Set) []byte {
	var b bytes.Buffer
	require.NoError(t, data.WriteLabels(&b, s))
	return b.Bytes()
}

func zip(t testingT, plain []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(plain)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func readImages(file []byte) error {
	_, _, _, err := data.ReadImages(bytes.NewReader(file))
	return err
}

func readLabels(file []byte) error {
	_, err := data.ReadLabels(bytes.NewReader(file))
	return err
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	readers := map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "one byte": iotest.OneByteReader, "data with EOF": iotest.DataErrReader,
	}
	for name, reader := range readers {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				s := sets().Draw(t, "set")
				images, labels := imagesFile(t, s), labelsFile(t, s)
				if rapid.Bool().Draw(t, "gzip") {
					images, labels = zip(t, images), zip(t, labels)
				}
				pixels, rows, cols, err := data.ReadImages(reader(bytes.NewReader(images)))
				require.NoError(t, err)
				classes, err := data.ReadLabels(reader(bytes.NewReader(labels)))
				require.NoError(t, err)
				require.Equal(t, s, &data.Set{Images: pixels, Labels: classes, Rows: rows, Cols: cols, Classes: s.Classes})
			})
		})
	}
}

// Sizes on both sides of the reader's first buffer and of its doublings.
func TestLongFiles(t *testing.T) {
	for _, n := range []int{1, 4095, 4096, 4097, 8192, 10_000, 1 << 17} {
		s := constant(n, 1, 1, 3)
		pixels, _, _, err := data.ReadImages(bytes.NewReader(imagesFile(t, s)))
		require.NoError(t, err)
		require.True(t, slices.Equal(s.Images, pixels), "n = %d", n)
	}
}

// The bytes of the format, from its description and not from our writer.
func TestKnownBytes(t *testing.T) {
	pixels, rows, cols, err := data.ReadImages(bytes.NewReader([]byte{
		0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3,
		10, 11, 12, 20, 21, 22,
	}))
	require.NoError(t, err)
	assert.Equal(t, []byte{10, 11, 12, 20, 21, 22}, pixels)
	assert.Equal(t, []int{1, 3}, []int{rows, cols})

	labels, err := data.ReadLabels(bytes.NewReader([]byte{0, 0, 8, 1, 0, 0, 0, 2, 5, 255}))
	require.NoError(t, err)
	assert.Equal(t, []byte{5, 255}, labels)
}

func TestEveryTruncationIsAnError(t *testing.T) {
	s := constant(3, 2, 2, 9)
	for name, tt := range map[string]struct {
		file []byte
		read func([]byte) error
	}{
		"images":    {imagesFile(t, s), readImages},
		"labels":    {labelsFile(t, s), readLabels},
		"images.gz": {zip(t, imagesFile(t, s)), readImages},
		"labels.gz": {zip(t, labelsFile(t, s)), readLabels},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, tt.read(tt.file))
			for n := range tt.file {
				assert.ErrorIs(t, tt.read(tt.file[:n]), io.ErrUnexpectedEOF, "%d of %d bytes", n, len(tt.file))
			}
		})
	}
}

func TestTrailingDataIsAnError(t *testing.T) {
	s := constant(3, 2, 2, 9)
	images, labels := imagesFile(t, s), labelsFile(t, s)
	assert.ErrorContains(t, readImages(append(slices.Clone(images), 0)), "after the 12 bytes that dimensions [3 2 2] ask for: trailing data")
	assert.ErrorContains(t, readLabels(append(slices.Clone(labels), 0)), "after the 3 bytes that dimensions [3] ask for: trailing data")
	assert.ErrorContains(t, readLabels(zip(t, append(slices.Clone(labels), 0))), "trailing data")
	assert.ErrorContains(t, readLabels(append(zip(t, labels), "not a gzip header"...)), "trailing data")
	assert.Error(t, readLabels(append(zip(t, labels), 0)))
}

func TestCorruptGzipIsAnError(t *testing.T) {
	file := zip(t, labelsFile(t, constant(3, 2, 2, 9)))
	file[len(file)-8] ^= 1 // the checksum
	assert.ErrorIs(t, readLabels(file), gzip.ErrChecksum)
	assert.ErrorIs(t, readLabels([]byte("\x1f\x8b too short to be anything")), gzip.ErrHeader)
}

func TestHeadersThatAreRefused(t *testing.T) {
	s := constant(3, 2, 2, 9)
	assert.EqualError(t, readImages(labelsFile(t, s)), "data: images: magic number 0x00000801 (labels); want 0x00000803 (images)")
	assert.EqualError(t, readLabels(imagesFile(t, s)), "data: labels: magic number 0x00000803 (images); want 0x00000801 (labels)")
	assert.ErrorContains(t, readImages([]byte("<!DOCTYPE html>")), "0x3c21444f (neither images nor labels)")

	const magic = "\x00\x00\x08\x03"
	assert.ErrorContains(t, readImages([]byte(magic+"\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x02")), "dimensions [0 2 2]: every dimension must be at least 1")
	assert.ErrorContains(t, readImages([]byte(magic+"\x00\x00\x00\x03\x00\x00\x00\x02\x00\x00\x00\x00")), "dimensions [3 2 0]: every dimension must be at least 1")
	assert.ErrorContains(t, readImages([]byte(magic+"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")), "more than 1073741824 bytes")
	// 2^31 * 2^31 * 4 is 0 in 64 bits, 2^31 * 2 is 0 in 32.
	assert.ErrorContains(t, readImages([]byte(magic+"\x80\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x04")), "more than 1073741824 bytes")
	assert.ErrorContains(t, readImages([]byte(magic+"\x80\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x01")), "more than 1073741824 bytes")
}

// The largest claim that is allowed, with ten bytes behind it.
func TestMemoryFollowsTheFileAndNotItsHeader(t *testing.T) {
	file := append([]byte{0, 0, 8, 1, 0x40, 0, 0, 0}, make([]byte, 10)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := readLabels(file)
	runtime.ReadMemStats(&after)
	assert.EqualError(t, err, "data: labels: byte 10 of the 1073741824 that dimensions [1073741824] ask for: unexpected EOF")
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

func TestErrorsOfTheReaderAndTheWriterComeThrough(t *testing.T) {
	broken := errors.New("broken")
	_, _, _, err := data.ReadImages(iotest.ErrReader(broken))
	assert.ErrorIs(t, err, broken)
	_, err = data.ReadLabels(io.MultiReader(bytes.NewReader([]byte{0, 0, 8, 1, 0, 0, 0, 9, 1}), iotest.ErrReader(broken)))
	assert.ErrorIs(t, err, broken)

	_, w := io.Pipe()
	require.NoError(t, w.CloseWithError(broken))
	s := constant(1, 2, 2, 0)
	assert.ErrorIs(t, data.WriteImages(w, s), io.ErrClosedPipe)
	assert.ErrorIs(t, data.WriteLabels(w, s), io.ErrClosedPipe)
}

func TestWriteRefusesWhatValidateDoes(t *testing.T) {
	s := constant(2, 2, 2, 0)
	s.Labels[0] = 4
	var b bytes.Buffer
	assert.ErrorContains(t, data.WriteImages(&b, s), "data: write images: label 4 of image 0; want 0..0")
	assert.ErrorContains(t, data.WriteLabels(&b, s), "data: write labels: label 4 of image 0; want 0..0")
	assert.Zero(t, b.Len())
}

// FuzzRead asks three things of any input: no panic, no more memory than the input explains, and that whatever is
// accepted as a plain file is exactly what writing it again gives.
func FuzzRead(f *testing.F) {
	s := constant(3, 2, 2, 9)
	for _, plain := range [][]byte{imagesFile(f, s), labelsFile(f, s), {}, {0x1f, 0x8b}, {0, 0, 8, 3, 0xff, 0xff, 0xff, 0xff}} {
		f.Add(plain)
		f.Add(zip(f, plain))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		zipped := bytes.HasPrefix(file, []byte{0x1f, 0x8b})
		pixels, rows, cols, err := data.ReadImages(bytes.NewReader(file))
		if err == nil && !zipped {
			labels := make([]byte, len(pixels)/(rows*cols))
			s := &data.Set{Images: pixels, Labels: labels, Rows: rows, Cols: cols, Classes: 1}
			require.Equal(t, file, imagesFile(t, s))
			require.Equal(t, len(pixels), cap(pixels))
		}
		labels, err := data.ReadLabels(bytes.NewReader(file))
		if err == nil && !zipped {
			s := &data.Set{Images: labels, Labels: labels, Rows: 1, Cols: 1, Classes: 256}
			require.Equal(t, file, labelsFile(t, s))
			require.Equal(t, len(labels), cap(labels))
		}
	})
}
