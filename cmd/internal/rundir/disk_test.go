package rundir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

var errBroken = &fs.PathError{Op: "touch", Path: "somewhere", Err: errors.New("input/output error")}

// A broken disk can do all but what it names.
type broken struct {
	OS
	clean  bool
	remove string // the name of a file
	save   string // likewise
}

func (b broken) Clean(dir string) error {
	if b.clean {
		return errBroken
	}
	return b.OS.Clean(dir)
}

func (b broken) Remove(path string) error {
	if filepath.Base(path) == b.remove {
		return errBroken
	}
	return b.OS.Remove(path)
}

func (b broken) Save(path string, file Saver) error {
	if filepath.Base(path) == b.save {
		return errBroken
	}
	return b.OS.Save(path, file)
}

// A folder that can't be made ready is refused, by what stands in the way, and is free again.
func TestFolderThatWillNotBeReady(t *testing.T) {
	for _, c := range []struct {
		disk broken
		want string
	}{
		{broken{clean: true}, ": cannot remove what a killed run has left: input/output error"},
		{broken{remove: Log}, "/log.jsonl: input/output error"},
	} {
		dir := t.TempDir()
		clitest.WriteFile(t, filepath.Join(dir, Log), "")
		_, err := Create(c.disk, dir)
		require.ErrorContains(t, err, dir+c.want)
		f, err := Create(OS{}, dir)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}

	dir := filepath.Join(t.TempDir(), "run")
	run(t, dir, "one")
	_, err := Open(broken{clean: true}, dir)
	require.EqualError(t, err, dir+": cannot remove what a killed run has left: input/output error")
	require.NoFileExists(t, filepath.Join(dir, Lock))
	f, err := Open(OS{}, dir)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// A lock's file that can't be removed is an error at the end, and does not keep the next run away.
func TestLockThatStays(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	f, err := Create(broken{remove: Lock}, dir)
	require.NoError(t, err)
	require.NoError(t, f.Save(checkpoint(), nil))
	require.ErrorContains(t, f.Close(), "run.lock: input/output error")
	require.FileExists(t, filepath.Join(dir, Lock))
	f, err = Open(OS{}, dir)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoFileExists(t, filepath.Join(dir, Lock))
}

// Of a run whose log can't be removed before its first checkpoint the lock's file stays, and so the next can begin there.
func TestLogThatStays(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	f, err := Create(OS{}, dir)
	require.NoError(t, err)
	f.disk = broken{save: Train, remove: Log}
	f.Append([]byte("one\n"))
	require.ErrorIs(t, f.Save(checkpoint(), nil), errBroken)
	require.ErrorContains(t, f.Close(), "log.jsonl: input/output error")
	require.Equal(t, []string{Log, Lock}, names(t, dir))
	f, err = Create(OS{}, dir)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Empty(t, names(t, dir))
}

// Folders are made as anybody makes them, for the umask to say who may enter.
func TestPermissionsOfFolders(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "plain"), 0o777))
	want, err := os.Stat(filepath.Join(dir, "plain"))
	require.NoError(t, err)
	f, err := Create(OS{}, filepath.Join(dir, "new", "run"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	for _, name := range []string{"new", "new/run"} {
		got, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, want.Mode(), got.Mode(), name)
	}
}

// A log that is written but can't be flushed is not on the disk, and no checkpoint speaks of it.
func TestLogThatIsNotFlushed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	run(t, dir, "one")
	before := clitest.Tree(t, dir)[Train]
	f, err := Open(OS{}, dir)
	require.NoError(t, err)
	f.disk = unflushed{}
	f.Append([]byte("two\n"))
	require.EqualError(t, f.Save(checkpoint(), nil), filepath.Join(dir, Log)+": input/output error")
	require.Equal(t, before, clitest.Tree(t, dir)[Train])
	require.NoError(t, f.Close())
}

type unflushed struct{ OS }

func (u unflushed) OpenLog(path string) (LogFile, error) {
	file, err := u.OS.OpenLog(path)
	return unflushedLog{file}, err
}

type unflushedLog struct{ LogFile }

func (unflushedLog) Sync() error { return errBroken }

// What is missing is named once, and is not taken for a lock that somebody has.
func TestMissingFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nowhere")
	_, err := Open(OS{}, dir)
	require.ErrorContains(t, err, filepath.Join(dir, Train)+": ")
	require.NotContains(t, err.Error(), "stat ")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, _, err = OS{}.Lock(filepath.Join(dir, Lock))
	require.ErrorIs(t, err, fs.ErrNotExist)
}
