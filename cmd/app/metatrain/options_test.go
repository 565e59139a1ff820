package metatrain

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/learnedopt"
)

// A run ends after the time, the episodes and the outer steps that were given. If none were it ends after two minutes, or for
// lives after 80 generations, or 100 outer steps for each length of episodes.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		args     []string
		budget   time.Duration
		episodes int
		outer    int
	}{
		{nil, 2 * time.Minute, 0, 0},
		{[]string{"--episodes", "3"}, 0, 3, 0},
		{[]string{"--budget", "90s"}, 90 * time.Second, 0, 0},
		{[]string{"--budget", "1h30m", "--episodes", "7"}, 90 * time.Minute, 7, 0},
		{[]string{"--generations", "5"}, 0, 0, 5},
		{[]string{"--problem", "boolean", "--rule", "bengio7"}, 0, 0, 400},
		{[]string{"--problem", "boolean", "--rule", "bengio7", "--curriculum", "120"}, 0, 0, 200},
		{[]string{"--problem", "boolean", "--rule", "bengio7", "--learner", "es"}, 0, 0, 80},
		{[]string{"--problem", "boolean", "--rule", "bengio7", "--learner", "es", "--budget", "3s"}, 3 * time.Second, 0, 0},
	} {
		o := parsed(t, c.args...)
		settings, err := newSettings(o)
		require.NoError(t, err)
		s := session{settings: settings}
		s.limit(o)
		require.Equal(t, c.budget, s.budget, "%q", c.args)
		require.Equal(t, c.episodes, s.episodes, "%q", c.args)
		require.Equal(t, c.outer, s.outer, "%q", c.args)
	}
}

// A run goes where it is told to, else back to where it was resumed from, else into a folder named after what it learns.
func TestWhereRunsGo(t *testing.T) {
	for want, args := range map[string][]string{
		"runs/mnist8-lstm-1":     nil,
		"runs/quadratic-adam-7":  {"--problem", "quadratic", "--rule", "adam", "--seed", "7"},
		"runs/mnist8-fa-lstm-1":  {"--credit", "fa"},
		"here":                   {"--out", "here", "--seed", "3"},
		"there":                  {"--resume", "there"},
		"elsewhere":              {"--resume", "there", "--out", "elsewhere"},
		"runs/mnist8-lstm-12345": {"--seed", "12345", "--episodes", "1"},
	} {
		o := parsed(t, args...)
		s, err := newSettings(o)
		require.NoError(t, err)
		require.Equal(t, want, o.out(s), "%q", args)
	}
}

// The seed is that of the training too, and not only of the start and of validation: from one rule, two seeds learn two, and
// the same seed the same.
func TestSeedOfTraining(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, learn(t, context.Background(), io.Discard, small("--episodes", "1", "--out", "first")...))
	phi := func(seed, out string) []float32 {
		args := small("--from", "first/"+optimizerFile, "--keep", "last", "--episodes", "2", "--seed", seed, "--out", out)
		require.NoError(t, learn(t, context.Background(), io.Discard, args...))
		trained, err := learnedopt.Load(out + "/" + optimizerFile)
		require.NoError(t, err)
		return trained.Phi
	}
	one := phi("1", "one")
	require.Equal(t, one, phi("1", "again"))
	require.NotEqual(t, one, phi("2", "two"))
}

// An empty name is likely a variable that is not set.
func TestEmptyNames(t *testing.T) {
	t.Chdir(t.TempDir())
	for flag, want := range map[string]string{
		"data": "a folder", "out": "a folder", "resume": "a folder", "from": "a file", "credit": "a credit rule",
	} {
		clitest.RequireRefused(t, Run, "--"+flag+": want the name of "+want+", got nothing", "--"+flag+"=", "--episodes", "1")
	}
}

// Too little memory is put down to the flags that were given and that decide how much it takes, as they were written.
func TestSizes(t *testing.T) {
	words := func(args ...string) (list []string) {
		for _, g := range parsed(t, args...).sizes() {
			list = append(list, g.String())
		}
		return list
	}
	require.Equal(t,
		[]string{"--hidden 5,4", "--batch 7", `--credit-config {"scale":3}`, `--rule-config {"hidden":6}`, "--horizon 9", "--window 3", "--copies 2"},
		words("--copies", "2", "--window", "3", "--horizon", "9", "--batch", "7", "--hidden", "5,4", "--credit", "fa", "--credit-config", `{"scale":3}`,
			"--rule-config", `{"hidden":6}`, "--seed", "4", "--every", "5", "--data", "x"))
	require.Empty(t, words("--seed", "4"), "a default is nobody's doing")
	require.Equal(t, []string{"--horizon 100"}, words("--horizon", "100"), "but is if it was said")
}
