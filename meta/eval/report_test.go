package eval

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/meta"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	require.Equal(t, goldenText(t, name, got), got)
}

// goldenText returns what a golden file holds, which is got if it is to be rewritten.
func goldenText(t *testing.T, name, got string) string {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(want)
}

// sample is a report with one of everything: a learned rule, a baseline, one whose learning rate is at the edge, one
// that diverged.
func sample() *Report {
	return &Report{Problem: "bowl", Tuned: true, Steps: 3, Runs: 4, Seed: 7, Results: []Result{
		{Name: "sgd", Kind: "baseline", Hyper: json.RawMessage(`{"lr":10}`), Curve: numbers(2, 1.5, 1.25),
			CurveErr: numbers(0.25, 0.25, 0.125), Final: Stat{1.25, 0.125}, Sum: &Stat{4.75, 0.5}, USPerStep: 12.4, Edge: true},
		{Name: "nag", Kind: "baseline", Hyper: json.RawMessage(`{"lr":0.03,"momentum":0.9}`), Curve: numbers(2, 900, inf),
			CurveErr: numbers(0.25, 500, nan), Final: Stat{meta.Number(inf), meta.Number(nan)}, Sum: &Stat{meta.Number(inf), meta.Number(nan)},
			Diverged: 2, USPerStep: 13},
		{Name: "runs/a.safetensors", Kind: "learned", Hyper: json.RawMessage(`{"hidden":20}`), Curve: numbers(2, 0.5, 0.0625),
			CurveErr: numbers(0.25, 0.125, 0.25), Final: Stat{0.0625, 0.25}, Sum: &Stat{2.5625, 0.75}, USPerStep: 150.6},
		{Name: "adam", Kind: "baseline", Hyper: json.RawMessage(`{"lr":0.1}`), Curve: numbers(20, 15, 12),
			CurveErr: numbers(2, 1, 1), Final: Stat{12, 1}, Sum: &Stat{47, 4}, USPerStep: 20},
	}}
}

// The lowest final loss comes first, what diverged last; a star marks a learning rate at the edge, and is explained.
func TestTable(t *testing.T) {
	var b strings.Builder
	r := sample()
	require.NoError(t, r.WriteTable(&b))
	golden(t, "table.txt", b.String())
	require.Equal(t, "sgd", r.Results[0].Name, "the report keeps its order")

	r.Results = r.Results[2:]
	b.Reset()
	require.NoError(t, r.WriteTable(&b))
	require.NotContains(t, b.String(), "*")
}

var errFull = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrorsArePassedOn(t *testing.T) {
	require.ErrorIs(t, sample().WriteTable(fullDisk{}), errFull)
	require.ErrorIs(t, sample().Plot(fullDisk{}, "png"), errFull)
}

func TestJSON(t *testing.T) {
	b, err := json.MarshalIndent(sample(), "", "\t")
	require.NoError(t, err)
	golden(t, "report.json", string(b)+"\n")
}

func keys(t *testing.T, v any) []string {
	t.Helper()
	var k []string
	for key := range v.(map[string]any) {
		k = append(k, key)
	}
	return k
}

// The fields of the JSON are an interface: other programs read it.
func TestJSONOfAComparison(t *testing.T) {
	c := comparison()
	c.Contenders = append(c.Contenders, Contender{Name: "wild", Learned: untrained(&handmade.SGD{LR: 1000})})
	report, err := c.Run(t.Context())
	require.NoError(t, err)
	b, err := json.Marshal(report)
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal(b, &got))
	require.ElementsMatch(t, []string{"problem", "steps", "runs", "seed", "tuned", "results"}, keys(t, got))
	require.Equal(t, "bowl", got["problem"])
	require.EqualValues(t, 40, got["steps"])
	require.EqualValues(t, 3, got["runs"])
	require.EqualValues(t, 1, got["seed"])
	require.Equal(t, true, got["tuned"])

	results := got["results"].([]any)
	require.Len(t, results, 4)
	for i, want := range []struct {
		name, kind string
		lr         float64
		edge       bool
	}{{"sgd", "baseline", 0.3, false}, {"adam", "baseline", -1, false}, {"learned", "learned", 0.02, false}, {"wild", "learned", 1000, false}} {
		r := results[i].(map[string]any)
		fields := []string{
			"name", "kind", "hyper", "curve", "curve_stderr", "final", "sum", "diverged", "us_per_step",
		}
		if r["lr_at_edge"] != nil {
			fields = append(fields, "lr_at_edge")
		}
		require.ElementsMatch(t, fields, keys(t, r))
		require.Equal(t, want.name, r["name"])
		require.Equal(t, want.kind, r["kind"])
		if want.lr > 0 {
			require.Equal(t, want.lr, r["hyper"].(map[string]any)["lr"])
		}
		require.Len(t, r["curve"], 40)
		require.Len(t, r["curve_stderr"], 40)
		require.Positive(t, r["us_per_step"])
		for _, stat := range []string{"final", "sum"} {
			require.ElementsMatch(t, []string{"mean", "stderr"}, keys(t, r[stat]))
			require.Equal(t, want.name == "wild", r[stat].(map[string]any)["mean"] == nil)
			require.Equal(t, want.name == "wild", r[stat].(map[string]any)["stderr"] == nil)
		}
		if want.name == "wild" {
			require.EqualValues(t, 3, r["diverged"])
			require.NotNil(t, r["curve"].([]any)[0])
			require.Nil(t, r["curve"].([]any)[39])
		} else {
			require.EqualValues(t, 0, r["diverged"])
		}
	}
}

// comparison is of two baselines and a rule as it is, on bowls on which SGD does best with 0.3.
func comparison() Comparison {
	sgd, adam := baseline("sgd"), baseline("adam")
	return Comparison{
		Problem: "bowl", Tasks: []Task{{Test: bowl{a: 4}, Tuning: bowl{a: 4}}}, Steps: 40, Runs: 3, TuningRuns: 2, Seed: 1,
		Contenders: []Contender{
			{Name: "sgd", Baseline: &sgd}, {Name: "adam", Baseline: &adam},
			{Name: "learned", Learned: untrained(&handmade.SGD{LR: 0.02})},
		},
	}
}

// What is tuned on is not tested on: the two sets of runs share no problem, no start and no minibatch. And all
// contenders are tested on the same.
func TestTuningAndTestAreDisjoint(t *testing.T) {
	c := comparison()
	tuning, test := newLog(), newLog()
	c.Tasks[0] = Task{Tuning: bowl{a: 4, log: tuning}, Test: bowl{a: 4, log: test}}
	_, err := c.Run(t.Context())
	require.NoError(t, err)
	require.Len(t, tuning.starts, 2)
	require.Len(t, test.starts, 3)
	require.Len(t, tuning.batches, 2*40)
	require.Len(t, test.batches, 3*40)
	for key := range tuning.problems {
		require.NotContains(t, test.problems, key)
	}
	for key := range tuning.starts {
		require.NotContains(t, test.starts, key)
	}
	for key := range tuning.batches {
		require.NotContains(t, test.batches, key)
	}
}

// The numbers follow from the seed; the time of a step is the only thing that does not.
func TestComparisonIsReproducible(t *testing.T) {
	run := func(seed uint64) *Report {
		c := comparison()
		c.Seed = seed
		r, err := c.Run(t.Context())
		require.NoError(t, err)
		for i := range r.Results {
			r.Results[i].USPerStep = 0
		}
		return r
	}
	first := run(1)
	require.Equal(t, first, run(1))
	other := run(2)
	require.NotEqual(t, first.Results[2].Curve, other.Results[2].Curve)
	require.Equal(t, first.Results[0].Curve[0], first.Results[1].Curve[0], "the same starts for all")
	require.Equal(t, first.Results[0].Curve[0], first.Results[2].Curve[0], "the same starts for all")
}

// Progress grows from contender to contender, by their shares of the time, and while each of them is measured.
func TestProgress(t *testing.T) {
	c := comparison()
	var all, fractions []float64
	var names []string
	c.Progress = func(f float64, next string) {
		all = append(all, f)
		if len(names) == 0 || names[len(names)-1] != next {
			fractions, names = append(fractions, f), append(names, next)
		}
	}
	_, err := c.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"sgd", "adam", "learned"}, names)
	require.Zero(t, fractions[0])
	require.IsIncreasing(t, fractions)
	require.Less(t, fractions[2], 1.0)
	require.IsNonDecreasing(t, all)
	require.Greater(t, len(all), 100)
	require.Less(t, len(all), 1100, "a thousandth is enough")
	require.InDelta(t, 1, all[len(all)-1], 1e-9)
}

func TestComparisonRefuses(t *testing.T) {
	_, err := Comparison{}.Run(t.Context())
	require.EqualError(t, err, "eval: nothing to compare")

	c := comparison()
	c.TuningRuns = 0
	_, err = c.Run(t.Context())
	require.EqualError(t, err, "eval: 0 runs of 40 steps; want at least 1 of each")

	c = comparison()
	c.Runs = 0
	require.EqualError(t, c.Validate(), "eval: 0 runs of 40 steps; want at least 1 of each")

	c = comparison()
	ctx, count := cancelAfter(5000)
	c.Tasks[0] = Task{Test: bowl{a: 4, after: count}, Tuning: bowl{a: 4, after: count}}
	c.Steps = 1000
	_, err = c.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

// picture draws the report as PNG and counts its pixels by colour.
func picture(t *testing.T, r *Report) (image.Image, map[color.Color]int) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, r.Plot(&b, "png"))
	img, err := png.Decode(&b)
	require.NoError(t, err)
	count := map[color.Color]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			count[color.RGBAModel.Convert(img.At(x, y))]++
		}
	}
	return img, count
}

func TestPlotPNG(t *testing.T) {
	img, count := picture(t, sample())
	require.Greater(t, img.Bounds().Dx(), 500)
	require.Greater(t, img.Bounds().Dy(), 300)
	require.Greater(t, count[color.RGBA{255, 255, 255, 255}], 10_000, "a white ground")
	for i := range 4 { // one colour a curve, the learned rule's the first
		require.Greater(t, count[palette[i]], 50, "curve %d", i)
	}
	require.Greater(t, count[palette[0]], count[palette[1]], "the learned curve is the boldest")
}

func TestPlotSVG(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, sample().Plot(&b, "svg"))
	text := b.String()
	for _, want := range []string{"<svg", "bowl, mean of 4 runs", "sgd", "adam", "nag", "runs/a.safetensors"} {
		require.Contains(t, text, want)
	}
	for d := xml.NewDecoder(&b); ; {
		_, err := d.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
	}
}

func TestPlotRefusesAnUnknownFormat(t *testing.T) {
	require.ErrorContains(t, sample().Plot(io.Discard, "bmp"), "eval: plot: ")
}

// Whatever the curves are, there is a picture: divergence is a result.
func TestPlotOfOddCurves(t *testing.T) {
	for _, tt := range []struct {
		name          string
		curve, stderr []meta.Number
		drawn         bool
	}{
		{"diverges", numbers(1, 10, inf, inf), numbers(0, 1, nan, nan), true},
		{"diverges at once", numbers(inf, inf, inf), numbers(nan, nan, nan), false},
		{"one point", numbers(1), numbers(0), false},
		{"no points", nil, nil, false},
		{"constant", numbers(0.5, 0.5, 0.5), numbers(0, 0, 0), true},
		{"constant and tiny", numbers(1e-30, 1e-30), numbers(0, 0), true},
		{"reaches zero", numbers(1, 0.1, 0, 0), numbers(0, 0, 0, 0), true},
		{"is zero", numbers(0, 0, 0), numbers(0, 0, 0), false},
		{"is negative", numbers(-1, -2, -3), numbers(0, 0, 0), false},
		{"error above the mean", numbers(1, 0.5, 0.25), numbers(2, 2, 2), true},
		{"many decades", numbers(1e-30, 1, 1e70), numbers(0, 0, 1e70), true},
		{"error overflows", numbers(1, 2, 1e200), numbers(0, 0, inf), true},
		{"overflows", numbers(1, 2, math.MaxFloat64), numbers(0, 0, math.MaxFloat64), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &Report{Problem: "odd", Runs: 2, Results: []Result{{Name: "adam", Kind: "baseline", Curve: tt.curve, CurveErr: tt.stderr}}}
			_, count := picture(t, r)
			require.Greater(t, len(count), 2, "axes at least")
			require.Equal(t, tt.drawn, count[palette[0]] > 20)
		})
	}
}
