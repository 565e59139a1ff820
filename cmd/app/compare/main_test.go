package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
)

// TestMain lets the test binary stand in for the command.
func TestMain(m *testing.M) {
	if os.Getenv("COMPARE_TEST_MAIN") != "" {
		Main()
		return
	}
	goleak.VerifyTestMain(m)
}

// writeRule writes a rule as cmd/metatrain does. It is an untrained one: how well it does is of no interest here.
func writeRule(t *testing.T, path string) {
	t.Helper()
	rule := &lstm.Rule{Hidden: 4, Layers: 1}
	trained := learnedopt.Trained{Rule: rule, Phi: learnedopt.Phi(rule, 1), Provenance: map[string]string{"problem": "quadratic"}}
	require.NoError(t, trained.Save(path))
}

// small is a comparison that takes no time.
func small(args ...string) []string {
	return append([]string{"--problem", "quadratic", "--steps", "11", "--runs", "4", "--tune-runs", "2"}, args...)
}

// report is the JSON that other tools read.
type report struct {
	Problem string
	Steps   int
	Runs    int
	Seed    uint64
	Results []result
}

type result struct {
	Name, Kind string
	Hyper      map[string]any
	Curve      []*float64
	Final, Sum struct{ Mean, StdErr *float64 }
	Diverged   *int
	USPerStep  *float64 `json:"us_per_step"`
}

func readReport(t *testing.T, path string) report {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var r report
	require.NoError(t, json.Unmarshal(text, &r))
	return r
}

// withoutTimes returns a report as text without its one measure of time.
func withoutTimes(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var r map[string]any
	require.NoError(t, json.Unmarshal(text, &r))
	for _, x := range r["results"].([]any) {
		delete(x.(map[string]any), "us_per_step")
	}
	text, err = json.Marshal(r)
	require.NoError(t, err)
	return string(text)
}

func TestReport(t *testing.T) {
	t.Chdir(t.TempDir())
	writeRule(t, "rule.safetensors")
	clitest.WriteFile(t, "r.json", "what was there before")
	stdout, _ := clitest.MustRun(t, Run, small("--optimizer", "rule.safetensors,adam,sgd", "--seed", "5", "--json", "r.json")...)
	require.Contains(t, stdout, "quadratic: 4 runs of 11 steps, seed 5\n")
	require.Contains(t, stdout, "\nrule.safetensors (learned) ")

	r := readReport(t, "r.json")
	require.Equal(t, []any{"quadratic", 11, 4, uint64(5)}, []any{r.Problem, r.Steps, r.Runs, r.Seed})
	require.Len(t, r.Results, 3, "in the order asked for")
	for i, want := range []result{
		{Name: "rule.safetensors", Kind: "learned"}, {Name: "adam", Kind: "baseline"}, {Name: "sgd", Kind: "baseline"},
	} {
		x := r.Results[i]
		require.Equal(t, want.Name, x.Name)
		require.Equal(t, want.Kind, x.Kind)
		require.Len(t, x.Curve, 11)
		sum := 0.0
		for _, loss := range x.Curve {
			require.Positive(t, *loss)
			sum += *loss
		}
		require.InEpsilon(t, sum, *x.Sum.Mean, 1e-9, "the sum of the means is the mean of the sums")
		require.Positive(t, *x.Sum.StdErr)
		require.Positive(t, *x.Final.Mean)
		require.Positive(t, *x.Final.StdErr)
		require.Zero(t, *x.Diverged)
		require.Positive(t, *x.USPerStep)
		require.Equal(t, *r.Results[0].Curve[0], *x.Curve[0], "all begin at the same weights")
	}
	require.EqualValues(t, 4, r.Results[0].Hyper["hidden"])
	require.Contains(t, []any{10., 3., 1., 0.3, 0.1, 0.03, 0.01}, r.Results[1].Hyper["lr"])
	require.Less(t, *r.Results[1].Final.Mean, *r.Results[1].Curve[0], "Adam learns")
}

func TestAllBaselinesByDefault(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.MustRun(t, Run, small("--json", "r.json")...)
	var names []string
	for _, x := range readReport(t, "r.json").Results {
		require.Equal(t, "baseline", x.Kind)
		names = append(names, x.Name)
	}
	require.Equal(t, []string{"sgd", "momentum", "nag", "rmsprop", "adam", "adamw"}, names)
}

func TestSameSeedSameReport(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	t.Chdir(t.TempDir())
	writeRule(t, "rule.safetensors")
	args := small("--optimizer", "rule.safetensors,nag")
	clitest.MustRun(t, Run, append(args, "--json", "one.json")...)
	runtime.GOMAXPROCS(4)
	clitest.MustRun(t, Run, append(args, "--json", "four.json")...)
	clitest.MustRun(t, Run, append(args, "--json", "other.json", "--seed", "2")...)
	clitest.WriteFile(t, "c.yaml", "problem: quadratic\nsteps: 11\nruns: 4\ntune-runs: 2\noptimizer: [rule.safetensors, nag]\njson: yaml.json\n")
	clitest.MustRun(t, Run, "--config", "c.yaml")
	one := withoutTimes(t, "one.json")
	require.Equal(t, one, withoutTimes(t, "four.json"), "on one processor and on four")
	require.Equal(t, one, withoutTimes(t, "yaml.json"), "flags or a file of flags")
	require.NotEqual(t, one, withoutTimes(t, "other.json"))
}

func TestPlot(t *testing.T) {
	t.Chdir(t.TempDir())
	writeRule(t, "rule.safetensors")
	for _, name := range []string{"p.png", "p.svg", "P.PNG"} {
		clitest.MustRun(t, Run, small("--optimizer", "rule.safetensors,sgd", "--plot", name)...)
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		if strings.HasSuffix(name, ".svg") {
			require.Contains(t, string(text), "<svg")
			require.Contains(t, string(text), "rule.safetensors")
			continue
		}
		picture, err := png.Decode(bytes.NewReader(text))
		require.NoError(t, err)
		require.Greater(t, picture.Bounds().Dx(), 300)
	}
}

// TestOtherProblem uses a rule on networks, which are nothing like what it may have been learned on: it sees one
// coordinate at a time.
func TestOtherProblem(t *testing.T) {
	t.Chdir(t.TempDir())
	writeRule(t, "rule.safetensors")
	clitest.WriteImages(t, "images")
	for _, args := range [][]string{
		{"--problem", "mnist8", "--hidden", "5,4", "--activation", "relu"},
		{"--problem", "logistic8"},
	} {
		clitest.MustRun(t, Run, append(args, "--data", "images", "--batch", "4", "--steps", "6", "--runs", "2",
			"--optimizer", "rule.safetensors", "--json", "r.json")...)
		require.Len(t, readReport(t, "r.json").Results[0].Curve, 6)
	}
}

// TestDivergence measures a rule that leaves the numbers behind at its first step.
func TestDivergence(t *testing.T) {
	t.Chdir(t.TempDir())
	rule := &handmade.SGD{LR: 1e38}
	require.NoError(t, (&learnedopt.Trained{Rule: rule, Phi: learnedopt.Phi(rule, 1)}).Save("rule.safetensors"))
	args := small("--optimizer", "rule.safetensors", "--json", "r.json")
	stdout, _ := clitest.MustRun(t, Run, args...)
	require.Regexp(t, `diverged +diverged +4 `, stdout)
	x := readReport(t, "r.json").Results[0]
	require.Equal(t, 4, *x.Diverged)
	require.NotNil(t, x.Curve[0])
	require.Nil(t, x.Curve[10])
	require.Nil(t, x.Final.Mean)

	var out bytes.Buffer
	err := Run(context.Background(), append(args, "--plot", "p.png"), &out, io.Discard)
	require.EqualError(t, err, "--plot: nothing to draw: every mean loss is infinite or 0 by the second step")
	require.Regexp(t, `diverged +diverged +4 `, out.String(), "the table is there all the same")
	require.NoFileExists(t, "p.png")
	clitest.MustRun(t, Run, append(args, "--optimizer", "rule.safetensors,sgd", "--plot", "p.png")...)
	require.FileExists(t, "p.png")
}

// TestInterrupt shows that a comparison that is stopped leaves the files of an earlier one alone.
func TestInterrupt(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteFile(t, "r.json", "{}")
	before := clitest.Tree(t, ".")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout bytes.Buffer
	require.ErrorIs(t, Run(ctx, small("--json", "r.json", "--plot", "p.png"), &stdout, io.Discard), context.Canceled)
	require.Empty(t, stdout.String())
	require.Equal(t, before, clitest.Tree(t, "."))
}

func TestProgress(t *testing.T) {
	_, stderr := clitest.MustRun(t, Run, small("--optimizer", "sgd", "--progress", "plain")...)
	require.Contains(t, stderr, "compare: 0%, sgd\n")
	_, stderr = clitest.MustRun(t, Run, small("--optimizer", "sgd", "--progress", "off")...)
	require.Empty(t, stderr)
}

func TestRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	writeRule(t, "rule.safetensors")
	text, err := os.ReadFile("rule.safetensors")
	require.NoError(t, err)
	clitest.WriteFile(t, "cut", string(text[:len(text)-3]))
	clitest.WriteFile(t, "empty.safetensors", "")
	text[len(text)-2] ^= 4
	clitest.WriteFile(t, "flipped.safetensors", string(text))
	require.NoError(t, (&checkpoints.File{Kind: "training"}).Save("train.safetensors"))
	require.NoError(t, checkpoints.SaveRule("unknown.safetensors", checkpoints.Rule{Name: "magic"}))
	require.NoError(t, checkpoints.SaveRule("other.safetensors", checkpoints.Rule{Name: "lstm"}))
	clitest.WriteFile(t, "file", "a file")
	clitest.WriteFile(t, "bad.yaml", "step: 3\n")
	clitest.WriteFile(t, "old.json", "{}")
	clitest.WriteFile(t, "magic.json", `{"name":"magic"}`)
	clitest.WriteFile(t, "null.json", "null")
	clitest.WriteFile(t, "folder.png/x", "")
	clitest.WriteImages(t, "images")
	clitest.WriteFile(t, "images/t10k-labels-idx1-ubyte", "no labels")

	for _, c := range []struct {
		want string
		args []string
	}{
		{`--problem: no problem "cubic"; there are quadratic, `, []string{"--problem", "cubic"}},
		{`prodigy, mechanic, static, hebb, delta; or a learned rule: general, lstm-`,
			small("--optimizer", "adagrad")},
		{"none.safetensors: no such file", small("--optimizer", "adam,none.safetensors", "--json", "old.json")},
		{"truncated", small("--optimizer", "cut")},
		{"empty.safetensors: bad format", small("--optimizer", "empty.safetensors")},
		{"damaged", small("--optimizer", "flipped.safetensors")},
		{`train.safetensors: wrong kind: the file is of kind "training", want "rule"`, small("--optimizer", "train.safetensors")},
		{`unknown.safetensors: learnedopt: unknown rule "magic"`, small("--optimizer", "unknown.safetensors")},
		{"other.safetensors: checkpoints: the saved rule \"lstm\" has another layout", small("--optimizer", "other.safetensors")},
		{"images: bad format: a folder, not a regular file", small("--optimizer", "images")},
		{`--optimizer: learnedopt: unknown rule "magic"`, small("--optimizer", `magic:{"lr":1}`)},
		{`--optimizer: learnedopt: configuration of rule "decay": unknown rule "adma"`, small("--optimizer", `decay:{"rule":"adma"}`)},
		{"--optimizer: learnedopt: sgd: lr is -1, want a number above 0", small("--optimizer", `adam,sgd:{"lr":-1}`)},
		{"none.json: no such file", small("--optimizer", "none.json")},
		{`magic.json: unknown rule "magic"`, small("--optimizer", "magic.json")},
		{"old.json: a rule inside of another has no name", small("--optimizer", "old.json")},
		{"null.json: a rule inside of another: want a JSON object", small("--optimizer", "null.json")},
		{`--schedules: eval: unknown schedule "step"; want one of constant, linear, cosine`, small("--schedules", "step")},
		{"--schedules: eval: schedule linear is named twice", small("--schedules", "linear,linear")},
		{"--schedules: not with --epochs, where nothing is tuned", crossed("--schedules", "linear")},
		{"--optimizer: want names", small("--optimizer=")},
		{"--optimizer: want names", small("--optimizer", "adam,,sgd")},

		{"quadratic: does not take data, hidden, activation, batch", small("--data", "images", "--hidden", "3", "--activation", "relu", "--batch", "2")},
		{"logistic: does not take hidden", []string{"--problem", "logistic", "--hidden", "3"}},
		{`no activation "step"`, []string{"--activation", "step"}},
		{"images: t10k-labels-idx1-ubyte: ", []string{"--data", "images"}},
		{"nowhere: ", []string{"--data", "nowhere"}},
		{"--data: want the name of a folder, got nothing", []string{"--data="}},

		{"--json: none/r.json: cannot write to its folder", small("--json", "none/r.json")},
		{"--json: file/r.json: not a directory", small("--json", "file/r.json")},
		{"--json: folder.png: want a file, but it is a folder", small("--json", "folder.png")},
		{"--json: want the name of a file to write, got nothing", small("--json=")},
		{"--plot: p.gif: want a file name ending in .png or .svg or .pdf", small("--plot", "p.gif", "--json", "old.json")},
		{"--plot: p: want a file name", small("--plot", "p")},
		{"--plot: file/p.png: not a directory", small("--plot", "file/p.png", "--json", "old.json")},
		{"--plot: folder.png: want a file", small("--plot", "folder.png")},
		{"--plot: no curve runs through one point", small("--plot", "p.png", "--steps", "1")},

		{"unknown flag --optimiser", []string{"--optimiser", "adam"}},
		{"unexpected argument adam", []string{"adam"}},
		{`bad.yaml:1: unknown key "step"`, []string{"--config", "bad.yaml"}},
		{"--steps: ", []string{"--steps", "0"}},
		{"--steps: ", []string{"--steps", "NaN"}},
		{"--runs: ", []string{"--runs", "-1"}},
		{"--tune-runs: ", []string{"--tune-runs", "1.5"}},
		{"--seed: ", []string{"--seed", "-1"}},
		{"--hidden: ", []string{"--hidden", "20,-1"}},
		{"--batch: ", []string{"--batch", "0"}},
	} {
		clitest.RequireRefused(t, Run, c.want, c.args...)
	}
}

func TestHelp(t *testing.T) {
	stdout, _ := clitest.MustRun(t, Run, "--help")
	require.Contains(t, strings.Join(strings.Fields(stdout), " "), "sgd, momentum, nag, rmsprop, adam, adamw")
}
