package identify

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

// TestMain lets the test binary stand in for the command.
func TestMain(m *testing.M) {
	if os.Getenv("IDENTIFY_TEST_MAIN") != "" {
		Main()
		return
	}
	goleak.VerifyTestMain(m)
}

// small is a study that takes no time.
func small(args ...string) []string {
	return append([]string{"--rules", "adam,fa,sgd", "--nets", "13", "--steps", "24"}, args...)
}

// report is the JSON that other tools read.
type report struct {
	Rules    []string
	Nets     int
	Chance   float64
	Accuracy struct {
		Net, Layer, Permuted stat
		ByObservable         map[string]stat `json:"by_observable"`
	}
	Confusion  [][]int
	Importance []struct {
		Name  string
		Value *float64
	}
}

type stat struct{ Mean, StdErr *float64 }

func TestStudy(t *testing.T) {
	t.Chdir(t.TempDir())
	table, _ := clitest.MustRun(t, Run, small("--json", "a.json", "--plot", "a.png", "--model", "nets.safetensors")...)
	require.Contains(t, table, "12 networks under 3 rules, chance 0.333")
	text, err := os.ReadFile("a.json")
	require.NoError(t, err)
	var r report
	require.NoError(t, json.Unmarshal(text, &r))
	require.Equal(t, []string{"adam", "fa", "sgd"}, r.Rules)
	require.Equal(t, 12, r.Nets)
	require.InDelta(t, 1./3, r.Chance, 1e-12)
	for _, name := range []string{"weights", "activations", "change"} {
		r.Accuracy.Permuted = r.Accuracy.ByObservable[name]
		require.NotNil(t, r.Accuracy.Permuted.Mean)
		require.NotNil(t, r.Accuracy.Permuted.StdErr)
	}
	for _, s := range []stat{r.Accuracy.Net, r.Accuracy.Layer} {
		require.NotNil(t, s.Mean)
		require.NotNil(t, s.StdErr)
	}
	require.Len(t, r.Confusion, 3)
	require.Len(t, r.Confusion[0], 3)
	require.NotEmpty(t, r.Importance)
	picture, err := os.Open("a.png")
	require.NoError(t, err)
	defer picture.Close()
	_, err = png.Decode(picture)
	require.NoError(t, err)

	// The file stands for the networks: nothing is trained, and the results are the same.
	again, _ := clitest.MustRun(t, Run, "--model", "nets.safetensors", "--json", "-")
	require.Equal(t, string(text), again)
}

func TestRecordAndIdentify(t *testing.T) {
	t.Chdir(t.TempDir())
	out, _ := clitest.MustRun(t, Run, "--record", "seen/it", "--credit", "fa", "--optimizer", "adam", "--steps", "30", "--seed", "4", "--lr", "0.002")
	require.Contains(t, out, filepath.Join("seen/it", recordingFile)+": 3 layers at 21 times of 30 steps under fa+adam")
	f, err := checkpoints.Load(filepath.Join("seen/it", recordingFile), "recording")
	require.NoError(t, err)
	require.Equal(t, "0.002", f.Meta["provenance.rate"])
	require.Equal(t, []int{21, 64, 48}, f.Layout("")[0].Shape)

	trained, _ := clitest.MustRun(t, Run, small("--of", "seen/it", "--model", "nets.safetensors", "--json", "-")...)
	text, _ := clitest.MustRun(t, Run, "--of", "seen/it", "--model", "nets.safetensors", "--json", "-")
	require.Equal(t, trained, text, "the file stands for the networks")
	var v struct {
		Probabilities map[string]float64
		Known         *bool
	}
	require.NoError(t, json.Unmarshal([]byte(text), &v))
	require.NotNil(t, v.Known)
	sum := 0.0
	for _, rule := range []string{"adam", "fa", "sgd"} {
		p, ok := v.Probabilities[rule]
		require.True(t, ok)
		sum += p
	}
	require.InDelta(t, 1, sum, 1e-9)
	words, _ := clitest.MustRun(t, Run, small("--of", filepath.Join("seen/it", recordingFile))...)
	require.Regexp(t, "likeliest: |unlike any known rule: ", words)

	before, err := os.ReadFile(filepath.Join("seen/it", recordingFile))
	require.NoError(t, err)
	clitest.RequireRefused(t, Run, "it is there already", "--record", "seen/it")
	clitest.MustRun(t, Run, "--record", "again", "--credit", "fa", "--optimizer", "adam", "--steps", "30", "--seed", "4", "--lr", "0.002")
	after, err := os.ReadFile(filepath.Join("again", recordingFile))
	require.NoError(t, err)
	require.Equal(t, before, after, "same seed, same bits")
	clitest.MustRun(t, Run, "--record", "linear", "--problem", "logistic8", "--optimizer", "lstm-mnist8", "--steps", "30")
}

func TestRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.MustRun(t, Run, "--record", "seen", "--steps", "20")
	clitest.MustRun(t, Run, small("--of", "seen", "--model", "nets.safetensors")...)
	text, err := os.ReadFile("seen/" + recordingFile)
	require.NoError(t, err)
	clitest.WriteFile(t, "short.safetensors", string(text[:len(text)/2]))
	clitest.WriteFile(t, "flipped.safetensors", string(text[:len(text)-9])+"x"+string(text[len(text)-8:]))
	clitest.WriteFile(t, "foreign", "no file of ours")
	clitest.WriteFile(t, "empty/x", "")
	for _, c := range []struct {
		want string
		args []string
	}{
		{`--rules: identify: rule "adamant": no optimizer "adamant"; want CREDIT+OPTIMIZER`, []string{"--rules", "adam,adamant"}},
		{"--rules: 1 rule; want 2 or more", []string{"--rules", "adam"}},
		{`rules "adam" and "backprop+adam" are the same`, []string{"--rules", "adam,backprop+adam"}},
		{"--nets: 11 networks under 3 rules; want 4 or more under each", []string{"--rules", "adam,fa,sgd", "--nets", "11"}},
		{"21 times over 5 steps", small("--steps", "5")},
		{"--data: want the name of a folder", small("--data", "")},
		{"truncated", []string{"--of", "short.safetensors", "--model", "nets.safetensors"}},
		{"bad checksum", []string{"--of", "flipped.safetensors", "--model", "nets.safetensors"}},
		{"--of: ", []string{"--of", "foreign", "--model", "nets.safetensors"}},
		{"no such file", []string{"--of", "empty", "--model", "nets.safetensors"}},
		{"no such file", []string{"--of", "nowhere", "--model", "nets.safetensors"}},
		{"wrong kind", []string{"--of", "nets.safetensors"}},
		{"--model: checkpoints: seen/" + recordingFile + ": wrong kind", []string{"--model", "seen/" + recordingFile}},
		{"--model: checkpoints: short.safetensors", []string{"--model", "short.safetensors"}},
		{"--nets: 40, but the networks of --model nets.safetensors have 12", []string{"--nets", "40", "--model", "nets.safetensors"}},
		{"--seed: 2, but the networks", []string{"--seed", "2", "--model", "nets.safetensors"}},
		{"--steps: 99, but the networks", []string{"--steps", "99", "--model", "nets.safetensors"}},
		{`--rules: ["adam" "fa"], but the networks`, []string{"--rules", "adam,fa", "--model", "nets.safetensors"}},
		{"--data: the networks of --model have been trained", []string{"--data", "x", "--model", "nets.safetensors"}},
		{"--plot: there is nothing to be drawn with --of", []string{"--of", "seen", "--plot", "a.png"}},
		{"--plot: a.txt: want a file name ending in .png or .svg", []string{"--plot", "a.txt"}},
		{"--plot: a.png: it is the file of --json", []string{"--plot", "a.png", "--json", "a.png"}},
		{"--json: seen/" + recordingFile + ": it is the file of --of", []string{"--of", "seen", "--json", "seen/" + recordingFile}},
		{"--model: a.json: it is the file of --json", []string{"--model", "a.json", "--json", "a.json"}},
		{"--lr: only with --record", []string{"--lr", "0.1"}},
		{"--problem: only with --record", []string{"--problem", "mnist"}},
		{"--json: not with --record", []string{"--record", "new", "--json", "-"}},
		{"--of: not with --record", []string{"--record", "new", "--of", "seen"}},
		{"--record: want the name of a folder", []string{"--record", ""}},
		{"--record: foreign: want a folder, but it is none", []string{"--record", "foreign"}},
		{"--steps: 19, with 21 times", []string{"--record", "new", "--steps", "19"}},
		{`no problem "x"`, []string{"--record", "new", "--problem", "x"}},
		{`no optimizer "x"`, []string{"--record", "new", "--optimizer", "x"}},
		{`no rule "x"`, []string{"--record", "new", "--credit", "x"}},
		{"does not take", []string{"--record", "new", "--problem", "logistic8", "--hidden", "3"}},
	} {
		clitest.RequireRefused(t, Run, c.want, c.args...)
	}
}

func TestInterrupted(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, args := range [][]string{small("--model", "m"), {"--record", "seen"}} {
		require.ErrorIs(t, Run(ctx, args, io.Discard, io.Discard), context.Canceled)
	}
	require.Equal(t, map[string]string{".": "folder"}, clitest.Tree(t, "."))
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Run(context.Background(), []string{"--help"}, &out, io.Discard))
	require.Contains(t, out.String(), "sign-symmetry")
}
