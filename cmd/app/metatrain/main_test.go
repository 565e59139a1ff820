package metatrain

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/cmd/internal/rundir"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
)

const (
	optimizerFile = rundir.Optimizer
	trainFile     = rundir.Train
	logFile       = rundir.Log
)

// TestMain lets the test binary stand in for the command, to be killed.
func TestMain(m *testing.M) {
	if os.Getenv("METATRAIN_TEST_MAIN") != "" {
		Main()
		return
	}
	goleak.VerifyTestMain(m)
}

// small is a run that takes no time. Its windows do not divide the horizon, nor the validations its length: a stop finds
// it in the middle of everything.
func small(args ...string) []string {
	return append([]string{
		"--problem", "quadratic", "--rule-config", `{"hidden":4,"layers":1}`,
		"--horizon", "12", "--window", "5", "--copies", "1", "--every", "3", "--progress", "plain",
	}, args...)
}

// learn is run without the table at the end, which takes most of the time of a small run and has no bearing on the files.
func learn(t *testing.T, ctx context.Context, stderr io.Writer, args ...string) error {
	t.Helper()
	var o options
	done, err := cli.Parse("metatrain", description, &o, args, io.Discard, io.Discard, vars())
	require.NoError(t, err)
	require.False(t, done)
	s, err := newSession(context.Background(), o, rundir.OS{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	progress, err := cli.NewProgress(o.Progress, stderr, "metatrain")
	require.NoError(t, err)
	defer progress.Close()
	return s.train(ctx, progress)
}

// learned returns the files of a run that nobody disturbs.
func learned(t *testing.T, args ...string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, learn(t, context.Background(), io.Discard, append(args, "--out", dir)...))
	return clitest.Tree(t, dir)
}

// records returns the lines of a log.
func records(t *testing.T, log string) []map[string]any {
	t.Helper()
	var list []map[string]any
	for line := range strings.Lines(log) {
		require.True(t, strings.HasSuffix(line, "\n"))
		var r map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		list = append(list, r)
	}
	return list
}

// A run can begin with what another learned: the first validation gives the same score, and the rule's settings come along.
func TestFrom(t *testing.T) {
	t.Chdir(t.TempDir())
	quick := []string{"--problem", "quadratic", "--horizon", "12", "--copies", "1", "--every", "3", "--progress", "off"}
	require.NoError(t, learn(t, context.Background(), io.Discard, small("--episodes", "6", "--out", "first")...))
	from := "first/optimizer.safetensors"
	require.NoError(t, learn(t, context.Background(), io.Discard, append(quick, "--from", from, "--episodes", "3", "--out", "second")...))
	first, second := records(t, clitest.Tree(t, "first")[logFile]), records(t, clitest.Tree(t, "second")[logFile])
	require.Equal(t, first[len(first)-1]["best_loss"], second[0]["valid_loss"])
	trained, err := learnedopt.Load("second/optimizer.safetensors")
	require.NoError(t, err)
	require.Equal(t, from, trained.Provenance["from"])
	require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", "second", "--episodes", "5", "--progress", "off"))

	for want, flags := range map[string][]string{
		"--from: checkpoints: nowhere: no such file":  {"--from", "nowhere"},
		"--from: checkpoints: gone: no such file":     {"--from", from + ",gone"},
		"the name of a file is empty":                 {"--from", from + ","},
		"the mean of lstm and general":                {"--from", from + ",general"},
		"--from: want the":                            {"--from", ""},
		"not adam {":                                  {"--from", from, "--rule", "adam"},
		`[16 2] has no place in lstm {"hidden":8`:     {"--from", from, "--rule-config", `{"hidden":8}`},
		"--from other: the run in second has " + from: {"--resume", "second", "--from", "other"},
	} {
		clitest.RequireRefused(t, Run, want, append(flags, "--episodes", "1")...)
	}
}

// What is kept is the best rule, or with --keep last the one that the last validation scored.
func TestKeep(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, keep := range []string{"best", "last"} {
		require.NoError(t, learn(t, context.Background(), io.Discard, small("--episodes", "9", "--keep", keep, "--out", keep)...))
	}
	best, last := clitest.Tree(t, "best"), clitest.Tree(t, "last")
	require.Equal(t, best[logFile], last[logFile], "they learned the same")
	lines := records(t, last[logFile])
	trained, err := learnedopt.Load("last/optimizer.safetensors")
	require.NoError(t, err)
	require.Equal(t, "9", trained.Provenance["episodes"])
	require.Equal(t, "last", trained.Provenance["keep"])
	// To go on from it without learning is to validate it again.
	require.NoError(t, learn(t, context.Background(), io.Discard, small("--from", "last/optimizer.safetensors", "--episodes", "1", "--out", "again")...))
	again := records(t, clitest.Tree(t, "again")[logFile])
	require.Equal(t, lines[len(lines)-1]["valid_loss"], again[0]["valid_loss"])
	clitest.RequireRefused(t, Run, "--keep first: want best or last", small("--keep", "first")...)

	// Where learning does harm, the best is what it began with and the last is not.
	for keep, episodes := range map[string]string{"best": "0", "last": "9"} {
		out := "harmed-" + keep
		args := small("--episodes", "9", "--outer-lr", "100", "--average", "0", "--keep", keep, "--out", out)
		require.NoError(t, learn(t, context.Background(), io.Discard, args...))
		trained, err := learnedopt.Load(filepath.Join(out, optimizerFile))
		require.NoError(t, err)
		require.Equal(t, episodes, trained.Provenance["episodes"], keep)
		_, scored := trained.Provenance["validation_loss"]
		require.Equal(t, keep == "best", scored, keep)
	}
}

// Each objective learns something else, and a run keeps the one that it began with. The default may be said.
func TestObjective(t *testing.T) {
	t.Chdir(t.TempDir())
	plain := learned(t, small("--episodes", "6")...)
	require.Equal(t, plain, learned(t, small("--episodes", "6", "--objective", "borders")...))
	seen := map[string]string{plain[logFile]: "borders"}
	for _, objective := range []string{"mean", "sum", "last", "min"} {
		args := small("--objective", objective)
		want := learned(t, append(args, "--episodes", "6")...)
		require.Empty(t, seen[want[logFile]], "%s is what %s is", objective, seen[want[logFile]])
		seen[want[logFile]] = objective
		require.NoError(t, learn(t, context.Background(), io.Discard, append(args, "--episodes", "3", "--out", objective)...))
		require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", objective, "--episodes", "6"))
		require.Equal(t, want, clitest.Tree(t, objective))
		trained, err := learnedopt.Load(filepath.Join(objective, optimizerFile))
		require.NoError(t, err)
		require.Equal(t, objective, trained.Provenance["objective"])
	}
	clitest.RequireRefused(t, Run, "--objective borders: the run in last has last, which can't be changed", "--resume", "last", "--objective", "borders")
	clitest.RequireRefused(t, Run, "--objective first: want one of borders, mean, sum, last, min", small("--objective", "first")...)
}

// The number of goroutines is nobody's business but the processors': no file knows it, and a run may go on with another.
func TestWorkers(t *testing.T) {
	args := small("--copies", "3", "--rule", "polyak", "--rule-config", "{}")
	want := learned(t, append(args, "--episodes", "18")...)
	for _, workers := range []string{"1", "3"} {
		require.Equal(t, want, learned(t, append(args, "--episodes", "18", "--workers", workers)...))
	}
	dir := filepath.Join(t.TempDir(), "run")
	require.NoError(t, learn(t, context.Background(), io.Discard, append(args, "--episodes", "9", "--workers", "2", "--out", dir)...))
	require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", dir, "--episodes", "18", "--workers", "1"))
	require.Equal(t, want, clitest.Tree(t, dir))
	clitest.RequireRefused(t, Run, "--workers: want a whole number from 1 to ", small("--workers", "0")...)

	o := parsed(t, append(args, "--workers", "3", "--out", filepath.Join(t.TempDir(), "other"))...)
	s, err := newSession(context.Background(), o, rundir.OS{})
	require.NoError(t, err)
	require.Equal(t, 3, s.workers)
	require.NoError(t, s.Close())
}

func TestRun(t *testing.T) {
	t.Chdir(t.TempDir())
	stdout, stderr := clitest.MustRun(t, Run, small("--seed", "7", "--episodes", "8")...)

	head, table, _ := strings.Cut(stdout, "\n\n")
	require.Equal(t, "wrote runs/quadratic-lstm-7", head)
	require.Contains(t, table, "quadratic: 200 runs of 12 steps, seed 7\n")
	for _, name := range []string{"lstm (learned)", "sgd", "momentum", "nag", "rmsprop", "adam", "adamw"} {
		require.Contains(t, table, "\n"+name+" ")
	}
	require.NotContains(t, stderr, "NaN")
	for _, want := range []string{
		"lstm on quadratic, seed 7: horizon 12, window 5, outer rate 0.003\n", "episode 0: validation loss ",
		"\nepisode 3: training loss ", "\nepisode 6: training loss ", "\nepisode 8: training loss ",
	} {
		require.Contains(t, stderr, want)
	}

	files := clitest.Tree(t, "runs/quadratic-lstm-7")
	require.Len(t, files, 5, "the folder and four files; nothing temporary stays")
	var best map[string]any
	var episodes []any
	for _, r := range records(t, files[logFile]) {
		episodes = append(episodes, r["episodes"])
		if r["best"].(bool) {
			best = r
		}
	}
	require.Equal(t, []any{0., 3., 6., 8.}, episodes, "the end is validated too")

	trained, err := learnedopt.Load("runs/quadratic-lstm-7/optimizer.safetensors")
	require.NoError(t, err)
	config, err := json.Marshal(trained.Rule)
	require.NoError(t, err)
	require.JSONEq(t, `{"hidden":4,"layers":1,"scale":0.1,"preprocess":10}`, string(config))
	for key, want := range map[string]string{
		"problem": "quadratic", "seed": "7", "horizon": "12", "window": "5", "copies": "1", "outer_lr": "0.003",
		"exact": "false", "episodes": strconv.FormatFloat(best["episodes"].(float64), 'g', -1, 64),
		"validation_loss": strconv.FormatFloat(best["valid_loss"].(float64), 'g', -1, 64),
	} {
		require.Equal(t, want, trained.Provenance[key], key)
	}
}

func TestProgressOff(t *testing.T) {
	_, stderr := clitest.MustRun(t, Run, small("--episodes", "2", "--progress", "off", "--out", t.TempDir())...)
	require.Empty(t, stderr)
}

func TestBudgetEndsARun(t *testing.T) {
	files := learned(t, small("--budget", "30ms")...)
	require.NotEmpty(t, records(t, files[logFile]))
}

// TestSameSeedSameFiles also shows that no file holds a time.
func TestSameSeedSameFiles(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	args := small("--episodes", "7")
	one := learned(t, args...)
	runtime.GOMAXPROCS(4)
	require.Equal(t, one, learned(t, args...), "on one processor and on four")
	other := learned(t, append(args, "--seed", "2")...)
	for _, name := range []string{optimizerFile, trainFile, logFile} {
		require.NotEqual(t, one[name], other[name], name)
	}
}

func TestConfigFileEqualsFlags(t *testing.T) {
	config := filepath.Join(t.TempDir(), "run.yaml")
	clitest.WriteFile(t, config, `
problem: quadratic
rule-config: '{"layers": 1, "hidden": 4}'  # the spelling makes no difference
horizon: 12
window: 5
copies: 1
every: 3
episodes: 4
outer-lr: 1e-2
seed: 3
`)
	require.Equal(t, learned(t, small("--episodes", "4", "--outer-lr", "0.01", "--seed", "3")...), learned(t, "--config", config))
}

// TestDivergence learns a rule whose every run diverges.
func TestDivergence(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	stdout, stderr := clitest.MustRun(t, Run, "--problem", "quadratic", "--rule", "sgd", "--rule-config", `{"lr":1e30}`,
		"--horizon", "10", "--copies", "1", "--every", "2", "--episodes", "4", "--progress", "plain", "--out", dir)
	require.Contains(t, stderr, "episode 4: validation diverged  (4 outer steps skipped, 4 inner runs diverged)\n")
	require.NotContains(t, stderr, "NaN")
	require.Regexp(t, `sgd \(learned\) +- +diverged +diverged +200 `, stdout)
	trained, err := learnedopt.Load(filepath.Join(dir, optimizerFile))
	require.NoError(t, err)
	require.NotContains(t, trained.Provenance, "validation_loss", "there is none")
}

func TestLine(t *testing.T) {
	nan, inf := meta.Number(math.NaN()), meta.Number(math.Inf(1))
	for _, c := range []struct {
		want   string
		record meta.Record
	}{
		{"episode 0: validation loss 2.3000  best", meta.Record{TrainLoss: nan, ValidLoss: 2.3, Best: true}},
		{"episode 20: training loss 1.5000, validation loss 2.3000", meta.Record{Episodes: 20, TrainLoss: 1.5, ValidLoss: 2.3}},
		{"episode 20: training loss 1.5000, validation diverged  (2 outer steps skipped, 1 inner runs diverged)",
			meta.Record{Episodes: 20, TrainLoss: 1.5, ValidLoss: inf, Skipped: 2, Diverged: 1}},
	} {
		require.Equal(t, c.want, line(c.record))
	}
}

func TestHelp(t *testing.T) {
	stdout, _ := clitest.MustRun(t, Run, "--help")
	stdout = strings.Join(strings.Fields(stdout), " ") // however it is wrapped
	for _, want := range []string{"--resume=DIR", "quadratic, quadratic-uniform, mnist, mnist8", "mechanic, sum, graft, groups, decay, schedule, clip, controlled, rated, rmsmomentum, polyak, lstm"} {
		require.Contains(t, stdout, want)
	}
}

// A first argument that is a word asks for something else than a run; the words are among what a shell completes.
func TestWords(t *testing.T) {
	t.Chdir(t.TempDir())
	stdout, _ := clitest.MustRun(t, Run, "doctor")
	require.Contains(t, stdout, "\nReady. Next: ")
	stdout, _ = clitest.MustRun(t, Run, "completion", "bash")
	for _, want := range []string{"--tasks-per-step", "mix:general", "lstm-mnist8", "completion doctor"} {
		require.Contains(t, stdout, want)
	}
	clitest.RequireRefused(t, Run, "completion: want bash, zsh or fish", "completion", "csh")
}
