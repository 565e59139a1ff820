//go:build !unix

package main

import (
	"context"
	"os/exec"
	"time"
)

// confined returns a command for a program that may do anything. Nothing but its time is bounded here.
func confined(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	return cmd
}
