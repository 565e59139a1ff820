//go:build unix

package rundir

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A pipe that nobody reads or writes is refused, not waited for.
func TestPipes(t *testing.T) {
	for _, name := range []string{Log, Lock} {
		dir := t.TempDir()
		require.NoError(t, syscall.Mkfifo(filepath.Join(dir, name), 0o666))
		_, err := Create(OS{}, dir)
		require.ErrorContains(t, err, "a FIFO (named pipe), not a regular file")
		require.Equal(t, []string{name}, names(t, dir))
	}
	dir := filepath.Join(t.TempDir(), "run")
	run(t, dir)
	f, err := Open(OS{}, dir)
	require.NoError(t, err)
	f.Continue(&Saved{})
	require.NoError(t, f.remove(Log))
	require.NoError(t, syscall.Mkfifo(f.log.path, 0o666))
	f.Append([]byte("one\n"))
	require.ErrorContains(t, f.Save(checkpoint(), nil), "a FIFO (named pipe), not a regular file")
	require.NoError(t, f.Close())
}
