package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/app"
	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

// measuring are the commands that can write JSON, with little to do, and a word of the table of each.
var measuring = map[string]struct {
	table string
	args  string
}{
	"compare, by steps": {"final loss", "compare --problem quadratic --optimizer sgd --runs 3 --tune-runs 2 --steps 6"},
	"compare, by epochs": {"final loss",
		"compare --problem mnist8 --credit fa --optimizer sgd --lr 0.1 --runs 1 --epochs 1 --batch 4"},
	"compare, a suite": {"tuned-adam",
		"compare --suite quick --problems diabetes-mlp --optimizer sgd --runs 2 --steps-fraction 0.05"},
	"identify": {"chance", "identify --rules adam,sgd --nets 11 --steps 24"},
	"metagrad": {"cosine", "metagrad --draws 4 --horizons 4 --estimators bptt"},
}

// Law: with --json - there is one value of JSON on standard output and nothing else; table and progress go to standard error.
func TestJSONIsAlone(t *testing.T) {
	images := t.TempDir()
	clitest.WriteImages(t, images)
	for name, m := range measuring {
		args := append(strings.Fields(m.args), "--json", "-", "--progress", "plain")
		if slices.Contains(args, "mnist8") {
			args = append(args, "--data", images)
		}
		t.Run(name, func(t *testing.T) {
			if strings.Contains(name, "suite") && testing.Short() {
				t.Skip("SKIPPED: -short measures no suite")
			}
			var stdout, stderr bytes.Buffer
			require.NoError(t, app.Run(context.Background(), args, &stdout, &stderr))
			var report map[string]any
			d := json.NewDecoder(&stdout)
			require.NoError(t, d.Decode(&report))
			require.NotEmpty(t, report)
			rest, err := io.ReadAll(io.MultiReader(d.Buffered(), &stdout))
			require.NoError(t, err)
			require.Empty(t, strings.TrimSpace(string(rest)))
			require.Contains(t, stderr.String(), m.table)
			require.Contains(t, stderr.String(), "0%", "which is progress")
		})
	}
}
