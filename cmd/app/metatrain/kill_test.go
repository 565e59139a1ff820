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
			args := small("--every", "1", "--out", dir)
			cmd := exec.Command(os.Args[0], append(args, "--episodes", "1000000")...)
			cmd.Env = append(os.Environ(), "METATRAIN_TEST_MAIN=1")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			require.NoError(t, cmd.Start())
			exited := make(chan error, 1)
			go func() { exited <- cmd.Wait() }()
			require.Eventually(t, func() bool {
				log, _ := os.ReadFile(filepath.Join(dir, logFile))
				return bytes.Count(log, []byte("\n")) >= 2
			}, 20*time.Second, time.Millisecond)
			require.NoError(t, cmd.Process.Signal(c.signal))
			err := <-exited
			require.Error(t, err)
			if c.clean {
				require.Equal(t, 128+int(c.signal), cmd.ProcessState.ExitCode(), stderr.String())
				require.Regexp(t, `stopped after \d+ episodes; go on with --resume `, stderr.String())
			}

			log, err := os.ReadFile(filepath.Join(dir, logFile))
			require.NoError(t, err)
			// A killed process may leave half a line, which is none.
			whole := records(t, string(log[:bytes.LastIndexByte(log, '\n')+1]))
			episodes := strconv.Itoa(len(whole) + 3)
			require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", dir, "--episodes", episodes))
			got := clitest.Tree(t, dir)
			require.Equal(t, learned(t, small("--every", "1", "--episodes", episodes)...), got, "nothing temporary stays either")
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
