package metatrain

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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
	s, err := newSession(o, rundir.OS{})
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
		"--from: want the":                            {"--from", ""},
		"not adam {":                                  {"--from", from, "--rule", "adam"},
		`not lstm {"hidden":8`:                        {"--from", from, "--rule-config", `{"hidden":8}`},
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
	s, err := newSession(o, rundir.OS{})
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
	require.Len(t, files, 4, "the folder and three files; nothing temporary stays")
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

// A stopper is a context that ends when it has been asked a number of times: whether it has ended, which each inner step
// does, or, when that is counted, for its channel, which every validation does.
type stopper struct {
	context.Context
	cancel          context.CancelFunc
	errors, streams int // questions left; none if negative
}

func newStopper(errors, streams int) *stopper {
	ctx, cancel := context.WithCancel(context.Background())
	return &stopper{ctx, cancel, errors, streams}
}

func (s *stopper) Err() error {
	if s.errors--; s.errors == 0 {
		s.cancel()
	}
	return s.Context.Err()
}

func (s *stopper) Done() <-chan struct{} {
	if s.streams--; s.streams == 0 {
		s.cancel()
	}
	return s.Context.Done()
}

// variants are runs of every kind, without their number of episodes.
func variants(t *testing.T) map[string][]string {
	images := t.TempDir()
	clitest.WriteImages(t, images)
	return map[string][]string{
		"lstm":         small(),
		"exact":        small("--exact"),
		"copies":       small("--copies", "2"),
		"pes":          small("--estimator", "pes", "--estimator-config", `{"pairs":3}`, "--every", "3"),
		"es":           small("--estimator", "es", "--estimator-config", `{"pairs":1}`, "--every", "3", "--window", "12"),
		"whole window": small("--window", "12"),
		"adam":         {"--problem", "quadratic-uniform", "--rule", "adam", "--horizon", "10", "--window", "4", "--copies", "1", "--every", "3", "--seed", "9"},
		"images": {
			"--problem", "logistic8", "--data", images, "--batch", "4", "--rule", "momentum",
			"--horizon", "6", "--window", "4", "--every", "5", "--outer-lr", "0.1", "--cosine", "5", "--clip", "0.5",
		},
		"network": {
			"--problem", "mnist8", "--data", images, "--batch", "3", "--hidden", "4,3", "--activation", "tanh",
			"--rule-config", `{"hidden":3}`, "--horizon", "5", "--window", "3", "--every", "4",
		},
		"credit": {
			"--problem", "mnist8", "--data", images, "--batch", "3", "--hidden", "4,3", "--credit", "fa", "--loss", "squared-error",
			"--rule-config", `{"hidden":3}`, "--horizon", "5", "--window", "3", "--every", "4", "--copies", "2",
		},
	}
}

// TestStopAndResume stops runs at all sorts of moments, as often as it takes. Resumed with nothing but the number of
// episodes, they end like the run that never stopped.
func TestStopAndResume(t *testing.T) {
	for name, args := range variants(t) {
		t.Run(name, func(t *testing.T) {
			limit := []string{"--episodes", "8"}
			// The run that nobody disturbs is asked how often it asks.
			asked, done := newStopper(math.MaxInt, -1), filepath.Join(t.TempDir(), "run")
			require.NoError(t, learn(t, asked, io.Discard, slices.Concat(args, limit, []string{"--out", done})...))
			want, questions := clitest.Tree(t, done), math.MaxInt-asked.errors
			for _, stop := range []struct{ errors, streams int }{
				// A third is more than any window takes, so that each attempt comes somewhere.
				{questions / 3, -1}, {questions * 3 / 5, -1}, {questions - 2, -1}, {-1, 1}, {-1, 2}, {-1, 3},
			} {
				dir := filepath.Join(t.TempDir(), "run")
				err := learn(t, newStopper(stop.errors, stop.streams), io.Discard, slices.Concat(args, limit, []string{"--out", dir})...)
				stops := 0
				for ; err != nil && stops < 100; stops++ {
					require.ErrorIs(t, err, context.Canceled)
					// Validations can't be stopped each time: the one that is due would never end.
					err = learn(t, newStopper(stop.errors, -1), io.Discard, append(limit, "--resume", dir)...)
				}
				require.NoError(t, err)
				require.NotZero(t, stops, "nothing was tested: %+v", stop)
				require.Equal(t, want, clitest.Tree(t, dir), "stopped %d times, %+v", stops, stop)
			}
		})
	}
}

// A trigger is a writer that calls do when what is written begins with text.
type trigger struct {
	text    string
	do      func()
	written strings.Builder
}

func (w *trigger) Write(p []byte) (int, error) {
	if strings.HasPrefix(string(p), w.text) {
		w.do()
	}
	return w.written.Write(p)
}

// TestInterrupt is TestStopAndResume from the outside, once.
func TestInterrupt(t *testing.T) {
	want := learned(t, small("--episodes", "8")...)
	dir := filepath.Join(t.TempDir(), "run")
	ctx, cancel := context.WithCancel(context.Background())
	var stdout bytes.Buffer
	stderr := &trigger{text: "episode 3:", do: cancel}
	err := Run(ctx, small("--episodes", "8", "--out", dir), &stdout, stderr)
	require.ErrorIs(t, err, context.Canceled, "which gives the exit status of the signal")
	require.Empty(t, stdout.String(), "no table")
	require.EqualError(t, err, "stopped after 3 episodes; go on with --resume "+dir)

	out, log := clitest.MustRun(t, Run, "--resume", dir, "--episodes", "8", "--progress", "plain")
	require.Contains(t, log, "outer rate 0.003; resumed after 3 episodes\n")
	require.Contains(t, out, "lstm (learned)")
	require.Equal(t, want, clitest.Tree(t, dir))
}

// TestInterruptedComparison shows that the end of the learning is safe before the table is made.
func TestInterruptedComparison(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	ctx, cancel := context.WithCancel(context.Background())
	stderr := &trigger{text: "comparing:", do: cancel}
	err := Run(ctx, small("--episodes", "4", "--out", dir), io.Discard, stderr)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "stopped after 4 episodes")
	require.Equal(t, learned(t, small("--episodes", "4")...), clitest.Tree(t, dir))
}

// TestFinishedRunGoesOn resumes runs that ended in good order, which validates where a longer run would not.
func TestFinishedRunGoesOn(t *testing.T) {
	want := learned(t, small("--episodes", "8")...)
	for _, stops := range [][]string{{"4"}, {"3"}, {"1", "7"}, {"2", "3", "4", "5", "6", "7"}, {"8"}} {
		dir := filepath.Join(t.TempDir(), "run")
		require.NoError(t, learn(t, context.Background(), io.Discard, small("--out", dir, "--episodes", stops[0])...))
		for _, n := range append(stops[1:], "8") {
			require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", dir, "--episodes", n))
		}
		require.Equal(t, want, clitest.Tree(t, dir), "ended at %v", stops)
	}
}

// TestResumeOfAFinishedRun resumes runs that are as long as asked for: they end with the table again, and nothing else.
func TestResumeOfAFinishedRun(t *testing.T) {
	for _, episodes := range []string{
		"6", // where a validation is due anyway
		"7",
	} {
		dir := filepath.Join(t.TempDir(), "run")
		require.NoError(t, learn(t, context.Background(), io.Discard, small("--out", dir, "--episodes", episodes)...))
		want := clitest.Tree(t, dir)
		stdout, _ := clitest.MustRun(t, Run, "--resume", dir, "--episodes", episodes)
		require.Contains(t, stdout, "lstm (learned)")
		require.Equal(t, want, clitest.Tree(t, dir))
	}
}

// TestStoppedAtOnce shows that a run that is resumed and stopped before it did anything is what it was.
func TestStoppedAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	require.NoError(t, learn(t, context.Background(), io.Discard, small("--out", dir, "--episodes", "4")...))
	want := clitest.Tree(t, dir)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, episodes := range []string{"4", "8"} {
		require.ErrorIs(t, learn(t, ctx, io.Discard, "--resume", dir, "--episodes", episodes), context.Canceled)
		require.Equal(t, want, clitest.Tree(t, dir))
	}
}

func TestResumeIntoAnotherFolder(t *testing.T) {
	want := learned(t, small("--episodes", "8")...)
	old, dir := filepath.Join(t.TempDir(), "old"), filepath.Join(t.TempDir(), "new", "run")
	require.NoError(t, learn(t, context.Background(), io.Discard, small("--out", old, "--episodes", "4")...))
	before := clitest.Tree(t, old)
	require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", old, "--out", dir, "--episodes", "8"))
	require.Equal(t, want, clitest.Tree(t, dir))
	require.Equal(t, before, clitest.Tree(t, old))

	require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", old, "--out", old+"/../old", "--episodes", "8"))
	require.Equal(t, want, clitest.Tree(t, old), "another name for the same folder")
}

// TestKilledAnywhere resumes what a run would leave behind, were it killed at a validation: before its line is in the
// log, after, or in the middle of it.
func TestKilledAnywhere(t *testing.T) {
	args := small("--episodes", "8")
	dir := filepath.Join(t.TempDir(), "run")
	var moments []string
	stderr := &trigger{text: "episode ", do: func() {
		moments = append(moments, t.TempDir())
		require.NoError(t, os.CopyFS(moments[len(moments)-1], os.DirFS(dir)))
	}}
	require.NoError(t, learn(t, context.Background(), stderr, append(args, "--out", dir)...))
	want := clitest.Tree(t, dir)
	require.Len(t, moments, 4)
	for i, moment := range moments {
		for _, rest := range []string{"", `{"episodes":3,"outer_st`, strings.Repeat("{\"episodes\":99}\n", 20)} {
			f, err := os.OpenFile(filepath.Join(moment, logFile), os.O_WRONLY|os.O_APPEND, 0)
			require.NoError(t, err)
			_, err = f.WriteString(rest)
			require.NoError(t, err)
			require.NoError(t, f.Close())
			out := filepath.Join(t.TempDir(), "out")
			require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", moment, "--out", out, "--episodes", "8"))
			require.Equal(t, want, clitest.Tree(t, out), "validation %d, then %q in the log", i, rest)
		}
		require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", moment, "--episodes", "8"))
		require.Equal(t, want, clitest.Tree(t, moment), "validation %d, in place", i)
	}
}

// TestKilledAfterTheLastCheckpoint: nothing is left to do but to cut off what the log has too much.
func TestKilledAfterTheLastCheckpoint(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	require.NoError(t, learn(t, context.Background(), io.Discard, small("--out", dir, "--episodes", "6")...))
	want := clitest.Tree(t, dir)
	clitest.WriteFile(t, filepath.Join(dir, logFile), want[logFile]+"{\"epis")
	require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", dir, "--episodes", "6"))
	require.Equal(t, want, clitest.Tree(t, dir))
}

func TestMovedData(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "here")
	args := []string{"--problem", "logistic8", "--rule", "adam", "--batch", "4", "--horizon", "4", "--every", "2", "--data", "here"}
	want := learned(t, append(args, "--episodes", "5")...)
	require.NoError(t, learn(t, context.Background(), io.Discard, append(args, "--episodes", "3", "--out", "run")...))
	require.NoError(t, os.Rename("here", "there"))
	clitest.RequireRefused(t, Run, "data: here: train-images-idx3-ubyte, ", "--resume", "run", "--episodes", "5")
	require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", "run", "--episodes", "5", "--data", "there"))
	got := clitest.Tree(t, "run")
	require.Equal(t, want[optimizerFile], got[optimizerFile])
	require.Equal(t, want[logFile], got[logFile])
}

func TestResumedSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, learn(t, context.Background(), io.Discard, small("--out", "run", "--episodes", "3")...))
	want := clitest.Tree(t, "run")
	same := small("--resume", "run", "--rule", "lstm", "--seed", "1", "--outer-lr", "3e-3", "--clip", "1", "--copies", "1", "--exact=false")
	for _, config := range []string{`{ "layers":1, "hidden":4 }`, `{"hidden":4,"layers":1,"scale":0.1}`} {
		require.NoError(t, learn(t, context.Background(), io.Discard, append(same, "--rule-config", config, "--episodes", "3")...))
		require.Equal(t, want, clitest.Tree(t, "run"), "flags that agree make no difference")
	}
	for flag, want := range map[string]string{
		"--problem=mnist8":            "--problem mnist8: the run in run has quadratic, which can't be changed",
		"--rule=adam":                 "--rule adam: the run in run has lstm, which can't be changed",
		`--rule-config={"hidden":4}`:  `--rule-config {"hidden":4,"layers":2`,
		"--rule-config={":             "--rule-config: want a JSON object",
		"--seed=2":                    "--seed 2: the run in run has 1, which can't be changed",
		"--horizon=13":                "--horizon 13: the run in run has 12",
		"--window=6":                  "--window 6: the run in run has 5",
		"--outer-lr=0.1":              "--outer-lr 0.1: the run in run has 0.003",
		"--clip=2":                    "--clip 2: the run in run has 1",
		"--copies=2":                  "--copies 2: the run in run has 1",
		"--average=0.5":               "--average 0.5: the run in run has 0.995",
		"--fraction=0.5":              "--fraction 0.5: the run in run has 1",
		"--every=4":                   "--every 4: the run in run has 3",
		"--cosine=9":                  "--cosine 9: the run in run has the default, which can't be changed",
		"--exact":                     "--exact true: the run in run has false",
		"--hidden=3,4":                "--hidden 3,4: the run in run has the default",
		"--activation=relu":           "--activation relu: the run in run has the default",
		"--batch=3":                   "--batch 3: the run in run has the default",
		"--data=run":                  "--data run: the run in run has the default",
		"--config=run/optimizer.yaml": "no such file",
	} {
		clitest.RequireRefused(t, Run, want, "--resume", "run", "--episodes", "9", flag)
	}
}

func TestRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, learn(t, context.Background(), io.Discard, small("--out", "run", "--episodes", "4")...))
	files := clitest.Tree(t, "run")
	clitest.WriteFile(t, "file", "a file")
	clitest.WriteFile(t, "bad.yaml", "problem: quadratic\nouter_lr: 0.1\n")
	clitest.WriteFile(t, "nan.yaml", "outer-lr: .nan\n")
	clitest.WriteFile(t, "log/log.jsonl", "{}\n")
	damage := func(dir, train, log string) {
		clitest.WriteFile(t, filepath.Join(dir, trainFile), train)
		clitest.WriteFile(t, filepath.Join(dir, logFile), log)
	}
	train, log := files[trainFile], files[logFile]
	damage("swapped", files[optimizerFile], log)
	damage("empty", "", log)
	damage("cut", train[:len(train)-5], log)
	damage("head", train[:100], log)
	damage("flipped", train[:len(train)-9]+string(train[len(train)-9]^1)+train[len(train)-8:], log)
	damage("short-log", train, log[:len(log)/2])
	clitest.WriteFile(t, "no-log/"+trainFile, train)
	clitest.WriteImages(t, "cut-images")
	clitest.WriteFile(t, "cut-images/train-images-idx3-ubyte", "\x00\x00\x08\x03\x00\x00\x00\x24")
	clitest.WriteImages(t, "no-labels")
	require.NoError(t, os.Remove("no-labels/train-labels-idx1-ubyte"))
	clitest.WriteImages(t, "swapped-idx")
	require.NoError(t, os.Rename("swapped-idx/t10k-labels-idx1-ubyte", "swapped-idx/train-images-idx3-ubyte"))
	clitest.WriteImages(t, "swapped-idx/again")

	for _, c := range []struct {
		want string
		args []string
	}{
		{`no problem "cubic"; there are quadratic, `, []string{"--problem", "cubic"}},
		{`no problem ""`, []string{"--problem="}},
		{`unknown rule "magic"; want one of sgd, `, []string{"--problem", "quadratic", "--rule", "magic"}},
		{`unknown field "hiden"`, []string{"--problem", "quadratic", "--rule-config", `{"hiden":3}`}},
		{`--rule-config: want a JSON object`, []string{"--problem", "quadratic", "--rule-config", `{`}},
		{`want at least 1`, []string{"--problem", "quadratic", "--rule-config", `{"hidden":-1}`}},

		{"nowhere/train.safetensors: no such file", []string{"--resume", "nowhere"}},
		{"log/train.safetensors: no such file", []string{"--resume", "log"}},
		{"file/train.safetensors: not a directory", []string{"--resume", "file"}},
		{`want "training"`, []string{"--resume", "swapped"}},
		{"empty/train.safetensors: bad format", []string{"--resume", "empty"}},
		{"truncated", []string{"--resume", "cut", "--out", "new"}},
		{"truncated", []string{"--resume", "head"}},
		{"damaged", []string{"--resume", "flipped", "--out", "new"}},
		{"short-log: log.jsonl has ", []string{"--resume", "short-log", "--out", "new"}},
		{"no-log/log.jsonl: no such file", []string{"--resume", "no-log"}},
		{"--resume: want the name of a folder, got nothing", []string{"--resume="}},

		{"run: it holds a run already", small("--out", "run")},
		{"log: it holds the log of a run", small("--out", "log")},
		{"log: it holds the log of a run", []string{"--resume", "run", "--out", "log"}},
		{"--out: file: cannot create the folder: not a directory", small("--out", "file")},
		{"--out: file/a/b: cannot create the folder: not a directory", small("--out", "file/a/b")},
		{"--out: file: cannot create the folder", []string{"--resume", "run", "--out", "file"}},
		{"--out: want the name of a folder, got nothing", small("--out=")},

		{"nowhere: ", []string{"--data", "nowhere"}},
		{"no-labels: train-labels-idx1-ubyte: file does not exist", []string{"--data", "no-labels"}},
		{"cut-images: train-images-idx3-ubyte: ", []string{"--data", "cut-images"}},
		{"swapped-idx: ", []string{"--data", "swapped-idx"}},
		{"file: ", []string{"--data", "file"}},
		{"--data: want the name of a folder, got nothing", []string{"--data="}},

		{"quadratic: does not take data", []string{"--problem", "quadratic", "--data", "nowhere"}},
		{"quadratic: does not take hidden, activation, batch", []string{
			"--problem", "quadratic", "--hidden", "3", "--activation", "tanh", "--batch", "3",
		}},
		{"logistic8: does not take hidden", []string{"--problem", "logistic8", "--hidden", "3"}},
		{`no activation "step"`, []string{"--activation", "step"}},

		{"unknown flag --episode", []string{"--episode", "3"}},
		{"unexpected argument run", []string{"run"}},
		{`bad.yaml:2: unknown key "outer_lr"`, []string{"--config", "bad.yaml"}},
		{`nan.yaml:1: outer-lr: want a number above 0, got ".nan"`, []string{"--config", "nan.yaml"}},
		{"none.yaml: no such file", []string{"--config", "none.yaml"}},
		{"--window 13: want at most the horizon, 12", small("--window", "13")},
		{`--progress must be one of`, []string{"--progress", "loud"}},
		{"--seed: ", []string{"--seed", "-1"}},
		{"--seed: ", []string{"--seed", "1.5"}},
		{"--budget: ", []string{"--budget", "0s"}},
		{"--budget: ", []string{"--budget", "-1m"}},
		{"--budget: ", []string{"--budget", "90"}},
		{"--episodes: ", []string{"--episodes", "0"}},
		{"--episodes: ", []string{"--episodes", "1e3"}},
		{"--horizon: ", []string{"--horizon", "-5"}},
		{"--horizon: ", []string{"--horizon", "NaN"}},
		{"--window: ", []string{"--window", "0"}},
		{"--every: ", []string{"--every", "0"}},
		{"--copies: ", []string{"--copies", "-1"}},
		{"--average: want a number from 0 to below 1, got 1", []string{"--average", "1"}},
		{"--average: want a number from 0 to below 1, got NaN", []string{"--average", "nan"}},
		{"--fraction: want a number above 0 and at most 1, got 1.5", []string{"--fraction", "1.5"}},
		{"--fraction: ", []string{"--fraction", "0"}},
		{"--batch: ", []string{"--batch", "0"}},
		{"--hidden: ", []string{"--hidden", "20,0"}},
		{"--hidden: ", []string{"--hidden="}},
		{"--outer-lr: ", []string{"--outer-lr", "NaN"}},
		{"--outer-lr: ", []string{"--outer-lr", "0"}},
		{"--outer-lr: ", []string{"--outer-lr", "-0.1"}},
		{"--clip: ", []string{"--clip", "Inf"}},
		{"--exact: ", []string{"--exact=maybe"}},
	} {
		clitest.RequireRefused(t, Run, c.want, c.args...)
	}
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
	for _, want := range []string{"--resume=DIR", "quadratic, quadratic-uniform, mnist, mnist8", "mechanic, rmsmomentum, polyak, lstm"} {
		require.Contains(t, stdout, want)
	}
}
