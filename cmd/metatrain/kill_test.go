//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

// TestSignals sends real signals to a real process and resumes what it leaves.
func TestSignals(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		clean  bool
	}{{"kill", syscall.SIGKILL, false}, {"interrupt", syscall.SIGINT, true}, {"terminate", syscall.SIGTERM, true}} {
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
			if c.clean {
				require.NoError(t, err, stderr.String())
				require.Regexp(t, `stopped after \d+ episodes; go on with --resume `, stderr.String())
			} else {
				require.Error(t, err)
			}

			log, err := os.ReadFile(filepath.Join(dir, logFile))
			require.NoError(t, err)
			// A killed process may leave half a line, which is none.
			whole := records(t, string(log[:bytes.LastIndexByte(log, '\n')+1]))
			episodes := strconv.Itoa(len(whole) + 3)
			require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", dir, "--episodes", episodes))
			got := clitest.Tree(t, dir)
			require.Equal(t, learned(t, small("--every", "1", "--episodes", episodes)...), withoutTemporaries(got))
		})
	}
}

// withoutTemporaries leaves out what a process that was killed while it wrote a checkpoint can't clean up.
func withoutTemporaries(tree map[string]string) map[string]string {
	kept := make(map[string]string)
	for _, name := range []string{".", trainFile, optimizerFile, logFile} {
		kept[name] = tree[name]
	}
	return kept
}
