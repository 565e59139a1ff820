package metatrain

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/learnedopt"
)

// onCredit is a run over a credit rule that takes no time; it wants the folder images.
func onCredit(args ...string) []string {
	return append([]string{
		"--problem", "mnist8", "--data", "images", "--batch", "4", "--hidden", "4,3", "--activation", "tanh", "--credit", "fa",
		"--credit-config", `{"scale":2}`, "--rule-config", `{"hidden":4,"layers":1}`, "--horizon", "6", "--window", "3", "--every", "3",
	}, args...)
}

// The table at the end is of the credit rule too, and the rule tells what it was learned on.
func TestCreditRun(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	stdout, stderr := clitest.MustRun(t, Run, onCredit("--episodes", "4", "--progress", "plain")...)
	require.Contains(t, stdout, "wrote runs/mnist8-fa-lstm-1\n\nmnist8 under fa: 20 runs of 6 steps, seed 1\n")
	for _, name := range []string{"lstm (learned)", "sgd", "adamw"} {
		require.Contains(t, stdout, "\n"+name+" ")
	}
	require.Contains(t, stderr, "lstm on mnist8 under fa, seed 1: ")
	trained, err := learnedopt.Load("runs/mnist8-fa-lstm-1/optimizer.safetensors")
	require.NoError(t, err)
	require.Equal(t, "fa", trained.Provenance["credit"])
	require.JSONEq(t, `{"scale":2}`, trained.Provenance["credit_config"])
	require.NotContains(t, trained.Provenance, "loss", "nobody chose one")
}

// The signal makes a difference to what is learned, and so do the rule's settings and the loss.
func TestCreditMatters(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	seen := map[string]string{}
	for _, args := range [][]string{
		nil, {"--credit-config", `{"scale":3}`}, {"--loss", "squared-error"}, {"--credit", "dfa", "--credit-config", "{}"},
		{"--credit", "backprop", "--credit-config", "{}"}, {"--seed", "2"},
	} {
		log := learned(t, onCredit(append(args, "--episodes", "3")...)...)[logFile]
		require.NotContains(t, seen, log, "%q is like %q", args, seen[log])
		seen[log] = "another"
	}
}

func TestCreditOfAResumedRun(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	require.NoError(t, learn(t, context.Background(), io.Discard, onCredit("--out", "run", "--episodes", "3")...))
	require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", "run", "--credit", "fa", "--credit-config", `{ "scale": 2.0 }`, "--episodes", "4"))
	for flag, want := range map[string]string{
		"--credit=dfa":                "--credit dfa: the run in run has fa, which can't be changed",
		`--credit-config={"scale":3}`: `--credit-config {"scale":3}: the run in run has {"scale":2}, which can't be changed`,
		`--credit-config={"std":3}`:   `unknown field "std"`,
		"--loss=squared-error":        "--loss squared-error: the run in run has the default, which can't be changed",
		"--credit=":                   "--credit: want the name of a credit rule, got nothing",
	} {
		clitest.RequireRefused(t, Run, want, "--resume", "run", "--episodes", "9", flag)
	}
	require.NoError(t, learn(t, context.Background(), io.Discard, small("--out", "plain", "--episodes", "3")...))
	clitest.RequireRefused(t, Run, "--credit fa: the run in plain has the default", "--resume", "plain", "--credit", "fa")
}

func TestCreditRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	for _, c := range []struct {
		want string
		args []string
	}{
		{`--credit: credit: no rule "blame"; there are backprop, fa, `, onCredit("--credit", "blame")},
		{`unknown field "size"`, onCredit("--credit-config", `{"size":2}`)},
		{"scale is -1, want a number above 0", onCredit("--credit-config", `{"scale":-1}`)},
		{`no loss "hinge"`, onCredit("--loss", "hinge")},
		{"--exact: not with --credit", onCredit("--exact")},
		{"catalog: quadratic: does not take credit", []string{"--problem", "quadratic", "--credit", "fa"}},
		{"--credit-config: these are the settings of a --credit rule, and there is none", []string{"--credit-config", "{}"}},
		{"--credit: want the name of a credit rule, got nothing", []string{"--credit="}},
	} {
		clitest.RequireRefused(t, Run, c.want, c.args...)
	}
}
