package data_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/internal/regular"
)

// blankImages is a file of n blank images of 32x32 pixels, gzipped as well as can be: a thousandth of what it claims.
func blankImages(t *testing.T, n int) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	require.NoError(t, err)
	header := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 3}, uint32(n))
	_, err = w.Write(append(header, 0, 0, 0, 32, 0, 0, 0, 32))
	require.NoError(t, err)
	for kib := make([]byte, 1<<10); n > 0; n-- {
		_, err := w.Write(kib)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// allocated returns how many bytes f allocates, collected or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A small file that claims a lot costs little, as a file and as a stream.
func TestHostileFiles(t *testing.T) {
	_, _, sound := fixture(t)
	bomb := blankImages(t, 1<<18) // 256 MiB
	many := append([]byte{0, 0, 8, 1}, 0, 4, 0, 0)
	for name, tt := range map[string]struct {
		files map[string][]byte
		want  string
	}{
		"bomb":             {map[string][]byte{trainImages: bomb, trainLabels: append(many, make([]byte, 1<<18)...)}, "bytes of gzip give more than 67108864; want at most 64 MiB, or 50 times as many"},
		"bomb, few labels": {map[string][]byte{trainImages: bomb}, "holds 262144 images, train-labels-idx1-ubyte 3 labels"},
		"claim":            {map[string][]byte{trainLabels: {0, 0, 8, 1, 0x40, 0, 0, 0}, trainImages: {0, 0, 8, 3, 0x40, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1}}, "unexpected EOF"},
		"zipped claim":     {map[string][]byte{trainLabels: zip(t, []byte{0, 0, 8, 1, 0x40, 0, 0, 0}), trainImages: zip(t, []byte{0, 0, 8, 3, 0x40, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1})}, "of gzip give more than"},
		"LFS":              {map[string][]byte{trainImages: []byte("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")}, "the file is a git-LFS pointer"},
		"HTML":             {map[string][]byte{trainLabels: []byte("<!DOCTYPE html>\n<html></html>")}, "the file is an HTML page"},
	} {
		files := map[string][]byte{}
		for _, from := range []map[string][]byte{sound, tt.files} {
			for file, content := range from {
				files[file] = content
			}
		}
		dir := folder(t, files)
		assert.Less(t, allocated(func() {
			_, _, err := data.Load(dir)
			assert.ErrorContains(t, err, tt.want, name)
			assert.Less(t, len(err.Error())-len(dir), 300, name)
		}), uint64(100<<20), name)
	}
	assert.Less(t, allocated(func() { assert.ErrorContains(t, readImages(bomb), "of gzip give more than 67108864") }), uint64(200<<20))
}

// A blank set of a size that people have is still read, from a file and from a stream, and costs little more than itself.
func TestBlankImagesAreRead(t *testing.T) {
	const n = 60_000
	file := blankImages(t, n)
	_, _, files := fixture(t)
	files[trainImages], files[trainLabels] = file, append([]byte{0, 0, 8, 1, 0, 0, n >> 8, n & 0xff}, make([]byte, n)...)
	files[testImages] = blankImages(t, 2)
	dir := folder(t, files)
	assert.Less(t, allocated(func() {
		train, _, err := data.Load(dir)
		require.NoError(t, err)
		assert.Len(t, train.Images, n<<10)
		assert.Equal(t, len(train.Images), cap(train.Images))
	}), uint64(n<<10+8<<20))
	assert.NoError(t, readImages(file))
}

// A file that is large itself may be large unzipped: stored bytes in front of blank ones.
func TestTheLimitFollowsTheFile(t *testing.T) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	require.NoError(t, err)
	const n = 80 << 20 // above what is allowed without regard to the file
	_, err = w.Write([]byte{0, 0, 8, 1, n >> 24, n >> 16 & 0xff, 0, 0})
	require.NoError(t, err)
	noise := make([]byte, 2<<20)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		noise[i] = byte(x)
	}
	_, err = w.Write(noise)
	require.NoError(t, err)
	_, err = io.CopyN(w, zeros{}, n-int64(len(noise)))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	labels, err := data.ReadLabels(&b)
	require.NoError(t, err)
	assert.Len(t, labels, n)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// What is no file is refused by name before it is opened, and a sparse file of 5 GB before it is read.
func TestOnlyRegularFiles(t *testing.T) {
	_, _, files := fixture(t)
	dir := folder(t, files)
	path := filepath.Join(dir, trainImages)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Mkdir(path, 0o700))
	_, _, err := data.Load(dir)
	assert.ErrorIs(t, err, regular.ErrNotRegular)
	assert.EqualError(t, err, "data: "+dir+": train-images-idx3-ubyte: a folder, not a regular file")

	require.NoError(t, os.Remove(path))
	f, err := os.Create(path)
	require.NoError(t, err)
	if err := errors.Join(f.Truncate(5<<30), f.Close()); err != nil {
		t.Skip(err)
	}
	assert.Less(t, allocated(func() {
		_, _, err = data.Load(dir)
		assert.ErrorContains(t, err, "magic number 0x00000000")
	}), uint64(1<<20))
}

// FuzzLoad asks of any four files, here one pair for both sets, that what is accepted is a valid set.
func FuzzLoad(f *testing.F) {
	train, _, _ := fixture(f)
	images, labels := imagesFile(f, train), labelsFile(f, train)
	f.Add(images, labels)
	f.Add(zip(f, images), zip(f, labels))
	f.Add(images[:9], labels)
	f.Add([]byte{}, []byte("version https://git-lfs.github.com/spec/v1"))
	f.Fuzz(func(t *testing.T, images, labels []byte) {
		train, test, err := data.LoadFS(mapFS(map[string][]byte{
			trainImages: images, trainLabels: labels, testImages: images, testLabels: labels,
		}))
		if err != nil {
			require.Less(t, len(err.Error()), 300)
			return
		}
		require.NoError(t, train.Validate())
		require.Equal(t, train, test)
	})
}
