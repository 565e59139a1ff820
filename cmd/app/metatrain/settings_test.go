package metatrain

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/cmd/internal/clitest"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

func parsed(t *testing.T, args ...string) options {
	t.Helper()
	var o options
	_, err := cli.Parse("metatrain", description, &o, args, io.Discard, io.Discard, vars())
	require.NoError(t, err, "%q", args)
	return o
}

// Law: to give a flag with the value that it has anyway changes nothing, neither in a new run nor in a resumed one,
// whatever the flag.
func TestDefaultsSaidAloud(t *testing.T) {
	// Flags that have no default to be said, or that are not settings of a run.
	without := []string{"config", "recipe", "progress", "data", "from", "cosine", "out", "resume", "resume-if-there", "budget", "episodes", "generations", "workers", "version"}
	without = append(without, "listen", "nats", "connect", "token-file", "token", "tls-cert", "tls-key", "tls-ca", "any-kernels", "members", "serve", "view", "tensorboard", "csv")
	common := map[string]string{
		"seed": "1", "horizon": "100", "window": "20", "clip": "1", "average": "0.995", "keep": "best", "objective": "borders", "fraction": "1", "exact": "false", "settle": "false",
		"learner": "bptt", "estimator": "bptt", "tasks-per-step": "1", "meta-loss": `{"minibatches":"train"}`, "rule": "lstm", "rule-config": `{"hidden":20,"layers":2,"scale":0.1,"preprocess":10}`,
	}
	// What of these other problems have no default for, or another that does not follow from the problem alone.
	notCommon := map[string][]string{
		"search": {"rule", "rule-config", "learner", "estimator", "horizon", "window", "clip", "objective"}, "lives": {"rule", "rule-config"},
		"estimator": {"estimator", "objective"}, "whole episodes": {"estimator", "objective", "window"},
	}
	network := map[string]string{
		"problem": "mnist8", "hidden": "20", "activation": "sigmoid", "batch": "128", "outer-lr": "0.01", "copies": "1", "every": "20",
		"loss": "cross-entropy", "init": "normal0.1",
	}
	lives := map[string]string{
		"problem": "boolean", "rule": "bengio7", "rule-config": "{}", "tasks": "8", "outer-lr": "0.02", "clip": "0.3", "horizon": "120", "window": "120",
		"copies": "32", "every": "320", "objective": "last", "curriculum": "12,32,60",
	}
	for name, c := range map[string]struct {
		args []string
		said map[string]string
	}{
		"network":   {nil, network},
		"quadratic": {[]string{"--problem", "quadratic"}, map[string]string{"problem": "quadratic", "outer-lr": "3e-3", "copies": "32", "every": "3200"}},
		"logistic":  {[]string{"--problem", "logistic8"}, map[string]string{"problem": "logistic8", "batch": "128", "copies": "1"}},
		"credit": {[]string{"--credit", "fa"}, map[string]string{
			"credit": "fa", "credit-config": "{}", "loss": "cross-entropy", "init": "normal0.1", "hidden": "20", "activation": "sigmoid", "batch": "128",
		}},
		"lives": {[]string{"--problem", "boolean", "--rule", "bengio7"}, lives},
		"search": {[]string{"--problem", "boolean", "--rule", "bengio7", "--learner", "es"}, map[string]string{
			"learner-config": `{"lambda":100,"mu":15}`, "copies": "8", "every": "8000",
		}},
		"estimator": {[]string{"--problem", "quadratic", "--estimator", "gpes"}, map[string]string{
			"estimator-config": `{"k":10,"sigma":0.01,"pairs":16}`, "objective": "mean", "copies": "1", "every": "1600",
		}},
		"whole episodes": {[]string{"--estimator", "es", "--estimator-config", `{"pairs":4}`}, map[string]string{
			"estimator-config": `{"sigma":0.01,"pairs":4}`, "objective": "mean", "copies": "1", "every": "80", "window": "100",
		}},
		"another rule": {[]string{"--rule", "adam"}, map[string]string{"rule": "adam", "rule-config": "{}"}},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := newSettings(parsed(t, c.args...))
			require.NoError(t, err)
			config, err := json.Marshal(want)
			require.NoError(t, err)
			saved := &checkpoints.File{Kind: meta.KindTraining, Meta: map[string]string{"config": string(config)}}
			for _, said := range []map[string]string{common, c.said} {
				for flag, value := range said {
					if own := c.said[flag]; said["seed"] != "" && (own != "" || slices.Contains(notCommon[name], flag)) {
						continue
					}
					flags := []string{"--" + flag + "=" + value}
					got, err := newSettings(parsed(t, append(flags, c.args...)...))
					require.NoError(t, err, flags)
					require.Equal(t, want, got, flags)
					got, err = resumed(parsed(t, append(flags, "--resume", "run")...), saved)
					require.NoError(t, err, flags)
					require.Equal(t, want, got, flags)
				}
			}
		})
	}

	known := append(without, "credit", "credit-config", "learner-config", "estimator-config")
	for _, said := range []map[string]string{common, network, lives} {
		for flag := range said {
			known = append(known, flag)
		}
	}
	help, _ := clitest.MustRun(t, Run, "--help")
	for _, word := range strings.Fields(help) {
		if flag, ok := strings.CutPrefix(word, "--"); ok {
			flag, _, _ = strings.Cut(strings.TrimRight(flag, ".,;:)"), "=")
			require.Contains(t, append(known, "help"), flag, "a new flag: does saying its default change anything?")
		}
	}
}

// Law: a setting has one name. It is a flag, a member of the checkpoint's JSON and, but for its dashes, a line of provenance.
func TestOneName(t *testing.T) {
	help, _ := clitest.MustRun(t, Run, "--help")
	var s settings
	for _, f := range s.fields() {
		require.NotEmpty(t, f.name)
		if f.tag.Get("kong") != "-" {
			require.Regexp(t, `\n +--`+f.name+`[=\s]`, help)
		}
	}
	given := parsed(t, "--credit", "fa", "--credit-config", `{"scale":2}`, "--outer-lr", "0.5", "--hidden", "4,3", "--data", "here", "--from", "there", "--keep", "last")
	got := given.provenance()
	require.Equal(t, map[string]string{
		"problem": "mnist8", "hidden": "4,3", "credit": "fa", "credit_config": `{"scale":2}`, "from": "there", "seed": "1",
		"outer_lr": "0.5", "average": "0.995", "keep": "last", "fraction": "1", "exact": "false", "settle": "false",
	}, got, "what a rule's file says anyway is not repeated, a folder's name is nobody's business, what is not filled in yet is left out")
}

// Law: the settings of the checkpoints that are about keep their form, to the byte, and can be gone on with.
func TestFormOfSettings(t *testing.T) {
	const config = `{"problem":"mnist8","hidden":[4,3],"activation":"tanh","batch":3,"data":"here","credit":"fa","credit-config":{"scale":2},` +
		`"loss":"squared-error","init":"normal0.1","rule":"lstm","rule-config":{"hidden":3,"layers":2,"scale":0.1,"preprocess":10},"seed":7,"horizon":5,"window":3,` +
		`"outer-lr":0.01,"cosine":40,"clip":0.5,"copies":2,"every":4,"average":0.995,"keep":"last","fraction":1}`
	s, err := newSettings(parsed(t, "--problem", "mnist8", "--hidden", "4,3", "--activation", "tanh", "--batch", "3", "--data", "here", "--credit", "fa",
		"--credit-config", `{"scale":2}`, "--loss", "squared-error", "--rule-config", `{"hidden":3}`, "--seed", "7", "--horizon", "5", "--window", "3",
		"--cosine", "40", "--clip", "0.5", "--copies", "2", "--every", "4", "--keep", "last"))
	require.NoError(t, err)
	written, err := json.Marshal(s)
	require.NoError(t, err)
	require.Equal(t, config, string(written))
	saved := &checkpoints.File{Kind: meta.KindTraining, Meta: map[string]string{"config": config}}
	got, err := resumed(parsed(t, "--resume", "run"), saved)
	require.NoError(t, err)
	require.Equal(t, s, got)
}

// Whatever source names a flag, it counts as given; the file and the environment win over what a saved run has no more than the
// command line does.
func TestGivenByAnySource(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, learn(t, context.Background(), io.Discard, small("--out", "run", "--episodes", "2")...))
	clitest.WriteFile(t, "run.yaml", "clip: 2\n")
	clitest.RequireRefused(t, Run, "--clip 2: the run in run has 1", "--resume", "run", "--config", "run.yaml")
	t.Setenv("UNROLL_CLIP", "3")
	clitest.RequireRefused(t, Run, "--clip 3: the run in run has 1", "--resume", "run", "--config", "run.yaml")
	t.Setenv("UNROLL_CLIP", "1")
	require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", "run", "--episodes", "2"))
}

// A training checkpoint of an earlier version, which wrote down what was said, can be resumed by saying it again or not.
func TestSettingsOfEarlierVersions(t *testing.T) {
	s, err := newSettings(parsed(t))
	require.NoError(t, err)
	s.Keep, s.Hidden, s.Batch, s.Activation = "best", []int{20}, 128, "sigmoid"
	config, err := json.Marshal(s)
	require.NoError(t, err)
	saved := &checkpoints.File{Kind: meta.KindTraining, Meta: map[string]string{"config": string(config)}}
	for _, args := range [][]string{nil, {"--keep", "best"}, {"--hidden", "20", "--batch", "128"}} {
		_, err := resumed(parsed(t, append(args, "--resume", "run")...), saved)
		require.NoError(t, err)
	}
	_, err = resumed(parsed(t, "--resume", "run", "--keep", "last"), saved)
	require.EqualError(t, err, "--keep last: the run in run has the default, which can't be changed")
}

// Images are known again by what they are and not by where they lie.
func TestOtherImages(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "here")
	clitest.WriteImages(t, "others")
	path := filepath.Join("others", "train-labels-idx1-ubyte")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	text[len(text)-1], text[len(text)-2] = text[len(text)-2], text[len(text)-1]
	require.NoError(t, os.WriteFile(path, text, 0o666))

	args := []string{"--problem", "logistic8", "--rule", "adam", "--batch", "4", "--horizon", "4", "--every", "2", "--data", "here", "--out", "run"}
	require.NoError(t, learn(t, context.Background(), io.Discard, append(args, "--episodes", "3")...))
	clitest.RequireRefused(t, Run, "--data others: these are not the images that the run began with: their sha256 begins with ",
		"--resume", "run", "--episodes", "5", "--data", "others")
	require.NoError(t, os.Rename("here", "there"))
	require.NoError(t, os.Rename("others", "here"))
	clitest.RequireRefused(t, Run, "--data here: these are not the images", "--resume", "run", "--episodes", "5")
	require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", "run", "--episodes", "5", "--data", "there"))

	// Earlier versions took no fingerprint.
	change(t, "run", func(f *checkpoints.File) {
		var s settings
		require.NoError(t, json.Unmarshal(meta.CheckpointConfig(f), &s))
		require.NotEmpty(t, s.Images)
		s.Images = ""
		config, err := json.Marshal(s)
		require.NoError(t, err)
		f.Meta["config"] = string(config)
	})
	require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", "run", "--episodes", "6", "--data", "there"))
}

// change edits the checkpoint of a run.
func change(t *testing.T, dir string, edit func(*checkpoints.File)) {
	t.Helper()
	path := filepath.Join(dir, trainFile)
	f, err := checkpoints.Load(path, meta.KindTraining)
	require.NoError(t, err)
	edit(f)
	require.NoError(t, f.Save(path))
}

// The files of a run tell what made them, and who goes on with it on another machine is told that the bits will differ.
func TestOrigin(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	now := runtime.GOARCH + " " + kernel.Level()
	require.NoError(t, learn(t, context.Background(), io.Discard, small("--episodes", "3", "--out", dir)...))
	provenance := func() map[string]string {
		trained, err := learnedopt.Load(filepath.Join(dir, optimizerFile))
		require.NoError(t, err)
		return trained.Provenance
	}
	require.Equal(t, now, provenance()["instructions"])
	require.Contains(t, provenance(), "version")

	_, stderr := clitest.MustRun(t, Run, "--resume", dir, "--episodes", "4", "--progress", "plain")
	require.NotContains(t, stderr, "rounding")
	change(t, dir, func(f *checkpoints.File) {
		require.Equal(t, now, f.Meta["instructions"])
		require.Contains(t, f.Meta, "version")
		f.Meta["instructions"] = "pdp11 go"
	})
	_, stderr = clitest.MustRun(t, Run, "--resume", dir, "--episodes", "5", "--progress", "plain")
	require.Contains(t, stderr, "\nlearned on pdp11 go so far and now on "+now+": the same up to rounding, not to the bit\n")
	require.Equal(t, "pdp11 go, "+now, provenance()["instructions"])
	_, stderr = clitest.MustRun(t, Run, "--resume", dir, "--episodes", "7", "--progress", "plain")
	require.NotContains(t, stderr, "rounding", "it is known by now")
	require.Equal(t, "pdp11 go, "+now, provenance()["instructions"])
	change(t, dir, func(f *checkpoints.File) { delete(f.Meta, "instructions") })
	_, stderr = clitest.MustRun(t, Run, "--resume", dir, "--episodes", "8", "--progress", "plain")
	require.NotContains(t, stderr, "rounding", "a file of an earlier version does not say")
}

// A rule of the zoo goes by its name, with the prefix or without, as in compare.
func TestFromTheZoo(t *testing.T) {
	t.Chdir(t.TempDir())
	quick := []string{"--problem", "quadratic", "--horizon", "4", "--copies", "1", "--every", "3", "--episodes", "1"}
	require.NoError(t, learn(t, context.Background(), io.Discard, append(quick, "--from", "lstm-quadratic", "--out", "bare")...))
	require.NoError(t, learn(t, context.Background(), io.Discard, append(quick, "--from", "zoo:lstm-quadratic", "--out", "full")...))
	require.Equal(t, clitest.Tree(t, "full"), clitest.Tree(t, "bare"))
	for _, from := range []string{"lstm-quadratic", "zoo:lstm-quadratic"} {
		require.NoError(t, learn(t, context.Background(), io.Discard, "--resume", "bare", "--episodes", "1", "--from", from))
	}
	clitest.RequireRefused(t, Run, "--from zoo:lstm-mnist: the run in bare has zoo:lstm-quadratic", "--resume", "bare", "--from", "lstm-mnist")
	// The other rule is named with its own settings.
	clitest.RequireRefused(t, Run, `it holds the rule lstm {"hidden":`, append(quick, "--from", "lstm-quadratic", "--rule", "sgd")...)
	clitest.RequireRefused(t, Run, `, not sgd {"lr":`, append(quick, "--from", "lstm-quadratic", "--rule", "sgd")...)
}

// A rule of other settings begins with the weights that it shares with a learned one; what it has more begins as in a new run.
func TestFromOtherSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	known, either := &mlp.General{}, &mlp.General{Horizon: "either"}
	learned := &learnedopt.Trained{Rule: known, Phi: learnedopt.Phi(known, 7)}
	require.NoError(t, learned.Save("known"))
	flags := func(config string) []string {
		return []string{"--problem", "quadratic", "--horizon", "4", "--episodes", "1", "--rule", "general", "--rule-config", config, "--from", "known"}
	}
	from := func(config string) *learnedopt.Trained {
		o := parsed(t, flags(config)...)
		s, err := newSettings(o)
		require.NoError(t, err)
		got, err := s.begin(o)
		require.NoError(t, err)
		return got
	}
	decays := from(`{"weight_decay":0.5}`)
	require.Equal(t, learned.Phi, decays.Phi)
	require.Equal(t, 0.5, decays.Rule.(*mlp.General).Decay)

	got, layout := from(`{"horizon":"either"}`).Phi, either.Spec().Phi
	begun := learnedopt.Phi(either, 1)
	for _, p := range layout {
		want := params.Slice(layout, begun, p.Name)
		if p.Name != "untold" {
			want = params.Slice(known.Spec().Phi, learned.Phi, p.Name)
		}
		require.Equal(t, want, params.Slice(layout, got, p.Name), p.Name)
	}
	clitest.RequireRefused(t, Run, `--from known: its w0 [30 8] has no place in general {"hidden":4,`, flags(`{"hidden":4}`)...)
}

// Of two errors at the end of a run none is lost, and one that is the same is told once.
func TestBoth(t *testing.T) {
	full, diverged := errors.New("log.jsonl: no space left on device"), errors.New("the rule has diverged")
	require.NoError(t, both(nil, nil))
	require.Equal(t, full, both(nil, full))
	require.Equal(t, full, both(full, nil))
	require.EqualError(t, both(full, errors.New(full.Error())), full.Error())
	require.EqualError(t, both(diverged, full), "the rule has diverged; and saving failed: log.jsonl: no space left on device")
	require.ErrorIs(t, both(diverged, full), full)
	require.NotErrorIs(t, both(context.Canceled, full), context.Canceled, "it was not stopped in good order")
	require.ErrorIs(t, both(context.Canceled, nil), context.Canceled)
}

// A run under a credit rule that was saved before there was a choice began at LeCun's start, and goes on from there.
func TestRunsSavedWithoutInit(t *testing.T) {
	s, err := newSettings(parsed(t, "--credit", "fa"))
	require.NoError(t, err)
	require.Equal(t, "normal0.1", s.Init, "said, to be told from runs that do not say it")
	s.Init = ""
	config, err := json.Marshal(s)
	require.NoError(t, err)
	saved := &checkpoints.File{Kind: meta.KindTraining, Meta: map[string]string{"config": string(config)}}
	got, err := resumed(parsed(t, "--resume", "run"), saved)
	require.NoError(t, err)
	require.Equal(t, "lecun", got.Init)
	_, err = resumed(parsed(t, "--resume", "run", "--init", "normal0.1"), saved)
	require.ErrorContains(t, err, "--init normal0.1: the run in run has lecun, which can't be changed")
}
