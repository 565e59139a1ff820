package eval

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/compose"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
)

// On a noisy bowl a rate that falls ends lower than one that stays, and tuning finds it; without noise the rate that solves the bowl
// at once is the best.
func TestTuneFindsTheBestSchedule(t *testing.T) {
	runs := Runs{Family: bowl{a: 1, noise: 1}, Steps: 200, Count: 20, Key: 1}
	tuned, err := TuneScheduled(t.Context(), baseline("sgd"), []float64{1, 0.3}, Schedules(), runs)
	require.NoError(t, err)
	require.NotEqual(t, compose.Constant, tuned.Schedule)
	require.Equal(t, &compose.Schedule{Rule: compose.Of(&handmade.SGD{LR: tuned.LR}), Shape: tuned.Schedule, Warmup: Warmup}, tuned.Rule)
	require.Len(t, tuned.Final, 6)
	best, won := math.Inf(1), math.Inf(1)
	for i, schedule := range tuned.Schedules {
		for j, lr := range tuned.Grid {
			r := learnedopt.Rule(&handmade.SGD{LR: lr})
			if schedule != compose.Constant {
				r = &compose.Schedule{Rule: compose.Of(r), Shape: schedule, Warmup: Warmup}
			}
			losses, err := Measure(t.Context(), untrained(r), runs)
			require.NoError(t, err)
			final := losses.Final()
			requireSummary(t, final, tuned.Final[2*i+j])
			best = min(best, final.Mean)
			if tuned.Schedule == schedule && tuned.LR == lr {
				won = final.Mean
			}
		}
	}
	require.Equal(t, best, won)

	runs.Family = bowl{a: 1}
	tuned, err = TuneScheduled(t.Context(), baseline("sgd"), LearningRates(), Schedules(), runs)
	require.NoError(t, err)
	require.Equal(t, []any{compose.Constant, 1.}, []any{tuned.Schedule, tuned.LR})

	_, err = TuneScheduled(t.Context(), baseline("sgd"), LearningRates(), []string{"step"}, runs)
	require.EqualError(t, err, `eval: unknown schedule "step"; want one of constant, linear, cosine`)
	_, err = TuneScheduled(t.Context(), baseline("sgd"), LearningRates(), []string{"linear", "linear"}, runs)
	require.EqualError(t, err, `eval: schedule linear is named twice`)
}

// A comparison says which schedule won, in table, picture and JSON; what has no rate is tuned over schedules alone, and what is
// learned or configured is as it is.
func TestComparisonOverSchedules(t *testing.T) {
	sgd, dog := baseline("sgd"), baseline("dog")
	noisy := bowl{a: 1, noise: 1}
	c := Comparison{
		Problem: "bowl", Tasks: []Task{{Test: noisy, Tuning: noisy}}, Steps: 60, Runs: 4, TuningRuns: 6, Seed: 1,
		Contenders: []Contender{{Name: "sgd", Baseline: &sgd}, {Name: "dog", Baseline: &dog},
			{Name: "mine", Learned: untrained(&handmade.SGD{LR: 0.5})},
			{Name: "decay(sgd)", Configured: &compose.Decay{Rule: compose.Of(&handmade.SGD{LR: 0.5})}}},
	}
	plain, err := c.Run(t.Context())
	require.NoError(t, err)
	c.Schedules = []string{compose.Constant}
	same, err := c.Run(t.Context())
	require.NoError(t, err)
	for i := range plain.Results {
		require.Equal(t, plain.Results[i].Curve, same.Results[i].Curve, "constant alone is what there was")
		require.Empty(t, plain.Results[i].Schedule)
	}
	require.Equal(t, compose.Constant, same.Results[0].Schedule)
	var table bytes.Buffer
	require.NoError(t, plain.WriteTable(&table))
	require.NotContains(t, table.String(), "schedule")

	c.Schedules = []string{compose.Constant, compose.Cosine}
	r, err := c.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"baseline", "baseline", "learned", "configured"},
		[]string{r.Results[0].Kind, r.Results[1].Kind, r.Results[2].Kind, r.Results[3].Kind})
	require.Equal(t, compose.Cosine, r.Results[0].Schedule)
	require.Contains(t, Schedules(), r.Results[1].Schedule)
	require.Empty(t, r.Results[2].Schedule+r.Results[3].Schedule)
	require.Equal(t, plain.Results[2].Curve, r.Results[2].Curve)
	require.Regexp(t, `^sgd, [\d.]+, cosine$`, r.Results[0].label())
	require.Regexp(t, `^dog, 1, (constant|cosine)$`, r.Results[1].label())
	require.Equal(t, "mine", r.Results[2].label())
	require.False(t, r.Results[1].Edge, "there is no rate to be at an edge")

	table.Reset()
	require.NoError(t, r.WriteTable(&table))
	require.Regexp(t, `optimizer +lr +schedule +final loss`, table.String())
	require.Regexp(t, `sgd +[\d.]+\*? +cosine `, table.String())
	require.Regexp(t, `mine \(learned\) +- +- `, table.String())
	require.Regexp(t, `decay\(sgd\) +- +- `, table.String())
	text, err := json.Marshal(r)
	require.NoError(t, err)
	require.Contains(t, string(text), `"schedule":"cosine"`)
	require.Contains(t, string(text), `"schedules":["constant","cosine"]`)
	require.NoError(t, r.Plot(&table, "svg"))
	require.Contains(t, table.String(), ", cosine")

	c.Schedules = []string{"step"}
	_, err = c.Run(t.Context())
	require.EqualError(t, err, `eval: unknown schedule "step"; want one of constant, linear, cosine`)
}
