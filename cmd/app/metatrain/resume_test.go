package metatrain

import (
	"bytes"
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/cmd/internal/rundir"
	"github.com/seed1498fded/unroll/meta"
)

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
		"tasks":        small("--tasks-per-step", "3", "--meta-loss", `{"log":true,"minibatches":"other","baseline":"sgd"}`),
		"tasks by pes": small("--tasks-per-step", "2", "--meta-loss", `{"log":true}`, "--estimator", "pes", "--estimator-config", `{"pairs":1,"control":"exact"}`, "--every", "2"),
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
	require.Equal(t, want, learnedTree(t, dir))
}

// learnedTree is the folder of a run that was compared, without what the comparison adds.
func learnedTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	tree := clitest.Tree(t, dir)
	require.Contains(t, tree, rundir.Baselines)
	delete(tree, rundir.Baselines)
	return tree
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
		require.Equal(t, want, learnedTree(t, dir))
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

// A checkpoint that lacks something is refused by the name of its folder.
func TestResumeOfACheckpointThatLacksSomething(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, learn(t, context.Background(), io.Discard, small("--out", "run", "--episodes", "4")...))
	path := filepath.Join("run", trainFile)
	f, err := checkpoints.Load(path, meta.KindTraining)
	require.NoError(t, err)
	f.Tensors = f.Tensors[1:]
	require.NoError(t, f.Save(path))
	clitest.RequireRefused(t, Run, "--resume run: ", "--resume", "run", "--episodes", "9")
}
