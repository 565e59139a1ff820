package compare

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/plastic"
)

// lived is what the tests look at of the JSON.
type lived struct {
	Steps   int
	Runs    int
	Results []struct {
		Name     string
		Solved   *struct{ Mean, StdErr float64 }
		Reward   *struct{ Mean, StdErr float64 }
		Transfer *struct{ Mean, StdErr float64 }
	}
}

func compareLives(t *testing.T, args ...string) lived {
	t.Helper()
	stdout, _ := clitest.MustRun(t, Run, append(args, "--progress", "off", "--json", "-")...)
	var r lived
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	return r
}

// Lives are as long as the problem has them, 200 of them with the baselines that see what synapses feel, unless the flags say
// otherwise; and it is told how many solve their task, and how many those of another size do.
func TestLives(t *testing.T) {
	r := compareLives(t, "--problem", "boolean", "--tune-runs", "2")
	require.Equal(t, [2]int{120, 200}, [2]int{r.Steps, r.Runs})
	require.Len(t, r.Results, 3)
	for i, want := range []struct {
		name             string
		solved, transfer float64
	}{{"static", 0.1, 0.02}, {"hebb", 0.1, 0.02}, {"delta", 1, 0.9}} {
		x := r.Results[i]
		require.Equal(t, want.name, x.Name)
		require.InDelta(t, want.solved, x.Solved.Mean, 0.11, want.name)
		require.InDelta(t, want.transfer, x.Transfer.Mean, 0.11, want.name)
		require.Nil(t, x.Reward)
	}
	r = compareLives(t, "--problem", "association", "--optimizer", "static", "--runs", "40", "--steps", "60")
	require.InDelta(t, 0.5, r.Results[0].Reward.Mean, 0.1)
	require.InDelta(t, 0.5, r.Results[0].Transfer.Mean, 0.1)
	require.Nil(t, r.Results[0].Solved)
	require.Nil(t, compareLives(t, "--problem", "quadratic", "--optimizer", "sgd", "--runs", "2", "--tune-runs", "1").Results[0].Transfer)
}

// What is held out is what the learned rules say they were not learned on; where they disagree it must be said.
func TestHeldOutTasks(t *testing.T) {
	t.Chdir(t.TempDir())
	save := func(name, seed, tasks string) string {
		p := map[string]string{"problem": "boolean", "seed": seed}
		if tasks != "" {
			p["tasks"] = tasks
		}
		require.NoError(t, (&learnedopt.Trained{Rule: new(plastic.Delta), Phi: learnedopt.Phi(new(plastic.Delta), 0), Provenance: p}).Save(name))
		return name
	}
	one, other, few := save("one.safetensors", "5", ""), save("other.safetensors", "6", ""), save("few.safetensors", "5", "2")
	short := []string{"--problem", "boolean", "--runs", "14", "--tune-runs", "1"}
	clitest.MustRun(t, Run, append(short, "--optimizer", one+",static", "--progress", "off")...)
	clitest.MustRun(t, Run, append(short, "--optimizer", one+","+other, "--tasks", "8", "--progress", "off")...)
	clitest.RequireRefused(t, Run, "--optimizer: other.safetensors was learned on the default number of tasks of seed 6, and another rule on "+
		"the default number of tasks of seed 5: which are held out? Say --tasks, and their --seed", append(short, "--optimizer", one+","+other)...)
	clitest.RequireRefused(t, Run, "which are held out?", append(short, "--optimizer", one+","+few)...)
	clitest.RequireRefused(t, Run, "which is no number", append(short, "--optimizer", save("odd.safetensors", "x", ""))...)
	clitest.RequireRefused(t, Run, "which is no number", append(short, "--optimizer", save("odd.safetensors", "1", "x"))...)
	clitest.RequireRefused(t, Run, "15 tasks to learn on; want 1..14", append(short, "--tasks", "15")...)
	clitest.RequireRefused(t, Run, "does not take tasks", "--problem", "mnist8", "--tasks", "3")
}
