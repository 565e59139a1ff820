package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/eval"
)

func parsed(t *testing.T, args ...string) options {
	t.Helper()
	var o options
	_, err := cli.Parse("compare", description, &o, args, io.Discard, io.Discard, vars())
	require.NoError(t, err, "%q", args)
	return o
}

// What nobody says: few runs on networks, many where they cost next to nothing, and what is said counts.
func TestDefaults(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	for _, c := range []struct {
		args                 []string
		steps, runs, tuneOn  int
		problem              string
		seed                 uint64
		contenders, underOne int
	}{
		{[]string{"--problem", "quadratic"}, 100, 20, 100, "quadratic", 1, len(eval.Baselines()), 0},
		{[]string{"--data", "images", "--batch", "4"}, 100, 20, 10, "mnist8", 1, len(eval.Baselines()), 0},
		{[]string{"--problem", "logistic8", "--data", "images", "--batch", "4"}, 100, 20, 10, "logistic8", 1, len(eval.Baselines()), 0},
		{small("--seed", "3", "--optimizer", "adam,sgd"), 11, 4, 2, "quadratic", 3, 2, 0},
		{[]string{"--data", "images", "--batch", "4", "--credit", "fa", "--tune-runs", "7"}, 100, 20, 7, "mnist8", 1, len(eval.Baselines()), 1},
	} {
		got, err := parsed(t, c.args...).comparison()
		require.NoError(t, err, "%q", c.args)
		want := []int{c.steps, c.runs, c.tuneOn, c.contenders}
		require.Equal(t, want, []int{got.Steps, got.Runs, got.TuningRuns, len(got.Contenders)}, "%q", c.args)
		require.Equal(t, c.problem, got.Problem)
		require.Equal(t, c.seed, got.Seed)
		require.Zero(t, got.Epochs)
		require.Len(t, got.Tasks, 1)
		require.Equal(t, c.underOne == 1, got.Tasks[0].Credit != "")
	}

	got, err := parsed(t, crossed()...).crossing()
	require.NoError(t, err)
	require.Equal(t, []int{3, 1, 0, 0, 1}, []int{got.Epochs, got.Runs, got.Steps, got.TuningRuns, len(got.Contenders)})
	require.Equal(t, "adam", got.Contenders[0].Name)
	require.Zero(t, got.LR)
	require.Len(t, got.Tasks, 2)
	got, err = parsed(t, crossed("--lr", "0.25", "--runs", "5", "--optimizer", "sgd,nag", "--seed", "9")...).crossing()
	require.NoError(t, err)
	require.Equal(t, 0.25, got.LR)
	require.Equal(t, []any{5, uint64(9), "sgd", "nag"}, []any{got.Runs, got.Seed, got.Contenders[0].Name, got.Contenders[1].Name})
}

// Two steps are a line, one is none.
func TestStepsOfACurve(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.MustRun(t, Run, small("--optimizer", "sgd", "--steps", "2", "--plot", "p.png")...)
	require.FileExists(t, "p.png")
	clitest.RequireRefused(t, Run, "--plot: no curve runs through one point; want at least 2 --steps, got 1",
		small("--steps", "1", "--plot", "p.svg")...)
	clitest.MustRun(t, Run, small("--optimizer", "sgd", "--steps", "1")...)
}

// The files come first and the table last, also where both go to one place.
func TestTableComesLast(t *testing.T) {
	var both bytes.Buffer
	require.NoError(t, Run(context.Background(), small("--optimizer", "sgd", "--json", "-", "--progress", "off"), &both, &both))
	d := json.NewDecoder(&both)
	var r report
	require.NoError(t, d.Decode(&r))
	require.Len(t, r.Results, 1)
	rest, err := io.ReadAll(io.MultiReader(d.Buffered(), &both))
	require.NoError(t, err)
	require.Contains(t, string(rest), "quadratic: 4 runs of 11 steps, seed 1\n")
}

// A full stream takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// What can't be written is an error, whatever it was, and the rest is written all the same.
func TestStreamsThatAreFull(t *testing.T) {
	var out bytes.Buffer
	args := small("--optimizer", "sgd", "--progress", "off")
	require.EqualError(t, Run(context.Background(), append(args, "--json", "-"), full{}, &out), "--json: no space left")
	require.Contains(t, out.String(), "quadratic: 4 runs of 11 steps", "the table")
	require.ErrorContains(t, Run(context.Background(), args, full{}, io.Discard), "no space left")
	out.Reset()
	err := Run(context.Background(), append(args, "--json", "-"), &out, full{})
	require.ErrorContains(t, err, "no space left", "the table is part of it")
	require.True(t, json.Valid(out.Bytes()))
}

// The help tells the learning rate that each baseline has if nobody gives it one.
func TestHelpTellsTheRates(t *testing.T) {
	stdout, _ := clitest.MustRun(t, Run, "--help")
	stdout = strings.Join(strings.Fields(stdout), " ")
	for _, want := range []string{
		"sgd 0.01, momentum 0.01, nag 0.01, rmsprop 0.01, adam 0.001, adamw 0.001",
		"backprop, fa, ", "cross-entropy", "quadratic", "lstm-mnist",
	} {
		require.Contains(t, stdout, want)
	}
}

// A picture needs one curve of two points that a logarithmic scale has room for.
func TestDrawable(t *testing.T) {
	inf, nan := meta.Number(math.Inf(1)), meta.Number(math.NaN())
	curves := func(list ...[]meta.Number) *eval.Report {
		r := new(eval.Report)
		for _, c := range list {
			r.Results = append(r.Results, eval.Result{Curve: c})
		}
		return r
	}
	good := []meta.Number{2, 1, inf}
	require.True(t, drawable(curves(good)))
	require.True(t, drawable(curves([]meta.Number{2, inf, 1}, good)))
	require.False(t, drawable(curves()))
	for _, bad := range [][]meta.Number{{2, inf, 1}, {inf, 2, 1}, {2, 0, 1}, {0, 2, 1}, {2, nan, 1}, {nan, 2, 1}, {-1, 2, 1}} {
		require.False(t, drawable(curves(bad)), "%v", bad)
		require.False(t, drawable(curves(bad, bad)), "%v", bad)
		require.True(t, drawable(curves(bad, good, bad)), "%v", bad)
	}
}

// A folder of data may get a new file, but none of its own is written over.
func TestOutputBesideTheData(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	args := func(out string) []string { return []string{"--data", "images", "--json", out} }
	require.NoError(t, parsed(t, args("images/new.json")...).checkOutputs())
	require.NoError(t, parsed(t, "--json", "images/train-labels-idx1-ubyte").checkOutputs(), "of another comparison")
	require.NoError(t, parsed(t, args("train-labels-idx1-ubyte")...).checkOutputs(), "elsewhere")
	clitest.RequireRefused(t, Run, "it is there already, in the folder of --data", args("./images/train-labels-idx1-ubyte")...)
	clitest.WriteFile(t, "images/p.png", "")
	clitest.RequireRefused(t, Run, "--plot: images/p.png: it is there already, in the folder of --data",
		"--data", "images", "--plot", "images/p.png")
	require.NoError(t, parsed(t, "--json", "-", "--plot", "p.png").checkOutputs())
	require.NoError(t, parsed(t, "--json", "r.png", "--plot", "p.png").checkOutputs())
}

// A name with a dot or a slash is a file's, of any other the error tells all that it could have been.
func TestNamesOfFiles(t *testing.T) {
	for _, name := range []string{"./adagrad", "adagrad.safetensors", "none/adagrad"} {
		_, err := contenders([]string{name})
		require.ErrorContains(t, err, "no such file")
		require.NotContains(t, err.Error(), "unknown baseline")
	}
	_, err := contenders([]string{"sgd", "adagrad"})
	require.ErrorContains(t, err, `--optimizer: eval: unknown baseline "adagrad"; want one of sgd, `)
	require.ErrorContains(t, err, "; or a learned rule: ")
	require.ErrorContains(t, err, "; or the file of one")
	require.True(t, embedded("adam"))
	require.True(t, embedded("lstm-mnist"))
	require.False(t, embedded("adagrad"))
	list, err := contenders([]string{"lstm-mnist", "adam"})
	require.NoError(t, err)
	require.NotNil(t, list[0].Learned)
	require.Nil(t, list[0].Baseline)
	require.Equal(t, "adam", list[1].Baseline.Name)
	require.Nil(t, list[1].Learned)
}

// Every flag of a problem comes through to it.
func TestFlagsOfProblems(t *testing.T) {
	o := parsed(t, "--hidden", "5,4", "--activation", "relu", "--loss", "squared-error", "--init", "lecun", "--batch", "7", "--data", "here",
		"--credit", "fa", "--credit-config", `{"scale":3}`)
	got, err := o.catalog()
	require.NoError(t, err)
	require.Equal(t, catalog.Options{
		Hidden: []int{5, 4}, Activation: "relu", Loss: "squared-error", Init: "lecun", Batch: 7, Data: "here",
		CreditConfig: json.RawMessage(`{"scale":3}`),
	}, got)
	got, err = parsed(t).catalog()
	require.NoError(t, err)
	require.Equal(t, catalog.Options{}, got)
}

// Too little memory is put down to the flags that were given and that decide how much it takes, as they were written.
func TestSizes(t *testing.T) {
	words := func(args ...string) (list []string) {
		for _, g := range parsed(t, args...).sizes() {
			if text := g.String(); text != "" {
				list = append(list, text)
			}
		}
		return list
	}
	require.Equal(t,
		[]string{"--hidden 5,4", "--batch 7", "--steps 9", "--runs 3", "--tune-runs 2", `--credit-config {"scale":3}`},
		words("--tune-runs", "2", "--runs", "3", "--steps", "9", "--batch", "7", "--hidden", "5,4", "--credit-config", `{"scale":3}`,
			"--seed", "4", "--data", "x"))
	require.Empty(t, words())
	require.Equal(t, []string{"--runs 3"}, words("--runs", "3", "--optimizer", "sgd"))
}
