package metatrain

import (
	"context"
	"errors"
	"io"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

// A rate that settles over the episodes of a run is one that falls along a cosine over as many.
func TestSettle(t *testing.T) {
	cosine := learned(t, small("--episodes", "6", "--cosine", "6")...)
	settled := learned(t, small("--episodes", "6", "--settle")...)
	require.Equal(t, cosine[logFile], settled[logFile])
	require.NotEqual(t, learned(t, small("--episodes", "6")...)[logFile], settled[logFile])
}

// Of a budget it is found out how many episodes it is enough for; with that number the run can be made again, and a run that was stopped
// goes on to the same end.
func TestSettleInABudget(t *testing.T) {
	dir := t.TempDir()
	_, stderr := clitest.MustRun(t, Run, small("--budget", "300ms", "--settle", "--out", dir+"/a", "--progress", "plain")...)
	n := regexp.MustCompile(`the outer rate falls to nothing over (\d+) episodes, as many as 300ms are found`).FindStringSubmatch(stderr)
	require.NotNil(t, n, stderr)
	require.Equal(t, learned(t, small("--episodes", n[1], "--settle")...)[logFile], clitest.Tree(t, dir+"/a")[logFile])
	require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", dir+"/a"))
	require.Equal(t, learned(t, small("--episodes", n[1], "--settle")...)[logFile], clitest.Tree(t, dir+"/a")[logFile], "it had come to its end")
}

// What takes long in the beginning does not count; what takes longer than there is time for counts as it is.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		took  []int // seconds of each call, the last one's for all others too
		limit int
		want  float64 // of each of the three that a call does
		calls int
	}{
		{[]int{30, 10, 9, 3}, 100, 1, 20},
		{[]int{3}, 12, 1, 4},
		{[]int{60, 3}, 50, 20, 1},
		{[]int{26, 60, 3}, 50, 20, 2},
		{[]int{0, 10, 3}, 20, 1, 6},
	} {
		at, calls := time.Unix(5, 0), 0
		got, err := pace(func() time.Time { return at }, time.Duration(c.limit)*time.Second, func() (int, error) {
			at = at.Add(time.Duration(c.took[min(calls, len(c.took)-1)]) * time.Second)
			calls++
			return 3, nil
		})
		require.NoError(t, err)
		require.InDelta(t, c.want, got, 1e-9, c.took)
		require.Equal(t, c.calls, calls, c.took)
	}
	wrong := errors.New("wrong")
	_, err := pace(time.Now, time.Hour, func() (int, error) { return 0, wrong })
	require.ErrorIs(t, err, wrong)
}

// The number of episodes is what the time after the trial is enough for, validations included, and never none.
func TestAffordable(t *testing.T) {
	c := costs{episode: 0.01, validation: 0.5, trial: 2}
	require.Equal(t, 666, c.affordable(12*time.Second, settings{Every: 100})) // 10 s of 10 + 5 ms
	require.Equal(t, 1, c.affordable(time.Second, settings{Every: 100}))
	require.Contains(t, c.String(), "10 ms an episode, 500 ms a validation, tried for 2.0 s")
}

// Who stops the command while it finds out how much a budget is enough for need not wait, and nothing is written.
func TestSettleIsCutShort(t *testing.T) {
	dir := t.TempDir() + "/run"
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, Run(ctx, small("--budget", "10h", "--settle", "--out", dir), io.Discard, io.Discard), context.Canceled)
	require.NoDirExists(t, dir)
}

// What a recipe says counts where nothing else does, and runs as the same flags would.
func TestRecipe(t *testing.T) {
	t.Chdir(t.TempDir())
	recipe := "problem: quadratic\nrule: momentum\nhorizon: 6\nwindow: 3\ncopies: 1\nevery: 3\nepisodes: 5\n"
	require.NoError(t, os.WriteFile("r.yaml", []byte(recipe), 0o600))
	flags := []string{"--problem", "quadratic", "--rule", "momentum", "--horizon", "6", "--window", "3", "--copies", "1", "--every", "3"}
	require.Equal(t, learned(t, append(flags, "--episodes", "5")...), learned(t, "--recipe", "r.yaml"))
	require.Equal(t, learned(t, append(flags, "--episodes", "4")...), learned(t, "--recipe", "r.yaml", "--episodes", "4"))
	require.NoError(t, os.WriteFile("c.yaml", []byte("recipe: r.yaml\nepisodes: 3\n"), 0o600))
	require.Equal(t, learned(t, append(flags, "--episodes", "3")...), learned(t, "--config", "c.yaml"))
	t.Setenv("UNROLL_RECIPE", "r.yaml")
	require.Equal(t, learned(t, append(flags, "--episodes", "2")...), learned(t, "--episodes", "2"))
}

// The embedded recipes are in order.
func TestEmbeddedRecipes(t *testing.T) {
	for _, name := range recipeNames() {
		dir := t.TempDir()
		err := learn(t, context.Background(), io.Discard, "--recipe", name, "--episodes", "1", "--horizon", "60", "--estimator-config", `{"pairs":1}`,
			"--out", dir+"/run")
		require.NoError(t, err)
	}
}

func TestRecipeRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("bad.yaml", []byte("horizont: 6\n"), 0o600))
	require.NoError(t, os.WriteFile("deep.yaml", []byte("recipe: bad.yaml\n"), 0o600))
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--recipe: none: no such file or directory; recipes that come with the program: broad, general", []string{"--recipe", "none"}},
		{"--recipe: want the name of a recipe, got nothing", []string{"--recipe="}},
		{`bad.yaml:1: unknown key "horizont", did you mean "horizon"?`, []string{"--recipe", "bad.yaml"}},
		{`deep.yaml:1: unknown key "recipe"`, []string{"--recipe", "deep.yaml"}},
		{"--settle: not for lives", []string{"--problem", "boolean", "--settle", "--rule", "delta"}},
		{"--settle: not with --learner ga", []string{"--learner", "ga", "--settle", "--rule", "momentum", "--problem", "quadratic"}},
	} {
		clitest.RequireRefused(t, Run, c.want, c.args...)
	}
}
