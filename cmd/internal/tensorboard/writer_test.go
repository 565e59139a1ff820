package tensorboard_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/seed1498fded/unroll/cmd/internal/tensorboard"
	"github.com/seed1498fded/unroll/cmd/internal/tensorboard/eventtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The checksum of the reader is that of RFC 3720, B.4, so that what it accepts is right.
func TestReader(t *testing.T) {
	require.Equal(t, uint32(0x8a9136aa), eventtest.CRC32C(make([]byte, 32)))
	require.Equal(t, uint32(0xe3069283), eventtest.CRC32C([]byte("123456789")))
}

// Law: what is written is read back, after Flush already.
func TestReadBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	before := float64(time.Now().UnixNano()) / 1e9
	w, err := tensorboard.Create(dir, 7)
	require.NoError(t, err)
	w.Scalars(300, tensorboard.Scalar{Tag: "loss", Value: 0.1}, tensorboard.Scalar{Tag: "norm/all", Value: -3})
	w.Histogram(300, "phi", []float32{1, 2, 2, 31, float32(math.NaN()), float32(math.Inf(-1))})
	require.NoError(t, w.Flush())
	files := eventtest.ReadDir(t, dir)
	require.NoError(t, w.Close())
	require.Len(t, files, 1)
	events := files[0]
	require.Len(t, events, 4)
	require.Equal(t, "brain.Event:2", events[0].Version)
	require.True(t, events[1].Start)
	require.EqualValues(t, 7, events[1].Step)
	for _, e := range events {
		require.InDelta(t, before, e.Wall, 3600)
	}
	require.EqualValues(t, 300, events[2].Step)
	require.Equal(t, map[string]float32{"loss": 0.1, "norm/all": -3}, events[2].Scalars)
	h := events[3].Histograms["phi"]
	require.EqualValues(t, 300, events[3].Step)
	require.Equal(t, []float64{1, 31, 4, 36, 1 + 4 + 4 + 31*31}, []float64{h.Double(1), h.Double(2), h.Double(3), h.Double(4), h.Double(5)})
	require.Len(t, h.Doubles(6), 30)
	require.Equal(t, 2., h.Doubles(6)[0])
	counts := make([]float64, 30)
	counts[0], counts[29] = 3, 1
	require.Equal(t, counts, h.Doubles(7))
}

// Law: a histogram's buckets end at rising limits, the last of which is the maximum, and count every finite number once, in the bucket
// that it is in.
func TestHistogram(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		numbers := rapid.SliceOf(rapid.Float32()).Draw(r, "numbers")
		part, err := os.MkdirTemp(dir, "")
		require.NoError(r, err)
		w, err := tensorboard.Create(part, 0)
		require.NoError(r, err)
		w.Histogram(1, "x", numbers)
		require.NoError(r, w.Close())
		h := eventtest.ReadDir(t, part)[0][2].Histograms["x"]
		limits, counts := h.Doubles(6), h.Doubles(7)
		require.Len(r, counts, len(limits))
		want := make([]float64, len(limits))
		finite := 0.
		for _, v := range numbers {
			x := float64(v)
			if math.IsInf(x, 0) || math.IsNaN(x) {
				continue
			}
			at := 0
			for limits[at] < x {
				at++
			}
			want[at]++
			finite++
		}
		require.Equal(r, want, counts)
		require.Equal(r, finite, h.Double(3))
		for i := 1; i < len(limits); i++ {
			require.GreaterOrEqual(r, limits[i], limits[i-1])
		}
		if finite > 0 {
			require.Equal(r, h.Double(2), limits[len(limits)-1])
		}
	})
}

// Each process has a file of its own, the later one's name behind the earlier's, within a second too.
func TestOneFileAProcess(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		w, err := tensorboard.Create(dir, int64(i))
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	files := eventtest.ReadDir(t, dir)
	require.Len(t, files, 3)
	for i, events := range files {
		require.EqualValues(t, i, events[1].Step)
	}
}

// A changed bit anywhere in a file is noticed by the checksums: they cover all of it.
func TestEveryBitCounts(t *testing.T) {
	dir := t.TempDir()
	w, err := tensorboard.Create(dir, 0)
	require.NoError(t, err)
	w.Scalars(1, tensorboard.Scalar{Tag: "x", Value: 1})
	require.NoError(t, w.Close())
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	text, err := os.ReadFile(names[0])
	require.NoError(t, err)
	for i := range text {
		text[i] ^= 1 << (i % 8)
		_, err := eventtest.Records(text)
		require.Error(t, err, "byte %d", i)
		text[i] ^= 1 << (i % 8)
	}
}

// Errors of the disk are told in one line, by Create or by Flush.
func TestErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	_, err := tensorboard.Create(filepath.Join(file, "x"), 0)
	require.ErrorContains(t, err, "cannot create the folder")
	w, err := tensorboard.Create(dir, 0)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	w.Scalars(1, tensorboard.Scalar{Tag: "x"})
	require.ErrorContains(t, w.Flush(), "cannot write")
	require.ErrorContains(t, w.Flush(), "cannot write", "and it stays")
}
