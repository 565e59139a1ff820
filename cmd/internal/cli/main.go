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

// exitStatus is what the help of every command says about how it ends.
const exitStatus = `Exit status: 0 when the work is done, 1 after an error, and 128 plus its number when a signal has ended
the work in good order (129 hangup, 130 interrupt, 141 broken pipe, 143 terminate). A second signal kills.`

// Main runs a command as the process: it gives run the arguments, a context that a signal cancels, and the standard
// streams. If run fails, Main prints "NAME: error" as one line on stderr and exits; otherwise it returns. The status is
// 128 plus the signal's number if run's error wraps the context's, that is if the signal was all that happened, or if
// whoever read stdout is gone; else it is 1.
//
// The signals are an interrupt, a request to terminate, a hangup unless it was ignored at the start, as under nohup, and
// that a pipe on stdout or stderr has lost its reader. The first asks the command to stop in good order. A second one
// kills it, except that writes to a broken pipe go on failing with an error.
func Main(run func(ctx context.Context, args []string, stdout, stderr io.Writer) error) {
	ctx, stopped := untilSignal()
	err := run(ctx, os.Args[1:], watch(os.Stdout, stopped), watch(os.Stderr, stopped))
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, errorLine(ctx, filepath.Base(os.Args[0]), err))
	os.Exit(statusOf(ctx, err))
}

// A stop is the cause of a context that a signal has cancelled.
type stop struct{ syscall.Signal }

func (s stop) Error() string { return s.String() + " signal received" }

// untilSignal returns a context that the first signal cancels, and what cancels it as a signal would.
//
// The signal of a broken pipe is ignored: it comes for a lost connection to another machine too, which is no reason to stop. A write to a
// pipe or socket that nobody reads fails all the same, and those to stdout and stderr are watched.
func untilSignal() (context.Context, func(syscall.Signal)) {
	kill := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		kill = append(kill, syscall.SIGHUP)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	received := make(chan os.Signal, 1)
	signal.Ignore(syscall.SIGPIPE)
	signal.Notify(received, kill...)
	go func() {
		first := (<-received).(syscall.Signal)
		signal.Reset(kill...) // these act by default from now on
		cancel(stop{first})
	}()
	return ctx, func(s syscall.Signal) { cancel(stop{s}) }
}

// A watched stream tells when its reader has gone.
type watched struct {
	*os.File
	stopped func(syscall.Signal)
}

func (w watched) Write(p []byte) (int, error) {
	n, err := w.File.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		w.stopped(syscall.SIGPIPE)
	}
	return n, err
}

// watch watches a stream, unless it is a terminal or a file, whose readers do not go.
func watch(f *os.File, stopped func(syscall.Signal)) io.Writer {
	if info, err := f.Stat(); err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return f
	}
	return watched{f, stopped}
}

// statusOf returns the exit status after an error.
func statusOf(ctx context.Context, err error) int {
	if s, ok := errors.AsType[stop](context.Cause(ctx)); ok && errors.Is(err, context.Canceled) {
		return 128 + int(s.Signal)
	}
	if errors.Is(err, syscall.EPIPE) { // the signal may still be on its way
		return 128 + int(syscall.SIGPIPE)
	}
	return 1
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
