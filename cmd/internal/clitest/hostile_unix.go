//go:build unix

package clitest

import (
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// peakMemory returns the most memory that a process had at one time, in MB.
func peakMemory(p *os.ProcessState) int {
	max := p.SysUsage().(*syscall.Rusage).Maxrss
	if runtime.GOOS != "darwin" { // kB elsewhere
		max *= 1024
	}
	return int(max / 1e6)
}

// MakeFIFO makes a named pipe, to which nobody will write.
func MakeFIFO(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, syscall.Mkfifo(path, 0o600))
}
