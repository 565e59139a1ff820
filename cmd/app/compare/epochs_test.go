package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/cmd/internal/clitest"
)

// crossed is a cross product that takes no time; it wants the folder images.
func crossed(args ...string) []string {
	return append([]string{
		"--problem", "mnist8", "--data", "images", "--batch", "4", "--hidden", "5,4,3", "--activation", "tanh", "--credit", "backprop,fa", "--epochs", "3",
	}, args...)
}

// crossReport is the JSON that other tools read, with all runs in one list.
type crossReport struct {
	Results []crossRun
	Problem string
	Layers  []int
	Train   int `json:"train_images"`
	Test    int `json:"test_images"`
}

type crossRun struct {
	Credit, Rule string
	Seed         uint64
	Loss         []*float64
	TestError    []float64  `json:"test_error"`
	Angle        []*float64 `json:"angle_deg"`
	NormRatio    []*float64 `json:"norm_ratio"`
	Seconds      float64
}

func readCross(t *testing.T, path string) crossReport {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(text), "{\n\t\"results\": ["), "results come first")
	var r crossReport
	require.NoError(t, json.Unmarshal(text, &r))
	var pairs struct {
		Results []struct {
			Credit, Name string
			Each         []crossRun
		}
	}
	require.NoError(t, json.Unmarshal(text, &pairs))
	r.Results = nil
	for _, pair := range pairs.Results {
		for _, x := range pair.Each {
			x.Credit, x.Rule = pair.Credit, pair.Name
			r.Results = append(r.Results, x)
		}
	}
	return r
}

func TestEpochs(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	writeRule(t, "rule.safetensors")
	stdout, _ := clitest.MustRun(t, Run, crossed("--optimizer", "adam,rule.safetensors", "--runs", "2", "--seed", "5", "--json", "r.json", "--plot", "p.png")...)
	for _, want := range []string{
		"mnist8: 64-5-4-3-3 tanh, cross-entropy, minibatches of 4\n",
		"epochs: 3, over 36 training images; error on 6 test images; mean ± standard error of 2 runs, seeds 5 to 6\n",
		"\nbackprop   adam ", "\nbackprop   rule.safetensors ", "\nfa         adam ", "\nfa         rule.safetensors ",
	} {
		require.Contains(t, stdout, want)
	}
	r := readCross(t, "r.json")
	require.Equal(t, []any{"mnist8", []int{64, 5, 4, 3, 3}, 36, 6}, []any{r.Problem, r.Layers, r.Train, r.Test})
	require.Len(t, r.Results, 2*2*2)
	for i, x := range r.Results {
		require.Equal(t, []string{"backprop", "fa"}[i/4], x.Credit)
		require.Equal(t, []string{"adam", "rule.safetensors"}[i/2%2], x.Rule)
		require.EqualValues(t, 5+i%2, x.Seed)
		require.Len(t, x.Loss, 3)
		require.Len(t, x.TestError, 3)
		require.Len(t, x.Angle, 3)
		require.Len(t, x.NormRatio, 3)
		require.Positive(t, x.Seconds)
		for l := range x.Angle {
			switch {
			case x.Rule != "adam": // untrained, it may leave no gradient to have an angle to
			case x.Credit == "backprop":
				require.InDelta(t, 0, *x.Angle[l], 1e-3)
				require.InDelta(t, 1, *x.NormRatio[l], 1e-3)
			default:
				require.Greater(t, *x.Angle[l], 1.0)
			}
		}
	}
	text, err := os.ReadFile("p.png")
	require.NoError(t, err)
	picture, err := png.Decode(bytes.NewReader(text))
	require.NoError(t, err)
	require.Greater(t, picture.Bounds().Dx(), 700, "two panels")
}

// The same seed gives the same numbers; only times differ.
func TestEpochsSameSeedSameReport(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	read := func(name string) crossReport {
		r := readCross(t, name)
		for i := range r.Results {
			r.Results[i].Seconds = 0
		}
		return r
	}
	clitest.MustRun(t, Run, crossed("--json", "one.json", "--runs", "2")...)
	runtime.GOMAXPROCS(4)
	clitest.MustRun(t, Run, crossed("--json", "four.json", "--runs", "2")...)
	clitest.MustRun(t, Run, crossed("--json", "second.json", "--seed", "2")...)
	one := read("one.json")
	require.Equal(t, one, read("four.json"))
	require.Equal(t, one.Results[1], read("second.json").Results[0], "the second run is that of the next seed")
	require.Equal(t, "adam", one.Results[0].Rule, "without --optimizer")
}

func TestEpochsOptions(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	seen := map[float64]bool{}
	for _, args := range [][]string{
		nil, {"--lr", "0.1"}, {"--loss", "squared-error"}, {"--optimizer", "sgd"}, {"--credit", "fa", "--credit-config", `{"scale":3}`}, {"--credit", "fa"},
	} {
		clitest.MustRun(t, Run, crossed(append(args, "--json", "r.json")...)...)
		loss := *readCross(t, "r.json").Results[0].Loss[2]
		require.NotContains(t, seen, loss, "%q", args)
		seen[loss] = true
	}
}

// Softmax regression has no hidden layers: every credit rule is backprop there, and there are no angles.
func TestEpochsWithoutHiddenLayers(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	clitest.MustRun(t, Run, "--problem", "logistic8", "--data", "images", "--batch", "4", "--credit", "backprop,fa,dfa", "--epochs", "2",
		"--json", "r.json", "--plot", "p.svg")
	r := readCross(t, "r.json")
	require.Len(t, r.Results, 3)
	for _, x := range r.Results {
		require.Equal(t, r.Results[0].Loss, x.Loss)
		require.Empty(t, x.Angle)
	}
	require.FileExists(t, "p.svg")
}

// Without epochs the comparison is the one by steps, with a credit rule's signal for the gradient.
func TestStepsUnderCredit(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	writeRule(t, "rule.safetensors")
	steps := func(args ...string) report {
		clitest.MustRun(t, Run, append([]string{"--problem", "mnist8", "--data", "images", "--batch", "4", "--hidden", "5,4", "--steps", "6", "--runs", "3",
			"--tune-runs", "1", "--optimizer", "rule.safetensors,sgd", "--json", "r.json", "--plot", "p.png"}, args...)...)
		return readReport(t, "r.json")
	}
	fa, backprop, plain := steps("--credit", "fa"), steps("--credit", "backprop"), steps()
	for i := range fa.Results {
		require.Equal(t, *fa.Results[i].Curve[0], *backprop.Results[i].Curve[0], "the same starts")
		require.NotEqual(t, *fa.Results[i].Curve[5], *backprop.Results[i].Curve[5])
		require.Equal(t, plain.Results[i].Curve, backprop.Results[i].Curve, "backprop is no credit rule")
	}
	stdout, _ := clitest.MustRun(t, Run, "--problem", "mnist8", "--data", "images", "--batch", "4", "--credit", "fa", "--steps", "2", "--runs", "1",
		"--tune-runs", "1", "--optimizer", "sgd")
	require.Contains(t, stdout, "mnist8 under fa: 1 runs of 2 steps, seed 1\n")
}

func TestEpochsInterrupt(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	before := clitest.Tree(t, ".")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout bytes.Buffer
	require.ErrorIs(t, Run(ctx, crossed("--json", "r.json", "--plot", "p.png"), &stdout, io.Discard), context.Canceled)
	require.Empty(t, stdout.String())
	require.Equal(t, before, clitest.Tree(t, "."))
}

func TestEpochsRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	clitest.WriteImages(t, "images")
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--epochs: training for epochs is by credit rules; want --credit with one or more of backprop, fa, ", []string{"--epochs", "2"}},
		{"--steps: not with --epochs", crossed("--steps", "5")},
		{"--tune-runs: not with --epochs", crossed("--tune-runs", "5")},
		{"--lr: only with --epochs", small("--lr", "0.1")},
		{"--credit: want one rule, got 2; training for --epochs takes several", []string{"--data", "images", "--credit", "fa,dfa"}},
		{"--credit-config: these are the settings of one --credit rule; there are 2", crossed("--credit-config", "{}")},
		{"--credit-config: these are the settings of one --credit rule; there are 0", small("--credit-config", "{}")},
		{"does not take loss", small("--loss", "squared-error")},
		{`--credit: credit: no rule "blame"; there are backprop, fa, `, crossed("--credit", "fa,blame")},
		{"--credit: want names", crossed("--credit=")},
		{"--credit: credit: fa: scale is -1, want a number above 0", crossed("--credit", "fa", "--credit-config", `{"scale":-1}`)},
		{`no loss "hinge"`, crossed("--loss", "hinge")},
		{"catalog: quadratic: does not take credit", []string{"--problem", "quadratic", "--credit", "fa", "--epochs", "2"}},
		{"catalog: quadratic: does not take credit", small("--credit", "fa")},
		{"logistic8: does not take hidden", []string{"--problem", "logistic8", "--hidden", "3", "--credit", "fa", "--epochs", "2"}},
		{"minibatches of 37 from 36 images", crossed("--batch", "37")},
		{"--epochs: ", crossed("--epochs", "0")},
		{"--lr: ", crossed("--lr", "-1")},
		{"--plot: p.gif: want a file name ending in .png or .svg or .pdf", crossed("--plot", "p.gif")},
		{`unknown baseline "adagrad"`, crossed("--optimizer", "adagrad")},
	} {
		clitest.RequireRefused(t, Run, c.want, c.args...)
	}
}
