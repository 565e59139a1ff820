package metagrad

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

// TestMain lets the test binary stand in for the command.
func TestMain(m *testing.M) {
	if os.Getenv("METAGRAD_TEST_MAIN") != "" {
		Main()
		return
	}
	goleak.VerifyTestMain(m)
}

// small is a study that takes no time.
func small(args ...string) []string {
	return append([]string{"--draws", "6", "--horizons", "4,8", "--estimators", `bptt/2,bptt{"exact":true},es{"pairs":2},pes/2{"pairs":2}`, "--progress", "off"}, args...)
}

// report is the JSON that other tools read.
type report struct {
	Problem, Rule, Truth string
	Seed                 uint64
	Horizons             []int
	Truths               []struct {
		Horizon  int
		Norm     float64
		Gradient []float64
	}
	Results []struct {
		Name     string
		Horizon  int
		Bias     *float64
		Noise    *float64 `json:"bias_noise"`
		Variance *float64
		Cosine   *float64
		Seconds  *float64
		Mean     []float64
		Steps    int
		SNRSteps *float64 `json:"snr_steps"`
	}
}

func read(t *testing.T, name string) (r report) {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &r))
	return r
}

// Law: table, JSON and picture are of one study: exact backpropagation is without bias and variance, and the seed names all but times.
func TestStudy(t *testing.T) {
	t.Chdir(t.TempDir())
	table, _ := clitest.MustRun(t, Run, small("--json", "a.json", "--plot", "a.png", "--workers", "1")...)
	require.Contains(t, table, "momentum on quadratic, seed 1, 2 × 6 draws: horizon 4, |truth| ")
	require.Contains(t, table, "horizon 8, |truth| ")
	require.Regexp(t, `(?m)^bptt\{"exact":true\} +0 +0 +0 +0 +1\.000 `, table)
	r := read(t, "a.json")
	require.Equal(t, "exact", r.Truth)
	require.Equal(t, []int{4, 8}, r.Horizons)
	require.Len(t, r.Results, 8)
	for _, x := range r.Results {
		exact := strings.Contains(x.Name, "exact")
		require.Equal(t, exact, *x.Bias == 0, x.Name)
		require.Equal(t, strings.HasPrefix(x.Name, "bptt"), *x.Variance == 0, x.Name)
		require.Len(t, x.Mean, 2)
	}
	f, err := os.Open("a.png")
	require.NoError(t, err)
	defer f.Close()
	_, err = png.Decode(f)
	require.NoError(t, err)

	clitest.MustRun(t, Run, small("--json", "b.json", "--plot", "b.svg", "--workers", "3")...)
	clitest.MustRun(t, Run, small("--json", "c.json", "--seed", "2")...)
	times := regexp.MustCompile(`"(snr_)?seconds": .*`)
	text := func(name string) string {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		return times.ReplaceAllString(string(b), "")
	}
	require.Equal(t, text("a.json"), text("b.json"))
	require.NotEqual(t, text("a.json"), text("c.json"))
	svg, err := os.ReadFile("b.svg")
	require.NoError(t, err)
	require.True(t, bytes.Contains(svg, []byte("<svg")))
}

// Law: what other flags say is heeded: differences are what exact backpropagation is; the first order is another truth, and so is another
// objective or meta-loss; a learned rule is measured where it is.
func TestTruths(t *testing.T) {
	t.Chdir(t.TempDir())
	gradient := func(args ...string) report {
		args = append([]string{"--draws", "2", "--episodes", "1", "--horizons", "5", "--estimators", "es", "--json", "r.json", "--progress", "off"}, args...)
		clitest.MustRun(t, Run, args...)
		return read(t, "r.json")
	}
	exact := gradient().Truths[0].Gradient
	differences := gradient("--truth", "differences", "--difference-step", "0.003")
	require.Equal(t, "differences", differences.Truth)
	require.InDeltaSlice(t, exact, differences.Truths[0].Gradient, 1e-3*differences.Truths[0].Norm)
	seen := [][]float64{exact}
	for _, args := range [][]string{
		{"--truth", "bptt"}, {"--objective", "last"}, {"--objective", "min", "--rule-config", `{"lr":0.02}`}, {"--meta-loss", `{"log":true}`}, {"--copies", "2"}, {"--seed", "3"},
		{"--problem", "quadratic-uniform"}, {"--rule-config", `{"lr":0.003}`},
	} {
		g := gradient(args...).Truths[0].Gradient
		require.NotContains(t, seen, g, "%q", args)
		seen = append(seen, g)
	}
	learned := gradient("--from", "lstm-mnist8", "--truth", "bptt", "--estimators", "bptt,bptt/2")
	require.Equal(t, "lstm", learned.Rule)
	require.Zero(t, *learned.Results[0].Bias)
	require.NotZero(t, *learned.Results[1].Bias)
}

func TestRefusals(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteFile(t, "here.json", "{}")
	for want, args := range map[string][]string{
		`--estimators: lab: no estimator "cubic"; want one of bptt, es, truncated-es, pes, nres, gpes`: {"--estimators", "cubic"},
		`--estimators: lab: "pes{\"pears\":1}": es: configuration of "pes": json: unknown field`:       {"--estimators", `pes{"pears":1}`},
		"--estimators: lab: pes/3: a window of 3 steps does not divide the horizon, 10":                {"--estimators", "pes/3"},
		"--truth true: want one of auto, exact, bptt, differences":                                     {"--truth", "true"},
		"--objective sum: want one of mean, last, min":                                                 {"--objective", "sum"},
		"--estimators: lab: bptt/5: the objective last is of whole episodes":                           {"--objective", "last"},
		"--copies: not with --objective min":                                                           {"--objective", "min", "--copies", "2"},
		"--difference-step: with --truth differences alone, and it is exact":                           {"--difference-step", "0.1"},
		"--draws: want 2 or more, for a variance":                                                      {"--draws", "1"},
		"--rule: not with --from, which says the rule":                                                 {"--rule", "adam", "--from", "lstm-mnist8"},
		"--from: want the name of a file, got nothing":                                                 {"--from="},
		"--data: want the name of a folder, got nothing":                                               {"--data="},
		`--rule: learnedopt: unknown rule "cubic"`:                                                     {"--rule", "cubic"},
		`no problem "cubic"`:                                 {"--problem", "cubic"},
		"quadratic: does not take hidden":                    {"--hidden", "3"},
		"--meta-loss: meta: meta-loss: json: unknown field":  {"--meta-loss", `{"lag":true}`},
		"--json: nowhere/a.json: cannot write to its folder": {"--json", "nowhere/a.json"},
		"--plot: a.txt: want a file name ending in .png or":  {"--plot", "a.txt"},
		"--plot: a.png: it is the file of --json":            {"--plot", "a.png", "--json", "a.png"},
		"--truth: meta: the exact meta-gradient needs":       {"--truth", "exact", "--problem", "mnist8", "--credit", "fa"},
	} {
		clitest.RequireRefused(t, Run, want, append(args, "--progress", "off")...)
	}
}

// Law: a study that is interrupted says so, and leaves nothing.
func TestInterrupted(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := Run(ctx, small("--json", "a.json"), io.Discard, io.Discard)
	require.ErrorIs(t, err, context.Canceled)
	require.NoFileExists(t, "a.json")
}
