package metatrain

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/cmd/internal/tensorboard/eventtest"
)

// requireSameAsLog holds events to the lines of a log: the same numbers under the same names, to the precision of float32, and phi.
func requireSameAsLog(t *testing.T, events []eventtest.Event, log []map[string]any) {
	t.Helper()
	scalars, histograms := map[int64]map[string]float32{}, map[int64]int{}
	for _, e := range events {
		if len(e.Scalars) > 0 {
			scalars[e.Step] = e.Scalars
		}
		for tag, h := range e.Histograms {
			require.True(t, strings.HasPrefix(tag, "phi/"), tag)
			require.Positive(t, h.Double(3))
			histograms[e.Step]++
		}
	}
	require.Len(t, scalars, len(log))
	for _, line := range log {
		at := int64(line["episodes"].(float64))
		require.Positive(t, histograms[at])
		for name, v := range line {
			number, ok := v.(float64)
			if name == "episodes" || !ok {
				require.NotContains(t, scalars[at], name)
				continue
			}
			require.Equal(t, float32(number), scalars[at][name], "%s at %d", name, at)
		}
		if at > 0 {
			require.Positive(t, scalars[at]["meta_gradient/norm"])
			require.Contains(t, scalars[at], "meta_gradient/clipped")
		}
	}
}

// Law: what TensorBoard is told is what the log has. A resumed run adds a file, which makes void what it tells again.
func TestTensorboard(t *testing.T) {
	t.Chdir(t.TempDir())
	args := small("--out", "run", "--tensorboard", "tb/x")
	require.NoError(t, learn(t, context.Background(), io.Discard, append(args, "--episodes", "7")...))
	files := eventtest.ReadDir(t, "tb/x")
	require.Len(t, files, 1)
	first := clitest.Tree(t, "run")[logFile]
	require.Len(t, records(t, first), 4, "after 0, 3, 6 and 7 episodes")
	requireSameAsLog(t, files[0], records(t, first))

	require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", "run", "--tensorboard", "tb/x", "--episodes", "12"))
	files = eventtest.ReadDir(t, "tb/x")
	require.Len(t, files, 2)
	require.True(t, files[1][1].Start)
	require.EqualValues(t, 7, files[1][1].Step, "the last line of the first run is not part of a longer one")
	all := []eventtest.Event{}
	for _, e := range files[0] {
		if e.Step < files[1][1].Step {
			all = append(all, e)
		}
	}
	requireSameAsLog(t, append(all, files[1]...), records(t, clitest.Tree(t, "run")[logFile]))
}

// Law: TensorBoard's files change nothing of what is learned, and where none are asked for there are none.
func TestTensorboardOnlyLooks(t *testing.T) {
	t.Chdir(t.TempDir())
	plain := learned(t, small("--episodes", "4")...)
	require.Equal(t, plain, learned(t, small("--episodes", "4", "--tensorboard", "tb", "--csv", "log.csv")...))
}

// Law: the log as CSV has the same rows, under the names that it has in JSON.
func TestCSV(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.MustRun(t, Run, small("--episodes", "7", "--out", "run", "--csv", "log.csv")...)
	log := records(t, clitest.Tree(t, "run")[logFile])
	requireSameCSV(t, "log.csv", log)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, Run(ctx, []string{"--resume", "run", "--csv", "b.csv", "--episodes", "9"}, io.Discard, io.Discard), context.Canceled)
	requireSameCSV(t, "b.csv", log)
}

func requireSameCSV(t *testing.T, path string, log []map[string]any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 1+len(log))
	require.Len(t, rows[0], len(log[0]), "every name of the log")
	for i, line := range log {
		for k, name := range rows[0] {
			require.Contains(t, line, name)
			if line[name] == nil {
				require.Empty(t, rows[i+1][k])
				continue
			}
			var v any
			require.NoError(t, json.Unmarshal([]byte(rows[i+1][k]), &v))
			require.Equal(t, line[name], v)
		}
	}
}

// Copies of the log that could not be written are refused before there is a run.
func TestCopiesRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteFile(t, "file", "")
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--tensorboard: want the name of a folder, got nothing", []string{"--tensorboard", ""}},
		{"--tensorboard: file: want a folder, but file is none", []string{"--tensorboard", "file"}},
		{fmt.Sprintf("--tensorboard: %s: ", filepath.Join("file", "x")), []string{"--tensorboard", filepath.Join("file", "x")}},
		{"--csv: want the name of a file to write, got nothing", []string{"--csv", ""}},
		{"--csv: a.txt: want a file name ending in .csv", []string{"--csv", "a.txt"}},
		{"--csv: -: want a file name ending in .csv", []string{"--csv", "-"}},
		{"--csv: x/a.csv: cannot write to its folder", []string{"--csv", "x/a.csv"}},
	} {
		clitest.RequireRefused(t, Run, c.want, small(append(c.args, "--out", "run")...)...)
	}
}
