package compare

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

// onSuite is a comparison on a suite that takes no time.
func onSuite(args ...string) []string {
	return append([]string{
		"--suite", "quick", "--problems", "rosenbrock,diabetes-mlp", "--steps-fraction", "0.05", "--runs", "2", "--tune-runs", "1",
	}, args...)
}

// suiteReport is the JSON that other tools read.
type suiteReport struct {
	Suite, Track string
	Seed         uint64
	Problems     []struct {
		Name    string
		Steps   int
		Results []struct {
			Name, Kind, Setting string
			Hyper               map[string]any
			Train, Test         struct{ Mean, StdErr *float64 }
			Diverged            *int
			USPerStep           *float64 `json:"us_per_step"`
		}
	}
	Aggregate []struct {
		Name string
		IQM  struct{ Value, Low, High *float64 } `json:"iqm_ratio"`
		Wins map[string]int
	}
}

func readSuite(t *testing.T, path string) (r suiteReport) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &r))
	return r
}

// All kinds of optimizers are held against the tuned Adam, and everything that was asked for is written.
func TestSuite(t *testing.T) {
	t.Chdir(t.TempDir())
	writeRule(t, "rule.safetensors")
	stdout, _ := clitest.MustRun(t, Run, onSuite("--optimizer", `adam,prodigy,rule.safetensors,lion:{"lr":0.01}`, "--seed", "4", "--progress", "off",
		"--json", "r.json", "--plot", "p.svg", "--report", "r.html")...)
	require.Contains(t, stdout, "0.05 of the steps of suite quick, track default, 2 runs, seed 4;")
	require.Contains(t, stdout, "over 1 problem\n")
	r := readSuite(t, "r.json")
	require.Equal(t, [2]string{"quick", "default"}, [2]string{r.Suite, r.Track})
	require.EqualValues(t, 4, r.Seed)
	require.Len(t, r.Problems, 2)
	require.Equal(t, 25, r.Problems[0].Steps)
	for i, want := range [][2]string{
		{"tuned-adam", "reference"}, {"adam", "baseline"}, {"prodigy", "baseline"}, {"rule.safetensors", "learned"}, {"lion", "configured"},
	} {
		x := r.Problems[1].Results[i]
		require.Equal(t, want, [2]string{x.Name, x.Kind})
		require.NotNil(t, x.Diverged)
		require.NotNil(t, x.USPerStep)
		require.Equal(t, want[0], r.Aggregate[i].Name)
		require.Len(t, r.Aggregate[i].Wins, 4)
	}
	require.Equal(t, 0.001, r.Problems[0].Results[1].Hyper["lr"])
	require.Equal(t, 0.01, r.Problems[0].Results[4].Hyper["lr"])
	require.FileExists(t, "p.svg")
	require.FileExists(t, "r.html")
}

// Adam is what is measured if nobody says what; with a track it is tuned.
func TestSuiteTracks(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range [][]string{{"--track", "single"}, {"--track", "tuned", "--trials", "3"}} {
		clitest.MustRun(t, Run, onSuite(append(args, "--json", "r.json", "--progress", "off")...)...)
		r := readSuite(t, "r.json")
		require.Equal(t, args[1], r.Track)
		require.Equal(t, "adam", r.Problems[0].Results[1].Name)
		require.NotEmpty(t, r.Problems[0].Results[1].Setting)
	}
}

// Where all was tuned before, the same settings are measured again, and on other runs if the seed is another.
func TestSuiteEarlier(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.MustRun(t, Run, onSuite("--track", "single", "--optimizer", "sgd,adam", "--json", "a.json", "--progress", "off")...)
	_, stderr := clitest.MustRun(t, Run,
		onSuite("--track", "single", "--optimizer", "sgd,adam", "--seed", "2", "--earlier", "a.json", "--json", "b.json", "--progress", "plain")...)
	require.NotContains(t, stderr, "tuning")
	a, b := readSuite(t, "a.json"), readSuite(t, "b.json")
	for i, p := range a.Problems {
		for k, r := range p.Results {
			require.Equal(t, r.Setting, b.Problems[i].Results[k].Setting)
			require.NotEqual(t, *r.Train.Mean, *b.Problems[i].Results[k].Train.Mean)
		}
	}
}

func TestSuiteRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteFile(t, "x.html", "")
	clitest.WriteFile(t, "y.json", "{}")
	clitest.WriteFile(t, "z.json", `{"suite":"unroll12","problems":[{}]}`)
	for _, c := range []struct {
		want string
		args []string
	}{
		{`no suite "slow"; there are unroll12, unroll12-long, quick, perceptrons`, []string{"--suite", "slow"}},
		{"--suite: want one of unroll12, unroll12-long, quick, perceptrons, got nothing", []string{"--suite", ""}},
		{"--track: want one of default, single, tuned, got nothing", onSuite("--track", "")},
		{`no track "best"; there are default, single, tuned`, onSuite("--track", "best")},
		{"only the track tuned has any", onSuite("--trials", "3")},
		{"21 trials; want 1 to 20", onSuite("--track", "tuned", "--trials", "21")},
		{"a fraction of 2 of the steps; want more than 0 and at most 1", []string{"--suite", "quick", "--steps-fraction", "2"}},
		{`no problem "x" in quick; there are mnist-mlp, `, []string{"--suite", "quick", "--problems", "x"}},
		{`two optimizers are called "adam"`, onSuite("--optimizer", "adam,adam")},
		{"hebb on rosenbrock", onSuite("--optimizer", "hebb")},
		{"--problem: not with --suite", onSuite("--problem", "quadratic")},
		{"--steps: not with --suite", onSuite("--steps", "3")},
		{"--schedules: not with --suite", onSuite("--schedules", "linear")},
		{"--credit: not with --suite", onSuite("--credit", "fa")},
		{"--hidden: not with --suite", onSuite("--hidden", "3")},
		{"--data: not with --suite", onSuite("--data", ".")},
		{"--track: only with --suite", small("--track", "default")},
		{"--trials: only with --suite", small("--trials", "2")},
		{"--problems: only with --suite", small("--problems", "rosenbrock")},
		{"--steps-fraction: only with --suite", small("--steps-fraction", "0.5")},
		{"--earlier: only with --suite", small("--earlier", "x.json")},
		{"--earlier: stat x.json", onSuite("--earlier", "x.json")},
		{"--earlier: y.json: suite: not the report of a comparison on a suite", onSuite("--earlier", "y.json")},
		{`the earlier comparison is of "unroll12"; want one of quick`, onSuite("--earlier", "z.json")},
		{"--report: y.txt: want a file name ending in .html", onSuite("--report", "y.txt")},
		{"--report: x.html: --json writes to the same file", onSuite("--json", "x.html", "--report", "x.html")},
	} {
		clitest.RequireRefused(t, Run, c.want, c.args...)
	}
}
