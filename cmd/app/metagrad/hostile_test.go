//go:build unix

package metagrad

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

// TestHostile gives the command files, streams and numbers that would hang it, exhaust the machine or end in a stack trace.
func TestHostile(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.MakeFIFO(t, "fifo")
	clitest.WriteSparse(t, "sparse", 5<<30)
	require.NoError(t, os.Mkdir("fifos", 0o777))
	clitest.MakeFIFO(t, "fifos/train-images-idx3-ubyte")
	huge, long := "1000000000", strings.Repeat("x", 100_000)
	images := []string{"--problem", "mnist8"}
	var cases []clitest.Hostile
	for name, args := range map[string][]string{
		"config fifo": {"--config", "fifo"}, "from fifo": {"--from", "./fifo"}, "from 5 GB": {"--from", "./sparse"}, "from /dev/zero": {"--from", "/dev/zero"},
		"json fifo": {"--json", "fifo"}, "plot fifo": {"--plot", "fifo.png/x.png"}, "json below a file": {"--json", "sparse/x"},
		"data with a fifo": append(images, "--data", "fifos"), "long folder": append(images, "--data", long),
		"horizons 1e9": {"--horizons", huge}, "window 1e9": {"--estimators", "pes/" + huge}, "no horizons": {"--horizons", "0"},
		"episodes 1e9": {"--episodes", huge}, "draws 1e10": {"--draws", huge + "0"}, "copies 1e9": {"--copies", huge}, "batch 1e9": append(images, "--batch", huge),
		"hidden 1e7 twice": append(images, "--hidden", "10000000,10000000"), "pairs 1e9": {"--estimators", `es{"pairs":` + huge + `}`},
		"pairs 1e30": {"--estimators", `es{"pairs":1e30}`}, "sigma of words": {"--estimators", `es{"sigma":"` + long + `"}`},
		"rule of 1e9 units": {"--rule", "lstm", "--rule-config", `{"hidden":1000000000}`}, "long estimators": {"--estimators", strings.Repeat("es,", 20_000)},
		"long estimator": {"--estimators", long}, "braces": {"--estimators", strings.Repeat("{", 50_000)}, "closing braces": {"--estimators", strings.Repeat("}", 50_000)},
		"deep settings": {"--estimators", "es" + strings.Repeat(`{"a":`, 20_000)}, "long truth": {"--truth", long}, "long objective": {"--objective", long},
		"long meta-loss": {"--meta-loss", `{"baseline":"` + long + `"}`}, "deep meta-loss": {"--meta-loss", strings.Repeat("[", 50_000)},
		"baseline of 1e9 units": {"--meta-loss", `{"baseline":"lstm","baseline_config":{"hidden":1000000000}}`},
		"terminal codes":        {"--estimators", "es\x1b]0;x\x07\x1b[2J"}, "lines": {"--rule", "a\nb\r\nc"}, "long problem": {"--problem", long},
		"infinite step": {"--truth", "differences", "--difference-step", "1e400"}, "seed": {"--seed", "-1"},
	} {
		cases = append(cases, clitest.Hostile{Name: name, Args: args})
	}
	clitest.RequireCheapRefusals(t, "METAGRAD_TEST_MAIN=1", cases)
}
