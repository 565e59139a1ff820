package metatrain

import (
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/meta"
)

// TestSplits shows which images a rule is learned on, chosen by and measured on, and which its baselines are tuned on: by
// the losses that only these lead to.
func TestSplits(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteSplitImages(t, "images")
	stdout, _ := clitest.MustRun(t, Run, "--problem", "logistic8", "--data", "images", "--rule", "sgd", "--rule-config", `{"lr":1}`,
		"--outer-lr", "1e-6", "--horizon", "60", "--window", "60", "--episodes", "4", "--every", "2", "--out", "run")

	log, err := os.ReadFile("run/log.jsonl")
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	var r meta.Record
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &r)) // the first is from before any training
	require.InDelta(t, 0.2, float64(r.TrainLoss), 0.15, "a single label")
	require.InDelta(t, 1.1, float64(r.ValidLoss), 0.1, "three labels, each as often")

	row := regexp.MustCompile(`(?m)^sgd \(learned\) +\S+ +([0-9.]+) ±`).FindStringSubmatch(stdout)
	require.NotNil(t, row, stdout)
	loss, err := strconv.ParseFloat(row[1], 64)
	require.NoError(t, err)
	require.InDelta(t, 0.75, loss, 0.1, "two labels, each as often")
	require.Regexp(t, `(?m)^sgd +10\*? `, stdout, "with a single label there is no rate that is too high")
}
