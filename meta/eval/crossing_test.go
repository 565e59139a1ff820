package eval

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"image/color"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/meta"
)

func crossing(t *testing.T) Crossing {
	t.Helper()
	sgd := baseline("sgd")
	f := small(t, 50, 8, nil)
	return Crossing{
		Problem: "made up", Activation: "tanh", Family: f, Test: f.Data.Slice(0, 20),
		Credits:    []credit.Rule{&credit.BackpropOf[float32]{}, &credit.FeedbackAlignmentOf[float32]{Scale: 2}},
		Contenders: []Contender{{Name: "sgd", Baseline: &sgd}, {Name: "mine", Learned: untrained(&handmade.Adam{LR: 0.02})}},
		Epochs:     3, Runs: 2, Seed: 6,
	}
}

func cross(t *testing.T, c Crossing) *CrossReport {
	t.Helper()
	r, err := c.Run(t.Context())
	require.NoError(t, err)
	for i := range r.Results {
		require.Positive(t, r.Results[i].Seconds)
		r.Results[i].Seconds = 0
	}
	return r
}

// Each pair is trained as Training says, from each seed.
func TestCrossing(t *testing.T) {
	c := crossing(t)
	r := cross(t, c)
	require.Len(t, r.Results, 2*2*2)
	i := 0
	for _, rule := range c.Credits {
		for _, x := range c.Contenders {
			for seed := uint64(6); seed < 8; seed++ {
				f := c.Family
				f.Rule = rule
				trained := c.trained(x)
				h := train(t, Training{Family: f, Test: c.Test, Optimizer: trained, Epochs: 3, Key: seed})
				got := r.Results[i]
				i++
				require.Equal(t, []any{rule.Name(), x.Name, seed}, []any{got.Credit, got.Rule, got.Seed})
				require.Equal(t, numbers(h.Loss...), got.Loss)
				require.Equal(t, numbers(h.TestError...), got.TestError)
				require.Equal(t, numbers(h.Alignment[1].Degrees, h.Alignment[0].Degrees), got.Angle, "from the top down")
				require.Equal(t, numbers(h.Alignment[1].NormRatio, h.Alignment[0].NormRatio), got.NormRatio)
			}
		}
	}
}

// The i-th run is the one of a seed alone.
func TestCrossingSeeds(t *testing.T) {
	c := crossing(t)
	both := cross(t, c)
	c.Seed, c.Runs = 7, 1
	require.Equal(t, both.Results[1], cross(t, c).Results[0])
}

func TestCrossingLearningRate(t *testing.T) {
	c := crossing(t)
	fixed := cross(t, c)
	c.LR = 0.5
	set := cross(t, c)
	require.NotEqual(t, fixed.Results[0].Loss, set.Results[0].Loss)
	require.Equal(t, fixed.Results[2].Loss, set.Results[2].Loss, "a learned rule has none")
	require.JSONEq(t, `0.5`, string(set.Rules[0].Hyper["lr"]))
	require.JSONEq(t, `0.01`, string(fixed.Rules[0].Hyper["lr"]))
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
	for want, spoil := range map[string]func(*Crossing){
		"nothing to compare": func(c *Crossing) { c.Credits = nil },
		"no runs":            func(c *Crossing) { c.Runs = 0 },
		"0 epochs":           func(c *Crossing) { c.Epochs = 0 },
		"scale is -1":        func(c *Crossing) { c.Credits[1] = credit.FeedbackAlignmentOf[float32]{Scale: -1} },
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
	require.True(t, strings.HasPrefix(string(b), `{"results":[{"credit":"backprop","rule":"sgd","seed":6,"loss":[`))
	var got map[string]any
	require.NoError(t, json.Unmarshal(b, &got))
	require.ElementsMatch(t, []string{
		"results", "problem", "layers", "activation", "objective", "batch", "epochs", "runs", "seed", "train_images", "test_images",
		"credits", "rules",
	}, keys(t, got))
	require.Equal(t, []any{16., 8., 7., 4.}, got["layers"])
	require.Equal(t, []any{"made up", "tanh", "cross-entropy"}, []any{got["problem"], got["activation"], got["objective"]})
	require.Equal(t, []any{8., 3., 2., 6., 50., 20.},
		[]any{got["batch"], got["epochs"], got["runs"], got["seed"], got["train_images"], got["test_images"]})
	require.Equal(t, []any{
		map[string]any{"name": "backprop", "hyper": map[string]any{}},
		map[string]any{"name": "fa", "hyper": map[string]any{"scale": 2.}},
	}, got["credits"])
	require.Equal(t, map[string]any{"name": "sgd", "hyper": map[string]any{"lr": 0.01}}, got["rules"].([]any)[0])
	results := got["results"].([]any)
	require.Len(t, results, 12)
	for _, x := range results {
		r := x.(map[string]any)
		require.ElementsMatch(t, []string{"credit", "rule", "seed", "loss", "test_error", "angle_deg", "norm_ratio", "seconds"}, keys(t, r))
		for field, n := range map[string]int{"loss": 3, "test_error": 3, "angle_deg": 2, "norm_ratio": 2} {
			require.Len(t, r[field], n)
			null := r["rule"] == "wild" && field != "test_error"
			require.Equal(t, null, r[field].([]any)[1] == nil, field)
		}
	}

	// Without hidden layers the lists of layers are empty, and not null.
	net, err := nets.New[float32](nets.Shape{Channels: 1, Rows: 4, Cols: 4}, nets.SquaredError, nets.Dense{Units: 4})
	require.NoError(t, err)
	c = crossing(t)
	c.Family.Net, c.Activation = net, ""
	b, err = json.Marshal(cross(t, c).Results[0])
	require.NoError(t, err)
	require.Contains(t, string(b), `"angle_deg":[],"norm_ratio":[]`)
}

// crossSample is a report with one of everything: two seeds, a signal of zero, a run that diverged, no error at all.
func crossSample() *CrossReport {
	r := &CrossReport{
		Problem: "digits", Layers: []int{64, 20, 10, 4}, Activation: "tanh", Objective: "cross-entropy", Batch: 8, Epochs: 7, Runs: 2,
		Seed: 3, Train: 100, Test: 50, Credits: []Setting{{Name: "backprop"}, {Name: "fa"}, {Name: "none"}},
		Rules: []Setting{{Name: "adam"}, {Name: "runs/wild.safetensors"}},
	}
	add := func(credit, rule string, seed uint64, loss float64, wrong []float64, angle, ratio []meta.Number) {
		x := CrossResult{Credit: credit, Rule: rule, Seed: seed, Angle: angle, NormRatio: ratio, Seconds: 1.26, TestError: numbers(wrong...)}
		for range wrong {
			x.Loss = append(x.Loss, meta.Number(loss))
		}
		r.Results = append(r.Results, x)
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

	one := crossSample()
	one.Runs, one.Epochs = 1, 2
	for i := range one.Results {
		x := &one.Results[i]
		x.Loss, x.TestError, x.Angle, x.NormRatio = x.Loss[:2], x.TestError[:2], nil, nil
	}
	one.Results, one.Layers, one.Activation = one.Results[:1], []int{64, 4}, ""
	b.Reset()
	require.NoError(t, one.WriteTable(&b))
	golden(t, "crosstable1.txt", b.String())
	require.ErrorIs(t, one.WriteTable(fullDisk{}), errFull)
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
	odd.Results = odd.Results[6:] // no angle at all, both runs alike
	require.NoError(t, odd.Plot(io.Discard, "png"))
	odd.Layers = []int{64, 4}
	odd.Epochs, odd.Runs = 1, 1
	for i := range odd.Results {
		odd.Results[i].TestError = odd.Results[i].TestError[:1]
		odd.Results[i].Angle = nil
	}
	require.NoError(t, odd.Plot(io.Discard, "png"))
	odd.Results[0].TestError[0] = 0
	require.NoError(t, odd.Plot(io.Discard, "png"))
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
