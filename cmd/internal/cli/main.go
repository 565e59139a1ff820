package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// Main runs a command as the process: it gives run the arguments, a context that an interrupt or a request to
// terminate cancels, and the standard streams. If run fails, Main prints "NAME: error" as one line on stderr and exits
// with status 1; otherwise it returns.
//
// The first signal asks the command to stop in good order. A second one kills it.
func Main(run func(ctx context.Context, args []string, stdout, stderr io.Writer) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// As soon as the context is cancelled, signals act by default again.
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err == nil {
		stop()
		return
	}
	fmt.Fprintln(os.Stderr, errorLine(ctx, filepath.Base(os.Args[0]), err))
	os.Exit(1)
}

// errorLine words the error with which the command ended. "context canceled" alone would puzzle whoever pressed
// Ctrl-C, so the signal is named too. Whatever the error holds, the line is one, and short.
func errorLine(ctx context.Context, name string, err error) string {
	line := name + ": " + err.Error()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		line += " (" + context.Cause(ctx).Error() + ")"
	}
	return oneLine(line, maxLine)
}
