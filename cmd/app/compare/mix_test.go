package compare

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/meta/eval"
)

// On a mix every network that it holds out has rows of its own, and a panel.
func TestMix(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	mix := "of: [{name: a, side: [4]}]\ntest: [{name: b, side: [4], hidden: [2], batch: [3]}, {name: c, side: [7], hidden: [3], batch: [4]}]"
	require.NoError(t, os.WriteFile("mix.yaml", []byte(mix), 0o600))
	args := []string{"--problem", "mix:mix.yaml", "--data", "images", "--steps", "5", "--runs", "3", "--tune-runs", "1", "--optimizer", "adam,sgd"}
	stdout, _ := clitest.MustRun(t, Run, append(args, "--json", "r.json", "--plot", "r.png")...)
	require.Contains(t, stdout, "mix:mix.yaml: 3 runs of 5 steps, seed 1\nproblem ")
	text, err := os.ReadFile("r.json")
	require.NoError(t, err)
	var r eval.Report
	require.NoError(t, json.Unmarshal(text, &r))
	var rows []string
	for _, x := range r.Results {
		rows = append(rows, x.Problem+" "+x.Name)
	}
	require.Equal(t, []string{"b 16-2-3 relu adam", "b 16-2-3 relu sgd", "c 49-3-3 relu adam", "c 49-3-3 relu sgd"}, rows)
	require.True(t, r.Tuned)
	require.FileExists(t, "r.png")

	clitest.RequireRefused(t, Run, "catalog: mix:mix.yaml: does not take credit", append(args, "--credit", "fa")...)
	clitest.RequireRefused(t, Run, "catalog: mix:mix.yaml: does not take batch", append(args, "--batch", "3")...)
	clitest.RequireRefused(t, Run, "the embedded mixes are mix:broad, mix:convolutions, mix:deep, mix:far, mix:general, mix:letters, mix:paper, mix:small, mix:transformers, mix:wide, mix:wider", "--problem", "mix:none")
}
