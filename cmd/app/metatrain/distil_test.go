package metatrain

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
	"github.com/seed1498fded/unroll/params"
)

// fewer is a run that fits a rule of two units to the steps of the embedded one, which has more.
func fewer(args ...string) []string {
	return onMix(append([]string{"--estimator", "distil", "--from", "zoo:general", "--rule", "general",
		"--rule-config", `{"hidden":2,"horizon":"either","learned_decay":true,"outputs":true}`, "--window", "6"}, args...)...)
}

// A rule of fewer units begins with the teacher's schedules and controls, learns the rest, and goes on to the same bits after a stop.
func TestDistil(t *testing.T) {
	inMixFolder(t)
	args := fewer("--estimator-config", `{"untold":0.5,"points":4}`)
	whole := learned(t, append(args, "--episodes", "12")...)
	require.NoError(t, learn(t, context.Background(), io.Discard, append(args, "--out", "run", "--episodes", "5")...))
	require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", "run", "--episodes", "12"))
	require.Equal(t, whole, clitest.Tree(t, "run"))

	require.NoError(t, learn(t, context.Background(), io.Discard, append(args, "--out", "slow", "--episodes", "3", "--outer-lr", "1e-9")...))
	got, err := learnedopt.Load(filepath.Join("slow", "optimizer.safetensors"))
	require.NoError(t, err)
	require.Equal(t, 2, got.Rule.(*mlp.General).Hidden)
	teacher, err := learnedopt.Load("zoo:general")
	require.NoError(t, err)
	part := func(x *learnedopt.Trained, name string) []float32 {
		return params.Slice(x.Rule.Spec().Phi, x.Phi, name)
	}
	for _, name := range []string{"schedule", "untold", "controls", "decay_schedule"} {
		require.InDeltaSlice(t, part(teacher, name), part(got, name), 1e-6, name)
	}
}

// The teacher of several files is the mean of their rules. Two that are mirrored about a third have it between them.
func TestDistilTheMean(t *testing.T) {
	inMixFolder(t)
	middle, err := learnedopt.Load("zoo:general")
	require.NoError(t, err)
	for name, sign := range map[string]float32{"above": 1, "below": -1} {
		moved := &learnedopt.Trained{Rule: middle.Rule, Phi: slices.Clone(middle.Phi)}
		for i := range moved.Phi {
			moved.Phi[i] += sign * float32(i) / 64
		}
		require.NoError(t, moved.Save(name))
	}
	require.NoError(t, middle.Save("middle"))
	fitted := func(from string) []float32 {
		require.NoError(t, learn(t, context.Background(), io.Discard, fewer("--from", from, "--episodes", "2", "--out", "run-"+from)...))
		got, err := learnedopt.Load(filepath.Join("run-"+from, "optimizer.safetensors"))
		require.NoError(t, err)
		require.Equal(t, from, got.Provenance["from"])
		return got.Phi
	}
	want := fitted("middle")
	require.InDeltaSlice(t, want, fitted("above,below"), 1e-4)
	require.NotEqual(t, want, fitted("above,below,below"))
}

func TestDistilRefused(t *testing.T) {
	inMixFolder(t)
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--estimator distil: want --from, the rule whose steps are to be imitated", onMix("--estimator", "distil", "--window", "6")},
		{"--estimator-config: distil: ", fewer("--estimator-config", `{"pairs":3}`)},
		{"--exact: not with --estimator distil", fewer("--exact")},
		{"--fraction: not with --estimator distil", fewer("--fraction", "0.5")},
		{"--curriculum: not with --estimator distil", fewer("--curriculum", "3")},
		{"--copies: not with --estimator distil", fewer("--copies", "2")},
		{"--meta-loss: not with --estimator distil", fewer("--meta-loss", `{"log":true}`)},
		{"--window 3: --estimator distil takes whole episodes; want the horizon, 6", fewer("--window", "3")},
		{"episodes of 9 to 6 steps; want 1 or more, in order", fewer("--estimator-config", `{"shortest":9}`)},
	} {
		clitest.RequireRefused(t, Run, c.want, append(c.args, "--out", "nothing")...)
		require.NoDirExists(t, "nothing")
	}
}
