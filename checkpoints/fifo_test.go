//go:build unix

package checkpoints

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAFIFOIsNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	for name, want := range map[string]string{path: "a FIFO (named pipe)", "/dev/zero": "a device"} {
		_, err := LoadRule(name)
		require.ErrorIs(t, err, ErrFormat)
		assert.EqualError(t, err, "checkpoints: "+name+": bad format: "+want+", not a regular file")
	}
}
