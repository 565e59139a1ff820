package metatrain

import (
	"context"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

const smallMix = `
members: 6
of:
  - {name: a, side: [4], depth: [1, 2], width: [2, 4], activation: [relu, tanh], batch: [4], gain: [0.5, 2], level: [none, tensor], unit: [0.5, 2]}
valid:
  - {name: b, side: [4], hidden: [3], activation: [sigmoid], batch: [4]}
test:
  - {name: c, side: [7], hidden: [3, 2], batch: [4]}
  - {name: d, side: [8], hidden: [2], batch: [4]}
`

// onMix is a run on a mix that takes no time; it wants the folder images and the file mix.yaml.
func onMix(args ...string) []string {
	return append([]string{"--problem", "mix:mix.yaml", "--data", "images", "--horizon", "6", "--window", "3", "--every", "3"}, args...)
}

func inMixFolder(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	require.NoError(t, os.WriteFile("mix.yaml", []byte(smallMix), 0o600))
}

// A rule is learned on a mix by every kind of estimator, goes on to the same bits after a stop, and is measured on every network that
// the mix holds out.
func TestMixRun(t *testing.T) {
	inMixFolder(t)
	for name, args := range map[string][]string{
		"bptt": {"--rule-config", `{"hidden":4,"layers":1}`},
		"pes":  {"--rule", "rmsmomentum", "--estimator", "pes", "--estimator-config", `{"pairs":3}`, "--workers", "2"},
		"es":   {"--rule", "rmsmomentum", "--estimator", "es", "--estimator-config", `{"pairs":2}`, "--window", "6"},
	} {
		t.Run(name, func(t *testing.T) {
			args := onMix(args...)
			whole := learned(t, append(args, "--episodes", "12")...)
			dir := t.TempDir() + "/run"
			require.NoError(t, learn(t, context.Background(), io.Discard, append(args, "--out", dir, "--episodes", "5")...))
			require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", dir, "--episodes", "12"))
			require.Equal(t, whole, clitest.Tree(t, dir))
		})
	}
	stdout, _ := clitest.MustRun(t, Run, onMix("--rule", "rmsmomentum", "--episodes", "2")...)
	require.Contains(t, stdout, "wrote runs/mix-rmsmomentum-1\n")
	for _, network := range []string{"c 49-3-2-3 relu ", "d 64-2-3 relu "} {
		require.Contains(t, stdout, "\n"+network)
	}
}

func TestMixRefused(t *testing.T) {
	inMixFolder(t)
	require.NoError(t, learn(t, context.Background(), io.Discard, onMix("--rule", "rmsmomentum", "--episodes", "2", "--out", "run")...))
	require.NoError(t, os.WriteFile("mix.yaml", []byte(smallMix+"# another\n"), 0o600))
	clitest.RequireRefused(t, Run, "these are not the images that the run began with", "--resume", "run", "--episodes", "4")
	require.NoError(t, os.WriteFile("bad.yaml", []byte("of: [{depth: 3}]"), 0o600))
	for _, c := range []struct {
		want string
		args []string
	}{
		{"catalog: mix:none: ", []string{"--problem", "mix:none"}},
		{"catalog: mix:bad.yaml: yaml: unmarshal errors:", []string{"--problem", "mix:bad.yaml"}},
		{"does not take hidden", onMix("--hidden", "3")},
		{"does not take credit", onMix("--credit", "fa")},
		{"--learner ga: not on a mix", onMix("--learner", "ga", "--rule", "rmsmomentum")},
	} {
		clitest.RequireRefused(t, Run, c.want, c.args...)
	}
}
