package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errBoom = errors.New("boom")

// A recorder is a disk that notes what is asked of it, and fails at one step.
type recorder struct {
	calls  []string
	failAt string
}

func (r *recorder) note(call string) error {
	r.calls = append(r.calls, call)
	if call == r.failAt {
		return &fs.PathError{Op: call, Path: "somewhere", Err: errBoom}
	}
	return nil
}

func (r *recorder) openDir(string) (syncer, error) {
	return recorded{r, " folder"}, r.note("open folder")
}
func (r *recorder) create(string, fs.FileMode) (file, error) {
	return recorded{r, ""}, r.note("create")
}
func (r *recorder) rename(string, string) error { return r.note("rename") }
func (r *recorder) remove(string) error         { return r.note("remove") }

// recorded is a file or a folder of a recorder.
type recorded struct {
	*recorder
	suffix string
}

func (f recorded) Write(p []byte) (int, error) { return len(p), f.note("write") }
func (f recorded) Sync() error                 { return f.note("sync" + f.suffix) }
func (f recorded) Close() error                { return f.note("close" + f.suffix) }
func (f recorded) Chmod(fs.FileMode) error     { return f.note("chmod") }

func fill(w io.Writer) error {
	_, err := w.Write([]byte("text"))
	return err
}

// Law: the bytes are on the disk before the file has its name, and the name is on the disk before Write returns.
func TestOrderOfSystemCalls(t *testing.T) {
	r := &recorder{}
	require.NoError(t, write(r, t.TempDir()+"/f", fill))
	assert.Equal(t, []string{"open folder", "create", "write", "sync", "close", "rename", "sync folder", "close folder"}, r.calls)
}

// Law: whatever fails, Write says so; before the renaming it removes what it has made and does not rename.
func TestEveryFailureIsReported(t *testing.T) {
	for _, step := range []string{"open folder", "create", "write", "sync", "close", "rename", "sync folder"} {
		r := &recorder{failAt: step}
		err := write(r, t.TempDir()+"/f", fill)
		require.ErrorIs(t, err, errBoom, step)
		assert.NotContains(t, err.Error(), "somewhere", step)
		made := !slices.Contains([]string{"open folder", "create"}, step)
		renamed := step == "sync folder"
		assert.Equal(t, made && !renamed, slices.Contains(r.calls, "remove"), step)
		assert.Equal(t, renamed || step == "rename", slices.Contains(r.calls, "rename"), step)
		assert.Equal(t, made, slices.Contains(r.calls, "close"), step)
		assert.Equal(t, step != "open folder", slices.Contains(r.calls, "close folder"), step)
		assert.Equal(t, renamed, strings.HasPrefix(err.Error(), "the file is in place"), step)
	}
}

func TestWhatIsLeftBehindIsNamed(t *testing.T) {
	r := &recorder{failAt: "remove"}
	err := write(r, "f", func(io.Writer) error { return errBoom })
	assert.EqualError(t, err, "boom; and .unroll-0.tmp is left behind: boom")
}

// The disk of the operating system is really asked.
func TestFlushingAFolderReachesIt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("folders cannot be flushed there")
	}
	dir, err := osDisk{}.openDir(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, dir.Sync())
	require.NoError(t, dir.Close())
	assert.ErrorIs(t, dir.Sync(), fs.ErrClosed)
}
