package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

// TestJSONOnStdout shows that - is standard output, with nothing else on it, and that no file of that name appears.
func TestJSONOnStdout(t *testing.T) {
	t.Chdir(t.TempDir())
	stdout, stderr := clitest.MustRun(t, Run, small("--optimizer", "sgd", "--json", "-", "--progress", "off")...)
	var r report
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	require.Len(t, r.Results, 1)
	require.Contains(t, stderr, "quadratic: 4 runs of 11 steps, seed 1\n", "the table")
	require.NoFileExists(t, "-")

	clitest.MustRun(t, Run, small("--optimizer", "sgd", "--json", "./-")...)
	require.FileExists(t, "-", "a file of that name can be had")
	clitest.RequireRefused(t, Run, "--plot: -: want a file name ending in .png or .svg or .pdf", small("--plot", "-")...)
}

// TestOutputsThatCollide is about one file that two things would be written to, or that is read as well.
func TestOutputsThatCollide(t *testing.T) {
	t.Chdir(t.TempDir())
	writeRule(t, "rule.safetensors")
	clitest.WriteFile(t, "c.yaml", "seed: 2\n")
	clitest.WriteImages(t, "images")
	clitest.WriteFile(t, "old.png", "")
	clitest.WriteFile(t, "x.png", "")
	require.NoError(t, os.Symlink("x.png", "soft.png"))
	require.NoError(t, os.Link("old.png", "hard.png"))
	require.NoError(t, os.Symlink("rule.safetensors", "r.json"))
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--plot: x.png: --json writes to the same file", small("--json", "x.png", "--plot", "x.png")},
		{"--plot: ./x.png: --json writes to the same file", small("--json", "x.png", "--plot", "./x.png")},
		{"--plot: soft.png: --json writes to the same file", small("--json", "x.png", "--plot", "soft.png")},
		{"--plot: hard.png: --json writes to the same file", small("--json", "old.png", "--plot", "hard.png")},
		{"--json: rule.safetensors: --optimizer reads this file", small("--optimizer", "sgd,rule.safetensors", "--json", "rule.safetensors")},
		{"--json: r.json: --optimizer reads this file", small("--optimizer", "rule.safetensors", "--json", "r.json")},
		{"--json: ./c.yaml: --config reads this file", small("--config", "c.yaml", "--json", "./c.yaml")},
		{
			"--json: images/t10k-labels-idx1-ubyte: it is there already, in the folder of --data",
			[]string{"--data", "images", "--json", "images/t10k-labels-idx1-ubyte"},
		},
	} {
		clitest.RequireRefused(t, Run, c.want, c.args...)
	}
	for range 2 { // a baseline is no file, even if there is one of its name
		clitest.MustRun(t, Run, small("--optimizer", "sgd", "--json", "sgd", "--plot", "y.png")...)
		require.FileExists(t, "sgd")
	}
}

// TestNamesThatAreTooLong are found out before the work, and the longest that is not is written.
func TestNamesThatAreTooLong(t *testing.T) {
	t.Chdir(t.TempDir())
	longest := string(bytes.Repeat([]byte("n"), 255))
	clitest.MustRun(t, Run, small("--optimizer", "sgd", "--json", longest)...)
	require.FileExists(t, longest)
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // the work would end in an error of its own
	err := Run(ctx, small("--json", longest+"n"), nil, nil)
	require.ErrorContains(t, err, "file name too long")
	require.Less(t, len(err.Error()), 300)
}

// TestNamesThatAreNotUTF8 are refused, and not written to under another name.
func TestNamesThatAreNotUTF8(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.RequireRefused(t, Run, `not UTF-8`, small("--json", "a\xff.json")...)
	t.Setenv("UNROLL_JSON", "a\xff.json")
	clitest.RequireRefused(t, Run, `UNROLL_JSON: "a\xff.json" is not UTF-8`, small()...)
}
