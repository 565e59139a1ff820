//go:build unix

package cli

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Replacing a pipe by a file is never what was meant; it is left as it is.
func TestCheckOutputOfPipe(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, syscall.Mkfifo("pipe.png", 0o666))
	require.EqualError(t, CheckOutput("pipe.png", ".png"), "pipe.png: want an ordinary file, but it is none")
	requireNames(t, ".", "pipe.png")
}
