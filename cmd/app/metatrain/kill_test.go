//go:build unix

package metatrain

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/cmd/internal/rundir"
)

// TestSignals sends real signals to a real process and resumes what it leaves.
func TestSignals(t *testing.T) {
	// A signal that the tests take notice of is not ignored by the commands that they start, even under nohup.
	notice := make(chan os.Signal, 1)
	signal.Notify(notice, syscall.SIGHUP)
	defer signal.Stop(notice)
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		clean  bool
	}{
		{"kill", syscall.SIGKILL, false}, {"interrupt", syscall.SIGINT, true}, {"terminate", syscall.SIGTERM, true},
		{"hangup", syscall.SIGHUP, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			cmd, stderr := stop(t, c.signal, dir, small("--every", "1", "--episodes", "1000000")...)
			if c.clean {
				require.Equal(t, 128+int(c.signal), cmd.ProcessState.ExitCode(), stderr)
				require.Regexp(t, `stopped after \d+ episodes; go on with --resume `, stderr)
			}
			episodes := strconv.Itoa(validations(t, dir) + 3)
			require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", dir, "--episodes", episodes))
			got := clitest.Tree(t, dir)
			require.Equal(t, learned(t, small("--every", "1", "--episodes", episodes)...), got, "nothing temporary stays either")
		})
	}
}

// stop sends a signal to a process that learns into dir, at whatever moment two validations are in its log. It returns the process
// when it has ended, and what it wrote to standard error.
func stop(t *testing.T, signal syscall.Signal, dir string, args ...string) (cmd *exec.Cmd, stderr string) {
	t.Helper()
	cmd = exec.Command(os.Args[0], append(args, "--out", dir)...)
	cmd.Env = append(os.Environ(), "METATRAIN_TEST_MAIN=1")
	var text bytes.Buffer
	cmd.Stderr = &text
	require.NoError(t, cmd.Start())
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	require.Eventually(t, func() bool {
		log, _ := os.ReadFile(filepath.Join(dir, logFile))
		return bytes.Count(log, []byte("\n")) >= 2
	}, 20*time.Second, time.Millisecond)
	require.NoError(t, cmd.Process.Signal(signal))
	require.Error(t, <-exited)
	return cmd, text.String()
}

// validations counts the lines of a log. A killed process may leave half a line, which is none.
func validations(t *testing.T, dir string) int {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(dir, logFile))
	require.NoError(t, err)
	return len(records(t, string(log[:bytes.LastIndexByte(log, '\n')+1])))
}

// A search that is killed, wherever it is in a generation, goes on to the same bits on another number of workers.
func TestKilledSearch(t *testing.T) {
	for _, learner := range []string{"es", "cmaes", "ga", "anneal", "gp"} {
		t.Run(learner, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			stop(t, syscall.SIGKILL, dir, briefly(learner, "--generations", "1000000")...)
			generations := strconv.Itoa(validations(t, dir) + 2)
			require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", dir, "--generations", generations, "--workers", "1"))
			require.Equal(t, learned(t, briefly(learner, "--generations", generations)...), clitest.Tree(t, dir))
		})
	}
}

// The reader of stdout and stderr goes away in the middle: nothing is lost, and the status is that of a broken pipe.
func TestBrokenPipe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	cmd := exec.Command(os.Args[0], small("--every", "1", "--out", dir, "--episodes", "1000000")...)
	cmd.Env = append(os.Environ(), "METATRAIN_TEST_MAIN=1")
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = writer, writer
	require.NoError(t, cmd.Start())
	require.NoError(t, writer.Close())
	_, err = bufio.NewReader(reader).ReadString('\n')
	require.NoError(t, err)
	require.NoError(t, reader.Close())
	require.Error(t, cmd.Wait())
	require.Equal(t, 128+int(syscall.SIGPIPE), cmd.ProcessState.ExitCode())

	tree := clitest.Tree(t, dir)
	require.NotContains(t, tree, rundir.Lock, "it ended in good order")
	episodes := strconv.Itoa(len(records(t, tree[logFile])) + 3)
	require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", dir, "--episodes", episodes))
	require.Equal(t, learned(t, small("--every", "1", "--episodes", episodes)...), clitest.Tree(t, dir))
}
