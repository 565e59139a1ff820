//go:build unix

package compare

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

// TestHostile gives the command files, streams and numbers that would hang it, exhaust the machine or end in a stack trace.
func TestHostile(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.MakeFIFO(t, "fifo")
	clitest.MakeFIFO(t, "fifos-train-images")
	clitest.WriteSparse(t, "sparse", 5<<30)
	require.NoError(t, os.Mkdir("folder", 0o777))
	require.NoError(t, os.Mkdir("fifos", 0o777))
	clitest.MakeFIFO(t, "fifos/train-images-idx3-ubyte")
	for name, text := range map[string]string{
		"nested.yaml":   strings.Repeat("[", 200_000),
		"nested64.yaml": strings.Repeat("{a: ", 16_000),
		"keys.yaml":     strings.Repeat("seed: 1\n", 1_000_000),
		"keys64.yaml":   strings.Repeat("seed: 1\n", 8_000),
		"laughs.yaml":   "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n",
		"line.yaml":     "problem: " + strings.Repeat("x", 60_000),
		"bytes.yaml":    "\xff\xfe\x00",
		"terminal.yaml": "\"\\e]0;x\\a\\e[2J\": 1\n",
		"json.yaml":     "credit-config: " + strings.Repeat("{a: ", 9_000) + strings.Repeat("}", 9_000),
	} {
		clitest.WriteFile(t, name, text)
	}
	for name, config := range map[string]string{"layers": `{"layers":1000000000}`, "hidden": `{"hidden":1000000000}`, "largest": `{"hidden":1024,"layers":16}`} {
		require.NoError(t, checkpoints.SaveRule(name+".safetensors", checkpoints.Rule{Name: "lstm", Config: []byte(config)}))
	}
	huge, long := "1000000000", strings.Repeat("x", 100_000)
	pair := []string{"--credit", "fa", "--epochs", "1"}
	cases := []clitest.Hostile{
		{Name: "config fifo", Args: []string{"--config", "fifo"}},
		{Name: "config /dev/zero", Args: []string{"--config", "/dev/zero"}},
		{Name: "config folder", Args: []string{"--config", "folder"}},
		{Name: "config 5 GB", Args: []string{"--config", "sparse"}},
		{Name: "variable fifo", Env: []string{"UNROLL_CONFIG=fifo"}},
		{Name: "rule fifo", Args: []string{"--optimizer", "./fifo"}},
		{Name: "rule /dev/zero", Args: []string{"--optimizer", "/dev/zero"}},
		{Name: "rule 5 GB", Args: []string{"--optimizer", "./sparse"}},
		{Name: "rule of 1e9 layers", Args: []string{"--optimizer", "layers.safetensors"}},
		{Name: "rule of 1e9 units", Args: []string{"--optimizer", "hidden.safetensors"}},
		{Name: "rule with its tensors gone", Args: []string{"--optimizer", "largest.safetensors"}},
		{Name: "data fifo", Args: []string{"--data", "fifo"}},
		{Name: "data with a fifo", Args: []string{"--data", "fifos"}},
		{Name: "output fifo", Args: []string{"--json", "fifo"}},
		{Name: "output /dev/zero", Args: []string{"--json", "/dev/zero"}},

		{Name: "hidden 1e6, batch", Args: []string{"--hidden", "1000000", "--batch", huge}},
		{Name: "hidden 1e6", Args: []string{"--hidden", "1000000"}},
		{Name: "hidden 1e7 twice", Args: []string{"--hidden", "10000000,10000000"}},
		{Name: "hidden 1e9", Args: []string{"--hidden", huge}},
		{Name: "hidden 1e30", Args: []string{"--hidden", "1" + strings.Repeat("0", 30)}},
		{Name: "hidden many", Args: []string{"--hidden", strings.Repeat("1,", 50_000) + "1"}},
		{Name: "hidden 1e6 crossed", Args: append(pair, "--hidden", "1000000")},
		{Name: "batch 1e9", Args: []string{"--batch", huge}},
		{Name: "batch 1e9 crossed", Args: append(pair, "--batch", huge)},
		{Name: "batch 1e5, hidden 1e4", Args: append(pair, "--batch", "60000", "--hidden", "10000")},
		{Name: "steps times runs", Args: []string{"--steps", huge, "--runs", huge}},
		{Name: "steps 1e9", Args: []string{"--problem", "quadratic", "--steps", huge, "--runs", "1000"}},
		{Name: "runs 1e9", Args: []string{"--problem", "quadratic", "--runs", huge, "--steps", "1000"}},
		{Name: "tune-runs 1e9", Args: []string{"--problem", "quadratic", "--tune-runs", huge, "--steps", "1000"}},
		{Name: "steps 1e10", Args: []string{"--steps", huge + "0"}},
		{Name: "runs 1e10", Args: []string{"--runs", huge + "0"}},
		{Name: "epochs 1e10", Args: []string{"--credit", "fa", "--epochs", huge + "0"}},
		{Name: "tune-runs 1e30", Env: []string{"UNROLL_TUNE_RUNS=1" + strings.Repeat("0", 30)}},
		{Name: "credit steps", Args: []string{"--credit", "pc", "--epochs", "1", "--credit-config", `{"steps":1000000000000}`}},
		{Name: "credit width", Args: []string{"--credit", "dni", "--epochs", "1", "--credit-config", `{"hidden":2,"width":1000000000}`}},
		{Name: "credit number", Args: append(pair, "--credit-config", `{"scale":1e400}`)},
		{Name: "credit nested", Args: append(pair, "--credit-config", strings.Repeat(`{"a":`, 9_000)+"1"+strings.Repeat("}", 9_000))},

		{Name: "suite, runs 1e9", Args: []string{"--suite", "quick", "--runs", huge}},
		{Name: "suite, tune-runs 1e9", Args: []string{"--suite", "quick", "--tune-runs", huge}},
		{Name: "suite, trials 1e9", Args: []string{"--suite", "quick", "--track", "tuned", "--trials", huge}},
		{Name: "suite, long name", Args: []string{"--suite", long}},
		{Name: "suite, long track", Args: []string{"--suite", "quick", "--track", long}},
		{Name: "suite, long problem", Args: []string{"--suite", "quick", "--problems", long}},
		{Name: "suite, fraction", Args: []string{"--suite", "quick", "--steps-fraction", "1e400"}},
		{Name: "suite, rule of 1e9 units", Args: []string{"--suite", "quick", "--optimizer", "hidden.safetensors"}},
		{Name: "suite, page fifo", Args: []string{"--suite", "quick", "--report", "fifo"}},
		{Name: "suite, long page", Args: []string{"--suite", "quick", "--report", long + ".html"}},

		{Name: "long flag", Args: []string{"--" + long}},
		{Name: "long argument", Args: []string{long}},
		{Name: "long problem", Args: []string{"--problem", long}},
		{Name: "long problem, variable", Env: []string{"UNROLL_PROBLEM=" + long}},
		{Name: "long rule", Args: []string{"--optimizer", long}},
		{Name: "long rules", Args: []string{"--optimizer", strings.Repeat("adam,", 20_000) + "x"}},
		{Name: "long credit", Args: []string{"--credit", long}},
		{Name: "long settings", Args: append(pair, "--credit-config", `{"`+long+`":1}`)},
		{Name: "long output", Args: []string{"--json", long}},
		{Name: "long plot", Args: []string{"--plot", long + ".png"}},
		{Name: "long folder", Args: []string{"--data", long}},
		{Name: "long enum", Args: []string{"--progress", long}},
		{Name: "terminal codes", Args: []string{"--problem", "\x1b]0;x\x07\x1b[2J"}},
		{Name: "terminal codes, rule", Args: []string{"--optimizer", "a/\x1b[2J"}},
		{Name: "lines", Args: []string{"--optimizer", "a/\nb\r\nc"}},
	}
	for _, name := range []string{"nested", "nested64", "keys", "keys64", "laughs", "line", "bytes", "terminal", "json"} {
		cases = append(cases, clitest.Hostile{Name: "yaml " + name, Args: []string{"--config", name + ".yaml", "--credit", "fa", "--epochs", "1"}})
	}
	clitest.RequireCheapRefusals(t, "COMPARE_TEST_MAIN=1", cases)
}
