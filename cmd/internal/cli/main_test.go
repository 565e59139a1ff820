package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestMain lets the test binary stand in for a command: with CLI_TEST_RUN set it runs Main.
func TestMain(m *testing.M) {
	switch os.Getenv("CLI_TEST_RUN") {
	case "":
		goleak.VerifyTestMain(m)
	case "obey":
		Main(waitForSignal)
	case "ignore":
		Main(ignoreSignals)
	case "pipe":
		Main(writeToBrokenPipe)
	case "succeed":
		Main(func(_ context.Context, args []string, stdout, _ io.Writer) error {
			_, err := fmt.Fprint(stdout, args)
			return err
		})
	}
}

func waitForSignal(ctx context.Context, _ []string, stdout, _ io.Writer) error {
	fmt.Fprintln(stdout, "ready")
	<-ctx.Done()
	return fmt.Errorf("step 3:\n%w", ctx.Err())
}

func ignoreSignals(_ context.Context, _ []string, stdout, _ io.Writer) error {
	fmt.Fprintln(stdout, "ready")
	time.Sleep(10 * time.Second)
	return errors.New("nobody killed me")
}

// start runs the test binary as a command and waits until it is ready for signals.
func start(t *testing.T, run string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Args[0] = "somewhere/metatrain"
	cmd.Env = append(os.Environ(), "CLI_TEST_RUN="+run)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	return cmd, &stderr
}

func TestMainSignal(t *testing.T) {
	hear(t, syscall.SIGHUP)
	for _, c := range []struct {
		signal syscall.Signal
		name   string
	}{{syscall.SIGINT, "interrupt"}, {syscall.SIGTERM, "terminated"}, {syscall.SIGHUP, "hangup"}} {
		cmd, stderr := start(t, "obey")
		require.NoError(t, cmd.Process.Signal(c.signal))
		require.Error(t, cmd.Wait())
		require.Equal(t, 128+int(c.signal), cmd.ProcessState.ExitCode())
		require.Equal(t, "metatrain: step 3:; context canceled ("+c.name+" signal received)\n", stderr.String())
	}
}

// hear makes commands that the test starts take a signal as if it had not been ignored before, as it is under nohup.
func hear(t *testing.T, s os.Signal) {
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, s)
	t.Cleanup(func() { signal.Stop(heard) })
}

// Under nohup a command goes on when the terminal hangs up.
func TestMainHangupIgnored(t *testing.T) {
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	cmd, stderr := start(t, "obey")
	require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Error(t, cmd.Wait())
	require.Equal(t, 128+int(syscall.SIGTERM), cmd.ProcessState.ExitCode())
	require.Contains(t, stderr.String(), "(terminated signal received)")
}

// When whoever reads has gone, the command learns of it and has all the time that it needs: writing to the pipe again and
// again does not kill it.
func TestMainBrokenPipe(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CLI_TEST_RUN=pipe")
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, reader.Close())
	cmd.Stdout, cmd.Stderr = writer, writer
	done := filepath.Join(t.TempDir(), "done")
	cmd.Args = append(cmd.Args, done)
	require.NoError(t, cmd.Start())
	require.NoError(t, writer.Close())
	require.Error(t, cmd.Wait())
	require.Equal(t, 128+int(syscall.SIGPIPE), cmd.ProcessState.ExitCode())
	require.FileExists(t, done)
}

func writeToBrokenPipe(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fmt.Fprintln(stderr, "the first")
	<-ctx.Done()
	for range 3 {
		fmt.Fprintln(stderr, "one more")
	}
	if err := os.WriteFile(args[0], nil, 0o666); err != nil {
		return err
	}
	_, err := fmt.Fprintln(stdout, "the result")
	return err
}

// The status is the signal's only if the signal was all that happened.
func TestStatus(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	require.Equal(t, 1, statusOf(ctx, context.Canceled), "no signal yet")
	cancel(stop{syscall.SIGTERM})
	require.Equal(t, 143, statusOf(ctx, fmt.Errorf("stopped: %w", context.Canceled)))
	require.Equal(t, 1, statusOf(ctx, errors.New("no space left")))
	require.Equal(t, 141, statusOf(ctx, fmt.Errorf("the table: %w", syscall.EPIPE)))
}

func TestMainSecondSignalKills(t *testing.T) {
	cmd, stderr := start(t, "ignore")
	exited := make(chan struct{})
	go func() { cmd.Wait(); close(exited) }()
	// The second signal may come before the first was dealt with, so there are some more.
	for alive := true; alive; {
		cmd.Process.Signal(os.Interrupt)
		select {
		case <-exited:
			alive = false
		case <-time.After(20 * time.Millisecond):
		}
	}
	require.Equal(t, syscall.SIGINT, cmd.ProcessState.Sys().(syscall.WaitStatus).Signal())
	require.Empty(t, stderr.String())
}

func TestMainSuccess(t *testing.T) {
	cmd := exec.Command(os.Args[0], "a", "b")
	cmd.Env = append(os.Environ(), "CLI_TEST_RUN=succeed")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, "[a b]", string(out))
}

func TestErrorLine(t *testing.T) {
	ctx := context.Background()
	require.Equal(t, "compare: one; two; three", errorLine(ctx, "compare", errors.New("one\n  two\r\n\nthree\n")))
	require.Equal(t, "compare: context canceled", errorLine(ctx, "compare", context.Canceled))
}
