package suite_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/meta/eval/suite"
)

// The fields that other programs read.
func TestJSON(t *testing.T) {
	c := cheap(t, "adam", "sgd")
	c.Track, c.Trials = suite.Tuned, 2
	b, err := json.Marshal(run(t, c))
	require.NoError(t, err)
	var r struct {
		Suite, Track        string
		Seed                *int
		Problems, Aggregate []map[string]json.RawMessage
	}
	require.NoError(t, json.Unmarshal(b, &r))
	require.Equal(t, [2]string{"quick", "tuned"}, [2]string{r.Suite, r.Track})
	require.NotNil(t, r.Seed)
	require.Subset(t, slices.Collect(maps.Keys(r.Problems[0])), []string{"name", "steps", "results"})
	require.Subset(t, slices.Collect(maps.Keys(r.Aggregate[0])), []string{"name", "iqm_ratio", "wins", "worst_ratio", "diverged"})
	var results []map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(r.Problems[0]["results"], &results))
	require.Len(t, results, 3)
	require.Subset(t, slices.Collect(maps.Keys(results[0])), []string{
		"name", "kind", "hyper", "train", "test", "diverged", "us_per_step", "steps_to_target", "seconds_to_target", "state_bytes",
	})
	for _, field := range []string{"train", "test"} {
		var s struct{ Mean, StdErr *float64 }
		require.NoError(t, json.Unmarshal(results[0][field], &s))
		require.NotNil(t, s.Mean)
		require.Positive(t, *s.StdErr)
	}
	var i struct{ Value, Low, High *float64 }
	require.NoError(t, json.Unmarshal(r.Aggregate[1]["iqm_ratio"], &i))
	require.LessOrEqual(t, *i.Low, *i.Value)
	require.GreaterOrEqual(t, *i.High, *i.Value)
	var wins map[string]int
	require.NoError(t, json.Unmarshal(r.Aggregate[1]["wins"], &wins))
	require.ElementsMatch(t, []string{suite.Reference, "sgd"}, slices.Collect(maps.Keys(wins)))
}

// A table a problem and one over all, a picture, and a page that needs nothing else.
func TestShown(t *testing.T) {
	c := cheap(t, "adam", "sgd")
	c.Contenders[0].Name = "<b>&"
	r := run(t, c)
	var table strings.Builder
	require.NoError(t, r.WriteTable(&table))
	for _, want := range []string{
		"0.08 of the steps of suite quick, track default, 3 runs, seed 1; nothing tuned but the reference; tuning on 1 run of other keys\n",
		"\n\n10 breast-logistic, 40 steps\noptimizer ", "\n\n12 rosenbrock, 40 steps\n", "\n12 diabetes-mlp, 40 steps, batch 32\n",
		"\nover 2 problems\n", "\ntuned-adam   ", "beats tuned-adam", "1 [1, 1]",
	} {
		require.Contains(t, table.String(), want)
	}
	var picture bytes.Buffer
	require.NoError(t, r.Plot(&picture, "png"))
	image, err := png.Decode(&picture)
	require.NoError(t, err)
	require.Greater(t, image.Bounds().Dx(), 1200, "three panels and the legend")
	require.Error(t, r.Plot(io.Discard, "txt"))

	var page strings.Builder
	p, err := r.Page()
	require.NoError(t, err)
	require.NoError(t, p.Write(&page))
	require.Equal(t, 4, strings.Count(page.String(), "<svg "))
	require.NotContains(t, page.String(), "<script")
	require.NotContains(t, page.String(), "<b>&")
	require.Contains(t, page.String(), "&lt;b&gt;&amp;")
	d := xml.NewDecoder(strings.NewReader(page.String()))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
	}
}

func TestAmount(t *testing.T) {
	for n, want := range map[int]string{0: "0 B", 999: "999 B", 1000: "1 kB", 127280: "127.3 kB"} {
		require.Equal(t, want, suite.Amount(n))
	}
}
