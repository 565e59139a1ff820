package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
)

var (
	inf = math.Inf(1)
	nan = math.NaN()
)

func requireSummary(t *testing.T, want, got Summary) {
	t.Helper()
	for _, x := range []struct{ want, got float64 }{{want.Mean, got.Mean}, {want.StdErr, got.StdErr}} {
		same := x.want == x.got || math.IsNaN(x.want) && math.IsNaN(x.got) || math.Abs(x.want-x.got) < 1e-12
		require.True(t, same, "want %v, got %v", want, got)
	}
}

// The standard error of 1..n is √(n(n+1)/12 / n): their variance over n−1 is n(n+1)/12.
func TestSummarize(t *testing.T) {
	for _, tt := range []struct {
		v    []float64
		want Summary
	}{
		{[]float64{3}, Summary{3, 0}},
		{[]float64{2, 2, 2}, Summary{2, 0}},
		{[]float64{1, 3}, Summary{2, 1}},
		{[]float64{1, 2, 3}, Summary{2, math.Sqrt(1.0 / 3)}},
		{[]float64{5, 4, 3, 2, 1}, Summary{3, math.Sqrt(0.5)}},
		{[]float64{1e9 + 1, 1e9 + 3}, Summary{1e9 + 2, 1}},
		{[]float64{1, inf}, Summary{inf, nan}},
		{[]float64{inf, inf}, Summary{inf, nan}},
		{[]float64{1, nan}, Summary{inf, nan}},
	} {
		requireSummary(t, tt.want, summarize(tt.v))
	}
}

func TestLosses(t *testing.T) {
	short := Losses{{1, 2}, {3, 6}}
	requireSummary(t, Summary{3, 1.5}, short.Final())
	requireSummary(t, Summary{6, 3}, short.Sum())
	requireSummary(t, Summary{3, 1.5}, short.Mean())
	requireSummary(t, Summary{2, 1}, short.At(0))
	requireSummary(t, Summary{4, 2}, short.At(1))
	require.Zero(t, short.Diverged())

	long := Losses{{100, 100, 1, 2, 3, 4, 5}, {100, 100, 5, 5, 5, 5, 5}}
	requireSummary(t, Summary{4, 1}, long.Final()) // of the last five

	// One run that diverged: there is no mean from there on, and one before.
	wild := Losses{{1, 2, 3, inf, inf, inf, inf}, {1, 1, 1, 1, 1, 1, 1}}
	requireSummary(t, Summary{2, 1}, wild.At(2))
	requireSummary(t, Summary{inf, nan}, wild.At(3))
	for _, s := range []Summary{wild.Final(), wild.Sum(), wild.Mean()} {
		requireSummary(t, Summary{inf, nan}, s)
	}
	require.Equal(t, 1, wild.Diverged())
}

// Gradient descent on a bowl in closed form: the loss falls by (1 − LR·a)² a step.
func TestMeasureGradientDescent(t *testing.T) {
	losses, err := Measure(t.Context(), untrained(&handmade.SGD{LR: 0.1}), Runs{Family: bowl{a: 2}, Steps: 20, Count: 3, Key: 1})
	require.NoError(t, err)
	require.Len(t, losses, 3)
	for _, run := range losses {
		require.Len(t, run, 20)
		for i, loss := range run {
			require.InEpsilon(t, run[0]*math.Pow(1-0.1*2, 2*float64(i)), loss, 1e-5)
		}
	}
	require.NotEqual(t, losses[0][0], losses[1][0], "each run has a start of its own")
}

func TestMeasureGivesTheSameBitsOnAnyNumberOfGoroutines(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, r := range []learnedopt.Rule{new(handmade.Adam), new(lstm.Rule)} {
		var first Losses
		for _, procs := range []int{1, 4} {
			runtime.GOMAXPROCS(procs)
			losses, err := Measure(t.Context(), untrained(r), Runs{Family: bowl{a: 1, noise: 1}, Steps: 12, Count: 7, Key: 5})
			require.NoError(t, err)
			if first == nil {
				first = losses
			}
			require.Equal(t, first, losses)
		}
	}
}

// A run's losses depend on its number, not on how many others there are, nor on how long it goes on.
func TestMoreRunsAndStepsChangeNothing(t *testing.T) {
	adam := untrained(new(handmade.Adam))
	few, err := Measure(t.Context(), adam, Runs{Family: bowl{a: 1, noise: 1}, Steps: 5, Count: 2, Key: 5})
	require.NoError(t, err)
	many, err := Measure(t.Context(), adam, Runs{Family: bowl{a: 1, noise: 1}, Steps: 9, Count: 6, Key: 5})
	require.NoError(t, err)
	for i := range few {
		require.Equal(t, few[i], many[i][:5])
	}
}

// Rules are compared on the same runs: all see the same problems, starts and minibatches. With rates too small to move a
// weight, all see the same losses.
func TestAllRulesSeeTheSameRuns(t *testing.T) {
	const tiny = 1e-30
	var want Losses
	var logs []*log
	for _, r := range []learnedopt.Rule{
		&handmade.SGD{LR: tiny}, &handmade.Momentum{LR: tiny}, &handmade.RMSprop{LR: tiny}, &handmade.Adam{LR: tiny},
	} {
		l := newLog()
		losses, err := Measure(t.Context(), untrained(r), Runs{Family: bowl{a: 1, noise: 1, log: l}, Steps: 8, Count: 5, Key: 3})
		require.NoError(t, err)
		if want == nil {
			want = losses
		}
		require.Equal(t, want, losses, r.Name())
		logs = append(logs, l)
	}
	for _, l := range logs {
		require.Len(t, l.problems, 5)
		require.Len(t, l.starts, 5)
		require.Len(t, l.batches, 5*8)
		require.Equal(t, logs[0], l)
	}
}

// A run that diverges is a result: +Inf from there on, and no more evaluations.
func TestMeasureCountsRunsThatDiverge(t *testing.T) {
	l := newLog()
	losses, err := Measure(t.Context(), untrained(&handmade.SGD{LR: 1000}), Runs{Family: bowl{a: 1, log: l}, Steps: 100, Count: 3, Key: 1})
	require.NoError(t, err)
	require.Equal(t, 3, losses.Diverged())
	require.Less(t, l.evals, 3*20, "each step multiplies a weight by 999")
	for _, run := range losses {
		require.Len(t, run, 100)
		require.False(t, math.IsInf(run[0], 0))
		require.True(t, math.IsInf(run[99], 1))
	}
	requireSummary(t, Summary{inf, nan}, losses.Final())
}

func TestMeasureRefuses(t *testing.T) {
	boom := errors.New("boom")
	sgd, bad := untrained(new(handmade.SGD)), &learnedopt.Trained{Rule: &handmade.SGD{LR: -1}, Phi: []float32{0}}
	for _, tt := range []struct {
		name string
		rule *learnedopt.Trained
		runs Runs
		want string
	}{
		{"no steps", sgd, Runs{Family: bowl{}, Count: 1}, "eval: 1 runs of 0 steps; want at least 1 of each"},
		{"no runs", sgd, Runs{Family: bowl{}, Steps: 3}, "eval: 0 runs of 3 steps; want at least 1 of each"},
		{"rule", bad, Runs{Family: bowl{}, Steps: 3, Count: 4}, "learnedopt: sgd: lr is -1, want a number above 0"},
		{"sample", sgd, Runs{Family: bowl{fail: failure{sample: boom}}, Steps: 3, Count: 4}, "boom"},
		{"eval", sgd, Runs{Family: bowl{fail: failure{eval: boom}}, Steps: 3, Count: 4}, "boom"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Measure(t.Context(), tt.rule, tt.runs)
			require.EqualError(t, err, tt.want)
			_, err = StepTime(t.Context(), tt.rule, tt.runs, 100)
			require.EqualError(t, err, tt.want)
		})
	}
}

// A context that ends is noticed at the next step of each goroutine.
func TestMeasureStopsWithItsContext(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	sgd := untrained(new(handmade.SGD))
	ctx, count := cancelAfter(10)
	l := newLog()
	_, err := Measure(ctx, sgd, Runs{Family: bowl{a: 1, log: l, after: count}, Steps: 1000, Count: 50, Key: 1})
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, l.evals, 1000, "of 50,000")

	ctx, count = cancelAfter(3)
	l = newLog()
	_, err = StepTime(ctx, sgd, Runs{Family: bowl{a: 1, log: l, after: count}, Steps: 1000, Count: 1, Key: 1}, 100)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 3, l.evals)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	l = newLog()
	_, err = Tune(ended, baseline("sgd"), LearningRates(), Runs{Family: bowl{a: 1, log: l}, Steps: 10, Count: 2})
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, l.evals)
}

// Only the parts of a step that count are timed, and at least one step is.
func TestStepTime(t *testing.T) {
	for _, steps := range []int{1, 2, 300} {
		l := newLog()
		took, err := StepTime(t.Context(), untrained(new(handmade.Adam)), Runs{Family: bowl{a: 1, log: l}, Steps: steps, Count: 1}, 100)
		require.NoError(t, err)
		require.Positive(t, took)
		require.Equal(t, min(steps, 100), l.evals)
	}
}

// On a bowl the best learning rate is the one of the grid that is nearest to 1/a.
func TestTuneFindsTheBestLearningRate(t *testing.T) {
	for _, tt := range []struct {
		a, want float64
		edge    bool
	}{
		{1, 1, false}, {4, 0.3, false}, {10, 0.1, false}, {330, 3e-3, false}, {3.3e4, 3e-5, false},
		{0.1, 10, true}, {0.001, 10, true}, {1e5, 1e-5, true},
	} {
		runs := Runs{Family: bowl{a: tt.a}, Steps: 30, Count: 3, Key: 1}
		tuned, err := Tune(t.Context(), baseline("sgd"), LearningRates(), runs)
		require.NoError(t, err)
		require.Equal(t, tt.want, tuned.LR, "a = %v", tt.a)
		require.Equal(t, &handmade.SGD{LR: tt.want}, tuned.Rule)
		require.Equal(t, tt.edge, tuned.AtEdge())
		require.Len(t, tuned.Final, len(tuned.Grid))
		for i, lr := range tuned.Grid {
			losses, err := Measure(t.Context(), untrained(&handmade.SGD{LR: lr}), runs)
			require.NoError(t, err)
			requireSummary(t, losses.Final(), tuned.Final[i])
		}
	}
}

// Rates at which a run diverges are out, however well the others do; if all are, tuning says so by divergence.
func TestTuneWhenRunsDiverge(t *testing.T) {
	runs := Runs{Family: bowl{a: 1}, Steps: 200, Count: 2, Key: 1}
	tuned, err := Tune(t.Context(), baseline("sgd"), []float64{1e3, 1e-3, 1e2}, runs)
	require.NoError(t, err)
	require.Equal(t, 1e-3, tuned.LR)
	require.False(t, tuned.AtEdge())

	tuned, err = Tune(t.Context(), baseline("sgd"), []float64{1e3, 1e2}, runs)
	require.NoError(t, err)
	require.Equal(t, 1e3, tuned.LR, "the first stands for all")
	require.True(t, tuned.AtEdge())
	for _, final := range tuned.Final {
		requireSummary(t, Summary{inf, nan}, final)
	}
}

func TestBaselines(t *testing.T) {
	for _, b := range append(Baselines(), otherBaselines()...) {
		found, err := FindBaseline(b.Name)
		require.NoError(t, err)
		require.Equal(t, b.Name, found.Name)
		rule := found.With(0.25)
		require.Equal(t, b.Name, rule.Name())
		if b.Fixed {
			require.Equal(t, learnedopt.Phi(found.With(3), 0), learnedopt.Phi(rule, 0), b.Name)
			continue
		}
		require.InDelta(t, math.Log(0.25), float64(learnedopt.Phi(rule, 0)[0]), 1e-6)
	}
	_, err := FindBaseline("lstm")
	require.EqualError(t, err, `eval: unknown baseline "lstm"; want one of sgd, momentum, nag, rmsprop, adam, adamw, lion, adafactor, radam, nadam, yogi, adabelief, lamb, schedulefree, muon, dog, dowg, prodigy, mechanic, static, hebb, delta`)
}

// Two a decade, falling, so that the ends are where AtEdge looks for them.
func TestLearningRates(t *testing.T) {
	grid := LearningRates()
	require.Len(t, grid, 13)
	for i, lr := range grid[1:] {
		require.InDelta(t, math.Sqrt(10), grid[i]/lr, 0.2, fmt.Sprint(lr))
	}
}
