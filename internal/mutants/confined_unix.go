//go:build unix

package main

import (
	"context"
	"os/exec"
	"syscall"
	"time"
)

// confined returns a command for a program that may do anything: it gets 8 GB of addresses, ten minutes of processor and
// files of 1 GB, where the system knows such limits, and what it has started ends with it.
func confined(ctx context.Context, program string, args ...string) *exec.Cmd {
	limits := "ulimit -v 8000000; ulimit -t 600; ulimit -f 2000000; exec \"$0\" \"$@\""
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", limits, program}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}
