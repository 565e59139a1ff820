package metatrain

import (
	"context"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/cmd/internal/rundir"
)

// Law: the same command, started again and again, comes to what it would have come to at once, to the byte; after that there is nothing
// left to do.
func TestResumeIfThere(t *testing.T) {
	want := learned(t, small("--episodes", "7")...)
	for name, args := range map[string][]string{
		"in a folder":             small("--episodes", "7", "--resume-if-there", "--out", "run"),
		"in the default's folder": small("--episodes", "7", "--resume-if-there"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			dir := "runs/quadratic-lstm-1"
			if args[len(args)-2] == "--out" {
				dir = "run"
			}
			require.NoError(t, os.MkdirAll(dir, 0o777)) // a volume is there before there is anything in it
			for range 50 {
				ctx := newStopper(40, -1)
				if learn(t, ctx, io.Discard, args...) == nil {
					break
				}
			}
			require.Equal(t, want, clitest.Tree(t, dir))
			require.NoError(t, learn(t, context.Background(), io.Discard, args...))
			require.Equal(t, want, clitest.Tree(t, dir))
		})
	}
}

// Whatever keeps a run from being begun or gone on with is an error, and changes nothing.
func TestResumeIfThereRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, learn(t, context.Background(), io.Discard, small("--episodes", "2", "--out", "run")...))
	require.NoError(t, os.Mkdir("rule", 0o777))
	require.NoError(t, os.WriteFile("rule/"+rundir.Optimizer, nil, 0o600))
	require.NoError(t, os.WriteFile("file", nil, 0o600))
	require.NoError(t, os.Mkdir("broken", 0o777))
	require.NoError(t, os.WriteFile("broken/"+rundir.Train, []byte("x"), 0o600))
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--horizon 13: the run in run has 12, which can't be changed", small("--horizon", "13", "--out", "run")},
		{"--resume-if-there: not with --resume, for which there must be a run; want --out, or neither", []string{"--resume", "run"}},
		{"rule: it holds the rule of a run, but nothing to resume it from", small("--out", "rule")},
		{"file", small("--out", "file")},
		{"--resume: ", small("--out", "broken")},
		{"--out: want the name of a folder, got nothing", []string{"--out="}},
		{"--resume-if-there: --view shows a run as it is", []string{"--view", "run"}},
		{"--resume-if-there: not with --connect", []string{"--connect", "nats://127.0.0.1:1"}},
		{"--window 5: want at most the horizon, 3", []string{"--horizon", "3", "--window", "5"}},
	} {
		clitest.RequireRefused(t, Run, c.want, append(c.args, "--resume-if-there")...)
	}
}
