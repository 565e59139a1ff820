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
	for _, c := range []struct {
		signal os.Signal
		name   string
	}{{os.Interrupt, "interrupt"}, {syscall.SIGTERM, "terminated"}} {
		cmd, stderr := start(t, "obey")
		require.NoError(t, cmd.Process.Signal(c.signal))
		require.Error(t, cmd.Wait())
		require.Equal(t, 1, cmd.ProcessState.ExitCode())
		require.Equal(t, "metatrain: step 3:; context canceled ("+c.name+" signal received)\n", stderr.String())
	}
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
