package eval

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// Law: an observer is told of every setting, every run and every result, which are those of the report; and the report is the same
// without one.
func TestFindings(t *testing.T) {
	adam, err := FindBaseline("adam")
	require.NoError(t, err)
	sgd, err := FindBaseline("sgd")
	require.NoError(t, err)
	family := bowl{a: 1}
	c := Comparison{
		Problem: "quadratic", Tasks: []Task{{Test: family, Tuning: family}}, Steps: 9, Runs: 5, TuningRuns: 2, Seed: 3,
		Contenders: []Contender{{Name: "adam", Baseline: &adam}, {Name: "sgd", Baseline: &sgd}},
	}
	plain, err := c.Run(context.Background())
	require.NoError(t, err)
	finals, tried, results := make([][]float64, 2), make([]int, 2), make([]*Result, 2)
	curves := make([]Losses, 2)
	c.Observe = func(f Finding) {
		switch {
		case f.Run != nil:
			finals[f.Row] = append(finals[f.Row], f.Final)
			curves[f.Row] = append(curves[f.Row], lossesOf([]*Run{f.Run})...)
		case f.Result != nil:
			results[f.Row] = f.Result
		default:
			require.Equal(t, len(LearningRates()), f.Settings)
			require.GreaterOrEqual(t, f.Tried, tried[f.Row])
			tried[f.Row] = f.Tried
		}
	}
	report, err := c.Run(context.Background())
	require.NoError(t, err)
	for i, x := range report.Results {
		require.Equal(t, x, *results[i])
		require.Equal(t, len(LearningRates()), tried[i])
		require.Len(t, finals[i], c.Runs)
		require.InDelta(t, float64(x.Final.Mean), summarize(finals[i]).Mean, 1e-9)
		for s, loss := range x.Curve {
			require.InDelta(t, float64(loss), curves[i].At(s).Mean, 1e-9*float64(x.Curve[0]))
		}
		x.USPerStep, plain.Results[i].USPerStep = 0, 0
		require.Equal(t, plain.Results[i], x)
		require.Equal(t, Row{Name: x.Name, Kind: x.Kind}, c.Rows()[i])
		require.Regexp(t, `^lr [0-9.e-]+\*?$`, x.Setting())
	}
	require.Equal(t, "lr 0.1, cosine", Result{
		Kind: kindBaseline, Schedule: "cosine", Hyper: []byte(`{"rule":{"config":{"lr":0.1}}}`),
	}.Setting())
}
