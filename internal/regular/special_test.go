//go:build unix

package regular_test

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/regular"
)

// A FIFO that nobody writes to is refused rather than waited for, and so is a socket.
func TestSpecialFilesAreRefusedAtOnce(t *testing.T) {
	t.Chdir(t.TempDir()) // the name of a socket must be short
	require.NoError(t, syscall.Mkfifo("fifo", 0o600))
	listener, err := net.Listen("unix", "socket")
	require.NoError(t, err)
	defer listener.Close()
	for name, want := range map[string]string{
		"fifo":      "open fifo: a FIFO (named pipe), not a regular file",
		"socket":    "open socket: a socket, not a regular file",
		"/dev/zero": "open /dev/zero: a device, not a regular file",
	} {
		_, err := regular.ReadFile(name, 10)
		assert.EqualError(t, err, want)
		require.NoError(t, os.Symlink(name, "link"))
		_, err = regular.ReadFile(filepath.Join(".", "link"), 10)
		assert.ErrorIs(t, err, regular.ErrNotRegular, "through a link")
		require.NoError(t, os.Remove("link"))
	}
}
