package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/cmd/internal/clitest"
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
		require.Equal(t, []int{c.steps, c.runs, c.tuneOn, c.contenders}, []int{got.Steps, got.Runs, got.TuningRuns, len(got.Contenders)}, "%q", c.args)
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
	clitest.RequireRefused(t, Run, "--plot: no curve runs through one point; want at least 2 --steps, got 1", small("--steps", "1", "--plot", "p.svg")...)
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
	require.ErrorContains(t, Run(context.Background(), append(args, "--json", "-"), &out, full{}), "no space left", "the table is part of it")
	require.True(t, json.Valid(out.Bytes()))
}
