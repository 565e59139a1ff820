package suite_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/meta/eval/suite"
)

func asJSON(t *testing.T, x any) string {
	t.Helper()
	text, err := json.Marshal(x)
	require.NoError(t, err)
	return string(text)
}

// Law: an observer is told of every run and every result, which are those of the report; and the report is the same without one.
func TestFindings(t *testing.T) {
	c := cheap(t, "sgd")
	plain := run(t, c)
	rows, runs, err := c.Rows()
	require.NoError(t, err)
	require.Equal(t, c.Runs, runs)
	finals := make([][]float64, len(rows))
	results := make([]*suite.Result, len(rows))
	tuned := 0
	c.Observe = func(f suite.Finding) {
		i := 2*f.Problem + f.Optimizer
		switch {
		case f.Run != nil:
			finals[i] = append(finals[i], f.Final)
			require.Len(t, f.Run, rows[i].Steps)
		case f.Result != nil:
			results[i] = f.Result
		case f.Tried == f.Settings:
			tuned++
		}
	}
	report := run(t, c)
	require.Equal(t, len(report.Problems), tuned, "the reference alone")
	i := 0
	for _, p := range report.Problems {
		for _, x := range p.Results {
			require.Equal(t, suite.Row{Problem: p.Name, Optimizer: x.Name, Kind: x.Kind, Steps: p.Steps}, rows[i])
			require.Equal(t, asJSON(t, x), asJSON(t, *results[i]))
			var want []float64
			for _, v := range x.Finals {
				want = append(want, float64(v))
			}
			slices.Sort(want)
			slices.Sort(finals[i])
			require.Equal(t, want, finals[i])
			require.Equal(t, suite.CurveSteps(p.Steps), x.Curve.Steps)
			i++
		}
	}
	require.Equal(t, text(t, plain), text(t, report))
}
