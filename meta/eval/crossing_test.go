package eval

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/meta"
)

func crossing(t *testing.T) Comparison {
	t.Helper()
	sgd := baseline("sgd")
	f := small(t, 50, 8, nil)
	task := func(rule credit.Rule) Task {
		f.Rule = rule
		return Task{Credit: rule.Name(), Test: Images{Family: f, Test: f.Data.Slice(0, 20), Activation: "tanh"}}
	}
	return Comparison{
		Problem:    "made up",
		Tasks:      []Task{task(&credit.BackpropOf[float32]{}), task(&credit.FeedbackAlignmentOf[float32]{Scale: 2})},
		Contenders: []Contender{{Name: "sgd", Baseline: &sgd}, {Name: "mine", Learned: untrained(&handmade.Adam{LR: 0.02})}},
		Epochs:     3, Runs: 2, Seed: 6,
	}
}

func cross(t *testing.T, c Comparison) *Report {
	t.Helper()
	r, err := c.Run(t.Context())
	require.NoError(t, err)
	for i := range r.Results {
		require.Positive(t, r.Results[i].Seconds)
		r.Results[i].Seconds = 0
		for _, x := range r.Results[i].Each {
			require.Positive(t, x.Seconds)
			x.Seconds = 0
		}
	}
	return r
}

// Each pair is trained as it would be alone, from each seed.
func TestCrossing(t *testing.T) {
	c := crossing(t)
	r := cross(t, c)
	require.Len(t, r.Results, 2*2)
	for i, cell := range c.cells() {
		images := cell.task.Test.(Images)
		got := r.Results[i]
		require.Equal(t, []string{images.Rule.Name(), cell.contender.Name}, []string{got.Credit, got.Name})
		require.Len(t, got.Each, 2)
		for j, x := range got.Each {
			h := train(t, training{Family: images.Family, Test: images.Test, Optimizer: cell.untuned(), Epochs: 3, Key: 6 + uint64(j)})
			h.Seconds = 0
			require.Equal(t, h, x)
		}
	}
}

// What is said of a pair is the mean over its runs.
func TestCrossingMeans(t *testing.T) {
	for _, x := range cross(t, crossing(t)).Results {
		a, b := x.Each[0], x.Each[1]
		for _, l := range []struct{ a, b, mean []meta.Number }{
			{a.Loss, b.Loss, x.Curve}, {a.TestError, b.TestError, x.TestError}, {a.Angle, b.Angle, x.Angle}, {a.NormRatio, b.NormRatio, x.NormRatio},
		} {
			require.Len(t, l.mean, len(l.a))
			for i, mean := range l.mean {
				require.InDelta(t, float64(l.a[i]+l.b[i])/2, float64(mean), 1e-12)
			}
		}
		require.InDelta(t, math.Abs(float64(a.TestError[2]-b.TestError[2]))/2, float64(x.TestErrorErr[2]), 1e-12)
		require.Equal(t, Stat{x.Curve[2], x.CurveErr[2]}, x.Final, "of the last epoch")
		require.Nil(t, x.Sum)
		require.Zero(t, x.Diverged)
	}
}

// The i-th run is the one of a seed alone.
func TestCrossingSeeds(t *testing.T) {
	c := crossing(t)
	both := cross(t, c)
	c.Seed, c.Runs = 7, 1
	require.Equal(t, both.Results[0].Each[1], cross(t, c).Results[0].Each[0])
}

// Learning rates can be tuned by epochs too, on runs of other keys: the best final loss decides.
func TestCrossingTuned(t *testing.T) {
	c := crossing(t)
	c.Tasks, c.TuningRuns, c.Contenders = c.Tasks[:1], 2, c.Contenders[:1]
	require.False(t, cross(t, c).Tuned)
	c.Tasks[0].Tuning = c.Tasks[0].Test
	r := cross(t, c)
	require.True(t, r.Tuned)
	tuned, err := Tune(t.Context(), *c.Contenders[0].Baseline, LearningRates(), c.cells()[0].tuning())
	require.NoError(t, err)
	require.JSONEq(t, fmt.Sprintf(`{"lr":%g}`, tuned.LR), string(r.Results[0].Hyper))
	best := slices.Index(tuned.Grid, tuned.LR)
	for _, final := range tuned.Final {
		require.LessOrEqual(t, tuned.Final[best].Mean, final.Mean)
	}
}

func TestCrossingLearningRate(t *testing.T) {
	c := crossing(t)
	fixed := cross(t, c)
	c.LR = 0.5
	set := cross(t, c)
	require.NotEqual(t, fixed.Results[0].Curve, set.Results[0].Curve)
	require.Equal(t, fixed.Results[1].Curve, set.Results[1].Curve, "a learned rule has none")
	require.JSONEq(t, `{"lr":0.5}`, string(set.Results[0].Hyper))
	require.JSONEq(t, `{"lr":0.01}`, string(fixed.Results[0].Hyper))
}

func TestCrossingProgress(t *testing.T) {
	c := crossing(t)
	var fractions []float64
	var names []string
	c.Progress = func(f float64, next string) {
		fractions = append(fractions, f)
		if len(names) == 0 || names[len(names)-1] != next {
			names = append(names, next)
		}
	}
	cross(t, c)
	require.Equal(t, []string{"backprop × sgd", "backprop × mine", "fa × sgd", "fa × mine"}, names)
	require.IsNonDecreasing(t, fractions)
	require.Zero(t, fractions[0])
	require.InDelta(t, 1, fractions[len(fractions)-1], 1e-9)
}

func TestCrossingRefuses(t *testing.T) {
	for want, spoil := range map[string]func(*Comparison){
		"nothing to compare": func(c *Comparison) { c.Tasks = nil },
		"0 runs of 3 epochs": func(c *Comparison) { c.Runs = 0 },
		"0 epochs":           func(c *Comparison) { c.Epochs = 0 },
		"3 steps and of 3":   func(c *Comparison) { c.Steps = 3 },
		"is an Images":       func(c *Comparison) { c.Tasks[1].Test = bowl{a: 1} },
		"scale is -1": func(c *Comparison) {
			f := c.Tasks[1].Test.(Images)
			f.Rule = credit.FeedbackAlignmentOf[float32]{Scale: -1}
			c.Tasks[1].Test = f
		},
	} {
		c := crossing(t)
		spoil(&c)
		_, err := c.Run(t.Context())
		require.ErrorContains(t, err, want)
	}
	c := crossing(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

// The fields of the JSON are an interface: other programs read it.
func TestJSONOfACrossing(t *testing.T) {
	c := crossing(t)
	wild := untrained(&handmade.SGD{LR: 1e300})
	c.Contenders = append(c.Contenders, Contender{Name: "wild", Learned: wild})
	b, err := json.Marshal(cross(t, c))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(b), `{"results":[{"credit":"backprop","name":"sgd","kind":"baseline","hyper":{"lr":0.01},"curve":[`))
	var got map[string]any
	require.NoError(t, json.Unmarshal(b, &got))
	require.ElementsMatch(t, []string{
		"results", "problem", "layers", "activation", "objective", "batch", "epochs", "runs", "seed", "train_images", "test_images",
		"tuned", "credits",
	}, keys(t, got))
	require.Equal(t, []any{16., 8., 7., 4.}, got["layers"])
	require.Equal(t, []any{"made up", "tanh", "cross-entropy"}, []any{got["problem"], got["activation"], got["objective"]})
	require.Equal(t, []any{8., 3., 2., 6., 50., 20., false},
		[]any{got["batch"], got["epochs"], got["runs"], got["seed"], got["train_images"], got["test_images"], got["tuned"]})
	require.Equal(t, []any{
		map[string]any{"name": "backprop", "hyper": map[string]any{}},
		map[string]any{"name": "fa", "hyper": map[string]any{"scale": 2.}},
	}, got["credits"])
	results := got["results"].([]any)
	require.Len(t, results, 6)
	for _, x := range results {
		r := x.(map[string]any)
		wild := r["name"] == "wild"
		require.ElementsMatch(t, []string{
			"credit", "name", "kind", "hyper", "curve", "curve_stderr", "final", "diverged", "test_error", "test_error_stderr",
			"angle_deg", "norm_ratio", "each",
		}, keys(t, r), "and seconds, which are 0 here")
		require.Equal(t, wild, r["diverged"] == 2.)
		requireLists(t, r, map[string]int{"curve": 3, "curve_stderr": 3, "test_error": 3, "test_error_stderr": 3, "angle_deg": 2, "norm_ratio": 2}, wild)
		require.Len(t, r["each"], 2)
		for i, x := range r["each"].([]any) {
			run := x.(map[string]any)
			require.ElementsMatch(t, []string{"seed", "loss", "test_error", "angle_deg", "norm_ratio", "seconds"}, keys(t, run))
			require.EqualValues(t, 6+i, run["seed"])
			requireLists(t, run, map[string]int{"loss": 3, "test_error": 3, "angle_deg": 2, "norm_ratio": 2}, wild)
		}
	}

	// Without hidden layers the lists of layers are empty, and not null.
	net, err := nets.New[float32](nets.Shape{Channels: 1, Rows: 4, Cols: 4}, nets.SquaredError, nets.Dense{Units: 4})
	require.NoError(t, err)
	c = crossing(t)
	for i := range c.Tasks {
		f := c.Tasks[i].Test.(Images)
		f.Net, f.Activation = net, ""
		c.Tasks[i].Test = f
	}
	b, err = json.Marshal(cross(t, c).Results[0])
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(b), `"angle_deg":[],"norm_ratio":[]`))
}

// requireLists holds lists against their lengths. Those of a run that diverges are null from there on, but for test errors.
func requireLists(t *testing.T, r map[string]any, lengths map[string]int, diverged bool) {
	t.Helper()
	for field, n := range lengths {
		require.Len(t, r[field], n)
		null := diverged && !strings.HasPrefix(field, "test_error")
		require.Equal(t, null, r[field].([]any)[1] == nil, field)
	}
}

// crossSample is a report with one of everything: two seeds, a signal of zero, a run that diverged, no error at all.
func crossSample() *Report {
	r := &Report{
		Problem: "digits", Epochs: 7, Runs: 2, Seed: 3, Credits: []Credit{{Name: "backprop"}, {Name: "fa"}, {Name: "none"}},
		Network: &Network{Layers: []int{64, 20, 10, 4}, Activation: "tanh", Objective: "cross-entropy", Batch: 8, Train: 100, Test: 50},
	}
	runs := map[string][]*Run{}
	add := func(credit, rule string, seed uint64, loss float64, wrong []float64, angle, ratio []meta.Number) {
		x := &Run{Seed: seed, Angle: angle, NormRatio: ratio, Seconds: 1.26, TestError: numbers(wrong...)}
		for range wrong {
			x.Loss = append(x.Loss, meta.Number(loss))
		}
		key := credit + rule
		if runs[key] = append(runs[key], x); len(runs[key]) < 2 {
			return
		}
		result := Result{Credit: credit, Name: rule, Kind: "baseline", Hyper: json.RawMessage(`{"lr":0.001}`)}
		if rule != "adam" {
			result.Kind, result.Hyper = "learned", json.RawMessage(`{}`)
		}
		result.summarize(runs[key], Runs{Epochs: 7})
		r.Results = append(r.Results, result)
	}
	falling, none := []float64{0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02}, []float64{0.9, 0.9, 0.8, 0.8, 0.7, 0.7, 0.6}
	perfect, wild := []float64{0.5, 0.1, 0, 0, 0, 0, 0}, []float64{0.7, 1, 1, 1, 1, 1, 1}
	add("backprop", "adam", 3, 0.25, perfect, numbers(0, 0), numbers(1, 1))
	add("backprop", "adam", 4, 0.5, perfect, numbers(0, 0), numbers(1, 1))
	add("backprop", "runs/wild.safetensors", 3, inf, wild, numbers(nan, nan), numbers(nan, nan))
	add("backprop", "runs/wild.safetensors", 4, 3, falling, numbers(0, 0), numbers(1, 1))
	add("fa", "adam", 3, 0.5, falling, numbers(43, 59), numbers(0.5, 12345))
	add("fa", "adam", 4, 0.75, none, numbers(45, 62), numbers(0.25, 12345))
	add("none", "adam", 3, 1, none, numbers(nan, nan), numbers(nan, nan))
	add("none", "adam", 4, 1, none, numbers(nan, nan), numbers(nan, nan))
	return r
}

func TestCrossTable(t *testing.T) {
	var b strings.Builder
	require.NoError(t, crossSample().WriteTable(&b))
	golden(t, "crosstable.txt", b.String())

	one := single(crossSample(), 0, 2)
	b.Reset()
	require.NoError(t, one.WriteTable(&b))
	golden(t, "crosstable1.txt", b.String())
	require.ErrorIs(t, one.WriteTable(fullDisk{}), errFull)
}

// single is a report of the first run of a result, with fewer epochs and no hidden layers.
func single(r *Report, result, epochs int) *Report {
	x := r.Results[result]
	run := x.Each[0]
	short := &Run{Seed: run.Seed, Loss: run.Loss[:epochs], TestError: run.TestError[:epochs], Seconds: run.Seconds}
	one := Result{Credit: x.Credit, Name: x.Name, Kind: x.Kind, Hyper: x.Hyper}
	one.summarize([]*Run{short}, Runs{Epochs: epochs})
	r.Results, r.Runs, r.Epochs = []Result{one}, 1, epochs
	r.Layers, r.Activation = []int{64, 4}, ""
	return r
}

func TestShownEpochs(t *testing.T) {
	require.Equal(t, []int{0}, shownEpochs(1))
	require.Equal(t, []int{0, 1, 2, 3, 4}, shownEpochs(5))
	require.Equal(t, []int{0, 1, 3, 4, 6}, shownEpochs(7))
	require.Equal(t, []int{19, 39, 59, 79, 99}, shownEpochs(100))
}

func TestCrossPlotPNG(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, crossSample().Plot(&b, "png"))
	img, err := png.Decode(&b)
	require.NoError(t, err)
	count := map[color.Color]int{}
	half := map[color.Color]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			c := color.RGBAModel.Convert(img.At(x, y))
			count[c]++
			if x > img.Bounds().Dx()/2 {
				half[c]++
			}
		}
	}
	for i := range 3 { // one colour a credit rule
		require.Greater(t, count[palette[i]], 50, "curve %d", i)
	}
	require.Greater(t, half[palette[1]], 50, "angles of feedback alignment, on the right")
}

func TestCrossPlotSVG(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, crossSample().Plot(&b, "svg"))
	text := b.String()
	for _, want := range []string{"digits, 64-20-10-4 tanh", "epoch", "backprop", "fa", "none", "adam", "runs/wild.safetensors"} {
		require.Contains(t, text, want)
	}
	for d := xml.NewDecoder(&b); ; {
		_, err := d.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
	}
	require.ErrorContains(t, crossSample().Plot(io.Discard, "bmp"), "eval: plot: ")
	require.ErrorIs(t, crossSample().Plot(fullDisk{}, "png"), errFull)
}

// Whatever comes out, there is a picture.
func TestCrossPlotOfOddReports(t *testing.T) {
	odd := crossSample()
	odd.Results = odd.Results[3:] // no angle at all, both runs alike
	require.NoError(t, odd.Plot(io.Discard, "png"))
	odd = single(odd, 0, 1)
	require.NoError(t, odd.Plot(io.Discard, "png"))
	odd.Results[0].TestError[0] = 0
	require.NoError(t, odd.Plot(io.Discard, "png"))
}

// The standard error of a single epoch is a bar.
func TestCrossPlotOfOneEpoch(t *testing.T) {
	coloured := func(stderr meta.Number) int {
		r := single(crossSample(), 2, 1)
		r.Results[0].TestErrorErr[0] = stderr
		_, count := picture(t, r)
		return count[palette[1]]
	}
	require.Greater(t, coloured(0.3), coloured(0)+50)
}

func TestLabelled(t *testing.T) {
	for _, x := range []struct{ v, below, above float64 }{
		{1, 1, 1}, {1.5, 1, 2}, {3, 2, 5}, {5, 5, 5}, {7, 5, 10}, {0.03, 0.02, 0.05}, {95, 50, 100},
	} {
		require.InEpsilon(t, x.below, labelled(x.v, -1), 1e-12)
		require.InEpsilon(t, x.above, labelled(x.v, 1), 1e-12)
	}
	require.False(t, math.IsNaN(labelled(100, 1)))
}
