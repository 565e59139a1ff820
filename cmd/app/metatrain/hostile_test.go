//go:build unix

package metatrain

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
	clitest.WriteSparse(t, "sparse", 5<<30)
	for _, dir := range []string{"folder", "fifos", "zeros", "sparses"} {
		require.NoError(t, os.Mkdir(dir, 0o777))
	}
	clitest.MakeFIFO(t, "fifos/train.safetensors")
	require.NoError(t, os.Symlink("/dev/zero", "zeros/train.safetensors"))
	clitest.WriteSparse(t, "sparses/train.safetensors", 5<<30)
	clitest.WriteFile(t, "nested.yaml", "rule-config: "+strings.Repeat("{a: ", 9_000)+strings.Repeat("}", 9_000))
	clitest.WriteFile(t, "list.yaml", "rule-config: {hidden: ["+strings.Repeat("1,", 30_000)+"1]}")
	require.NoError(t, checkpoints.SaveRule("layers.safetensors", checkpoints.Rule{Name: "lstm", Config: []byte(`{"layers":1000000000}`)}))
	huge, long := "1000000000", strings.Repeat("x", 100_000)
	on := func(args ...string) []string {
		return append([]string{"--problem", "quadratic", "--episodes", "1", "--out", "new"}, args...)
	}
	images := func(args ...string) []string { return append([]string{"--episodes", "1", "--out", "new"}, args...) }
	lives := func(rule, learner, config string, args ...string) []string {
		return append([]string{
			"--problem", "boolean", "--generations", "1", "--out", "new", "--rule", rule, "--learner", learner, "--learner-config", config,
		}, args...)
	}
	clitest.RequireCheapRefusals(t, "METATRAIN_TEST_MAIN=1", []clitest.Hostile{
		{Name: "config fifo", Args: on("--config", "fifo")},
		{Name: "config 5 GB", Args: on("--config", "sparse")},
		{Name: "config nested", Args: on("--config", "nested.yaml")},
		{Name: "config list", Args: on("--config", "list.yaml")},
		{Name: "from fifo", Args: on("--from", "fifo")},
		{Name: "from /dev/zero", Args: on("--from", "/dev/zero")},
		{Name: "from 5 GB", Args: on("--from", "sparse")},
		{Name: "from 1e9 layers", Args: on("--from", "layers.safetensors")},
		{Name: "resume fifo", Args: []string{"--resume", "fifos"}},
		{Name: "resume /dev/zero", Args: []string{"--resume", "zeros"}},
		{Name: "resume 5 GB", Args: []string{"--resume", "sparses"}},
		{Name: "resume a fifo", Args: []string{"--resume", "fifo"}},

		{Name: "copies 1e9", Args: on("--copies", huge)},
		{Name: "copies 1e9, images", Args: images("--copies", huge)},
		{Name: "copies 1e5, images", Args: images("--copies", "100000")},
		{Name: "window 1e9", Args: on("--horizon", huge, "--window", huge)},
		{Name: "window 1e6, images", Args: images("--horizon", "1000000", "--window", "1000000")},
		{Name: "horizon 1e9", Args: on("--horizon", huge)},
		{Name: "horizon 1e9, images", Args: images("--horizon", huge)},
		{Name: "hidden 1e6", Args: images("--hidden", "1000000")},
		{Name: "hidden and window", Args: images("--hidden", "20000", "--horizon", "100000", "--window", "100000")},
		{Name: "hidden 1e7 twice", Args: images("--hidden", "10000000,10000000")},
		{Name: "hidden 1e9", Args: images("--hidden", huge)},
		{Name: "batch 1e9", Args: images("--batch", huge)},
		{Name: "batch and copies", Args: images("--batch", "60000", "--hidden", "1000", "--copies", "1000")},
		{Name: "under a credit rule", Args: images("--credit", "fa", "--batch", "60000", "--hidden", "1000", "--copies", "1000")},
		{Name: "credit steps", Args: images("--credit", "pc", "--credit-config", `{"steps":1000000000000}`)},
		{Name: "credit width", Args: images("--credit", "dni", "--credit-config", `{"hidden":2,"width":1000000000}`)},
		{Name: "es of 1e9", Args: lives("bengio7", "es", `{"lambda":1000000000}`)},
		{Name: "es of 1e18", Args: lives("bengio7", "es", `{"mu":1000000000000000000,"lambda":1000000000000000001}`)},
		{Name: "cmaes of 1e9", Args: lives("bengio7", "cmaes", `{"lambda":1000000000}`)},
		{Name: "ga of 1e9", Args: lives("bengio7", "ga", `{"population":1000000000}`)},
		{Name: "anneal of 1e9", Args: lives("bengio7", "anneal", `{"chains":1000000000}`)},
		{Name: "gp of 1e9", Args: lives("formula", "gp", `{"population":1000000000}`)},
		{Name: "lives 1e9", Args: lives("bengio7", "es", `{}`, "--copies", huge)},
		{Name: "steps of a life 1e9", Args: lives("bengio7", "es", `{}`, "--horizon", huge, "--copies", "100")},
		{Name: "tasks 1e9", Args: lives("bengio7", "es", `{}`, "--tasks", huge)},
		{Name: "rule hidden 1e9", Args: on("--rule-config", `{"hidden":1000000000}`)},
		{Name: "rule layers 1e9", Args: on("--rule-config", `{"layers":1000000000}`)},
		{Name: "rule 1e18", Args: on("--rule-config", `{"hidden":1000000000000000000,"layers":1000000000000000000}`)},
		{Name: "largest rule, copies", Args: on("--rule-config", `{"hidden":1024,"layers":16}`, "--copies", "100000")},
		{Name: "rule 1e400", Args: on("--rule-config", `{"scale":1e400}`)},
		{Name: "episodes 1e10", Args: on("--episodes", huge+"0")},
		{Name: "every 1e10", Args: on("--every", huge+"0")},
		{Name: "cosine 1e30", Args: on("--cosine", "1"+strings.Repeat("0", 30))},
		{Name: "budget", Args: on("--budget", huge+huge+"h")},

		{Name: "long problem", Args: []string{"--problem", long}},
		{Name: "long rule", Args: on("--rule", long)},
		{Name: "long settings", Args: on("--rule-config", `{"`+long+`":1}`)},
		{Name: "long credit", Args: images("--credit", long)},
		{Name: "long learner", Args: lives("bengio7", long, `{}`)},
		{Name: "long settings of a search", Args: lives("bengio7", "es", `{"`+long+`":1}`)},
		{Name: "long formula", Args: lives("formula", "es", `{}`, "--rule-config", `{"formula":"`+long+`"}`)},
		{Name: "deep formula", Args: lives("formula", "es", `{}`, "--rule-config", `{"formula":"`+strings.Repeat("(", 50_000)+`"}`)},
		{Name: "long keep", Args: on("--keep", long)},
		{Name: "long loss", Args: images("--credit", "fa", "--loss", long)},
		{Name: "long activation", Args: images("--activation", long)},
		{Name: "long from", Args: on("--from", long)},
		{Name: "long out", Args: []string{"--problem", "quadratic", "--episodes", "1", "--out", long}},
		{Name: "long resume", Args: []string{"--resume", long}},
		{Name: "long average", Args: on("--average", "0."+strings.Repeat("9", 100_000))},
		{Name: "terminal codes", Args: on("--keep", "\x1b]0;x\x07\x1b[2J")},
	})
	require.NoDirExists(t, "new")
}
