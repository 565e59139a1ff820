package checkpoints

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listing returns the names in a directory; a temporary file left behind would show.
func listing(t *testing.T, dir string) []string {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestSaveReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	f := sampleFile()
	require.NoError(t, f.Save(path))
	f.Tensors[0].F32[0] = 42
	require.NoError(t, f.Save(path))

	g, err := Load(path, "training")
	require.NoError(t, err)
	assert.True(t, sameFile(f, g))
	assert.Equal(t, []string{"a"}, listing(t, dir))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Zero(t, info.Mode().Perm()&^0o644)
}

func TestSaveInWorkingDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, sampleFile().Save("a"))
	assert.Equal(t, []string{"a"}, listing(t, "."))
}

// Law: a write that fails leaves the old file, and nothing else.
func TestFailedWriteKeepsOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	require.NoError(t, sampleFile().Save(path))
	old, err := os.ReadFile(path)
	require.NoError(t, err)

	bad := sampleFile()
	bad.Kind = ""
	require.Error(t, bad.Save(path))

	now, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, old, now)
	assert.Equal(t, []string{"a"}, listing(t, dir))
}

// Law: a renaming that fails, here because a directory is in the way, leaves nothing behind.
func TestFailedRenameLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	require.NoError(t, os.MkdirAll(filepath.Join(path, "b"), 0o755))
	err := sampleFile().Save(path)
	require.ErrorContains(t, err, "checkpoints: "+path+": saving: ")
	assert.Equal(t, 1, strings.Count(err.Error(), path), "%v", err)
	assert.Equal(t, []string{"a"}, listing(t, dir))
}

func TestSaveIntoUnwritableDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("the superuser may write anywhere")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	require.NoError(t, sampleFile().Save(path))
	old, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o555))
	defer os.Chmod(dir, 0o755)

	require.ErrorIs(t, SaveRule(path, sampleRule()), os.ErrPermission)
	now, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, old, now)
	assert.Equal(t, []string{"a"}, listing(t, dir))
}

func TestMissingFileAndDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no", "a")
	_, err := Load(path, "")
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.EqualError(t, err, "checkpoints: "+path+": no such file or directory")
	_, err = LoadRule(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorIs(t, SaveRule(path, sampleRule()), os.ErrNotExist)
	assert.NoDirExists(t, filepath.Dir(path))
}
