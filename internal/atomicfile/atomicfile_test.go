package atomicfile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/atomicfile"
)

// listing returns the names in a folder; a temporary file left behind would show.
func listing(t *testing.T, dir string) []string {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func content(t *testing.T, path string) string {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func TestReplaces(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, text := range []string{"long text", "short"} {
		require.NoError(t, atomicfile.WriteFile("f", []byte(text)))
		assert.Equal(t, text, content(t, "f"))
		assert.Equal(t, []string{"f"}, listing(t, "."))
	}
}

// Law: a write that fails half way leaves the old file, and nothing else.
func TestFailedWriteKeepsOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	require.NoError(t, atomicfile.WriteFile(path, []byte("old")))
	broken := errors.New("broken")
	err := atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write([]byte("half a fi"))
		require.NoError(t, err)
		return broken
	})
	require.ErrorIs(t, err, broken)
	assert.EqualError(t, err, "write "+path+": broken")
	assert.Equal(t, "old", content(t, path))
	assert.Equal(t, []string{"f"}, listing(t, dir))
}

// Law: a renaming that fails, here because a folder is in the way, leaves nothing behind.
func TestFailedRenameLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	require.NoError(t, os.MkdirAll(filepath.Join(path, "g"), 0o755))
	err := atomicfile.WriteFile(path, nil)
	require.Error(t, err)
	assert.Equal(t, 1, strings.Count(err.Error(), path), "%v", err)
	assert.NotContains(t, err.Error(), ".unroll")
	assert.Equal(t, []string{"f"}, listing(t, dir))
}

func TestMissingFolder(t *testing.T) {
	err := atomicfile.WriteFile(filepath.Join(t.TempDir(), "no", "f"), nil)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// A file keeps its permissions, and a new one has those that the umask leaves.
func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	path := filepath.Join(t.TempDir(), "f")
	mode := func() fs.FileMode {
		info, err := os.Stat(path)
		require.NoError(t, err)
		return info.Mode().Perm()
	}
	plain, err := os.OpenFile(path, os.O_CREATE, 0o644)
	require.NoError(t, err)
	require.NoError(t, plain.Close())
	want := mode()
	require.NoError(t, os.Remove(path))
	require.NoError(t, atomicfile.WriteFile(path, nil))
	assert.Equal(t, want, mode())
	for _, perm := range []fs.FileMode{0o600, 0o640, 0o666, 0o444} {
		require.NoError(t, os.Chmod(path, perm))
		require.NoError(t, atomicfile.WriteFile(path, nil))
		assert.Equal(t, perm, mode())
	}
}

// A symbolic link gives way to the file; what it led to stays as it is.
func TestALinkIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path, target := filepath.Join(dir, "f"), filepath.Join(dir, "target")
	require.NoError(t, os.WriteFile(target, []byte("mine"), 0o600))
	if err := os.Symlink(target, path); err != nil {
		t.Skip(err)
	}
	require.NoError(t, atomicfile.WriteFile(path, []byte("new")))
	assert.Equal(t, "new", content(t, path))
	assert.Equal(t, "mine", content(t, target))
}

// What a killed program leaves behind neither disturbs later writing nor outlives Clean, which touches nothing else.
func TestClean(t *testing.T) {
	dir := t.TempDir()
	left := []string{".unroll-0.tmp", ".unroll-1.tmp", ".unroll-7.tmp"}
	others := []string{".unroll-0.tmp.kept", "f", "unroll-0.tmp"}
	for _, name := range append(left, others...) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600))
	}
	require.NoError(t, atomicfile.WriteFile(filepath.Join(dir, "f"), []byte("new")))
	assert.Len(t, listing(t, dir), len(left)+len(others))
	assert.Equal(t, "new", content(t, filepath.Join(dir, "f")))
	require.NoError(t, atomicfile.Clean(dir))
	assert.Equal(t, others, listing(t, dir))
	assert.ErrorIs(t, atomicfile.Clean(filepath.Join(dir, "none")), fs.ErrNotExist)
}

// Any number of writers may write to one folder, and to one file.
func TestWritersDoNotDisturbEachOther(t *testing.T) {
	dir := t.TempDir()
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 5 {
				assert.NoError(t, atomicfile.WriteFile(filepath.Join(dir, "shared"), []byte("text")))
				assert.NoError(t, atomicfile.WriteFile(filepath.Join(dir, string(rune('a'+i))), []byte("text")))
			}
		})
	}
	group.Wait()
	assert.Len(t, listing(t, dir), 9)
	assert.Equal(t, "text", content(t, filepath.Join(dir, "shared")))
}
