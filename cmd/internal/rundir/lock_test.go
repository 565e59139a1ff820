package rundir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

// Who holds a lock is read from its file, which anybody can write to: what can't be a process is no telling.
func TestHolder(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]int{
		"123\n": 123, "123": 123, " 123 \r\n": 123, "1\n": 1,
		"": 0, "\n": 0, "0\n": 0, "-5\n": 0, "12 34\n": 0, "0x7b\n": 0, "abc\n": 0, "1.5\n": 0,
		"99999999999999999999\n": 0, "-99999999999999999999\n": 0, // beyond all numbers
	} {
		path := filepath.Join(dir, "lock")
		clitest.WriteFile(t, path, text)
		require.Equal(t, want, holder(path), "%q", text)
	}
	require.Zero(t, holder(dir), "a folder")
	require.Zero(t, holder(filepath.Join(dir, "nowhere")))
}

// The refusal names the process if it is known.
func TestHeldError(t *testing.T) {
	require.EqualError(t, heldError{}, "another process is running in it")
	require.EqualError(t, heldError{123}, "process 123 is running in it")
}

// A lock whose file says nothing, as on a full disk, holds all the same.
func TestLockWithoutNote(t *testing.T) {
	path := filepath.Join(t.TempDir(), Lock)
	lock, abandoned, err := OS{}.Lock(path)
	require.NoError(t, err)
	require.False(t, abandoned)
	require.NoError(t, os.Truncate(path, 0))
	_, _, err = OS{}.Lock(path)
	require.EqualError(t, err, "another process is running in it")
	require.NoError(t, lock.Close())

	lock, abandoned, err = OS{}.Lock(path)
	require.NoError(t, err)
	require.True(t, abandoned, "its file was left behind")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Regexp(t, `^[1-9][0-9]*\n$`, string(text))
	require.Equal(t, os.Getpid(), holder(path))
	require.NoError(t, lock.Close())
}
