package regular_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seed1498fded/unroll/internal/regular"
)

// endless is a stream of zeros without end, as /dev/zero is.
type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Law: what fits comes back whole, what does not is refused, by file and by stream.
func TestReadsUpToTheLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "content")
		limit := rapid.Int64Range(0, 2000).Draw(t, "limit")
		require.NoError(t, os.WriteFile(path, content, 0o600))
		fromFile, fileErr := regular.ReadFile(path, limit)
		fromStream, streamErr := regular.Read(iotest.OneByteReader(bytes.NewReader(content)), limit)
		if int64(len(content)) > limit {
			require.ErrorIs(t, fileErr, regular.ErrTooLong)
			require.ErrorIs(t, streamErr, regular.ErrTooLong)
			return
		}
		require.NoError(t, errors.Join(fileErr, streamErr))
		require.True(t, bytes.Equal(content, fromFile) && bytes.Equal(content, fromStream))
	})
}

func TestErrorsNameFileSizeAndLimit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	require.NoError(t, os.WriteFile(path, make([]byte, 11), 0o600))
	_, err := regular.ReadFile(path, 10)
	assert.EqualError(t, err, "read "+path+": too long: it has 11 bytes, at most 10 are allowed")
	_, ok := errors.AsType[*fs.PathError](err)
	assert.True(t, ok)

	_, err = regular.ReadFile(dir, 10)
	assert.EqualError(t, err, "open "+dir+": a folder, not a regular file")
	assert.ErrorIs(t, err, regular.ErrNotRegular)

	_, err = regular.ReadFile(filepath.Join(dir, "none"), 10)
	assert.ErrorIs(t, err, fs.ErrNotExist)

	broken := errors.New("broken")
	_, err = regular.Read(iotest.ErrReader(broken), 10)
	assert.ErrorIs(t, err, broken)
}

func TestLinksAreFollowed(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "f"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(path, []byte("text"), 0o600))
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	b, err := regular.ReadFile(link, 10)
	require.NoError(t, err)
	assert.Equal(t, "text", string(b))
}

func TestEverySpecialFileIsNamed(t *testing.T) {
	for mode, want := range map[fs.FileMode]string{
		fs.ModeDir:                         "a folder, not a regular file",
		fs.ModeNamedPipe:                   "a FIFO (named pipe), not a regular file",
		fs.ModeSocket:                      "a socket, not a regular file",
		fs.ModeDevice:                      "a device, not a regular file",
		fs.ModeDevice | fs.ModeCharDevice:  "a device, not a regular file",
		fs.ModeSymlink:                     "a symbolic link, not a regular file",
		fs.ModeIrregular | fs.FileMode(07): "something special, not a regular file",
	} {
		info, err := fs.Lstat(fstest.MapFS{"f": {Mode: mode}}, "f")
		require.NoError(t, err)
		assert.EqualError(t, regular.Check(info), want)
	}
}

func TestTheNullDeviceIsRefused(t *testing.T) {
	_, _, err := regular.Open(os.DevNull)
	assert.ErrorIs(t, err, regular.ErrNotRegular)
}

// Neither a stream without end nor a file of 5 GB costs more than the limit allows.
func TestMemoryFollowsTheLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparse")
	f, err := os.Create(path)
	require.NoError(t, err)
	if err := errors.Join(f.Truncate(5<<30), f.Close()); err != nil {
		t.Skip(err) // no file system for large files
	}
	for name, read := range map[string]func() error{
		"file":   func() error { _, err := regular.ReadFile(path, 1<<20); return err },
		"stream": func() error { _, err := regular.Read(endless{}, 1<<20); return err },
		"claim":  func() error { _, err := regular.Read(strings.NewReader("short"), 1<<40); return err },
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := read()
		runtime.ReadMemStats(&after)
		if name != "claim" {
			assert.ErrorIs(t, err, regular.ErrTooLong, name)
		}
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20), name)
	}
}

func TestTheFileIsOpenForReading(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, []byte("text"), 0o600))
	f, info, err := regular.Open(path)
	require.NoError(t, err)
	defer f.Close()
	b, err := io.ReadAll(f)
	require.NoError(t, err)
	assert.Equal(t, "text", string(b))
	assert.EqualValues(t, 4, info.Size())
}
