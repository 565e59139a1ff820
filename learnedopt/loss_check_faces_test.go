package learnedopt_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/optimize"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/stepsize"
)

// Law: gonum's result under a check is no worse than the fallback's with a third of the evaluations, and what would
// end a run, a function or gradient that is not finite, is taken back.
func TestMethodUnderLossCheck(t *testing.T) {
	const steps = 900
	for _, h := range hostiles() {
		if h.burst > 0 {
			continue
		}
		grad := make([]float64, len(h.start))
		p := optimize.Problem{
			Func: func(x []float64) float64 { return h.at(grad, x) },
			Grad: func(grad, x []float64) { h.at(grad, x) },
		}
		minimize := func(tr *learnedopt.Trained, evaluations int, opts ...learnedopt.Option) *optimize.Result {
			settings := &optimize.Settings{FuncEvaluations: evaluations, Converger: never}
			r, err := optimize.Minimize(p, h.start, settings, tr.Method(append(opts, learnedopt.WithPatience(steps))...))
			require.NoError(t, err)
			return r
		}
		worst := minimize(trained(h.fallback), steps/3).F
		for name, tr := range suspects(t) {
			r := minimize(tr, steps, learnedopt.WithGuard(learnedopt.LossCheck{Fallback: h.fallback}))
			require.LessOrEqual(t, r.F, worst, "%s, %s: %v", h.name, name, r.Status)
		}
	}
}

// Without a way to go on, and in the fallback's turn, errors are those of Method without a guard.
func TestMethodUnderLossCheckThatCannotGoOn(t *testing.T) {
	guard := learnedopt.WithGuard(learnedopt.LossCheck{Fallback: &handmade.SGD{LR: 10}, Steps: 100})
	_, err := optimize.Minimize(quadratic, []float64{3, -2}, &optimize.Settings{Converger: never}, trained(scaled(-10)).Method(guard))
	require.ErrorContains(t, err, "learnedopt: sgd proposes a step of ")

	kink := quadratic
	kink.Grad = func(grad, x []float64) { grad[0], grad[1] = x[0], math.Inf(1) }
	_, err = optimize.Minimize(kink, []float64{3, -2}, nil, trained(scaled(-0.1)).Method(guard))
	require.Equal(t, optimize.ErrGrad{Grad: math.Inf(1), Index: 1}, err)
}

// A solver asks for the loss: what a program has put down will do.
func TestSolverUnderLossCheck(t *testing.T) {
	for name, tr := range suspects(t) {
		p, last := newProgram[float64](t), 0.0
		loss := learnedopt.WithLoss(func() (float64, error) { return last, nil })
		s := tr.Solver(loss, learnedopt.WithGuard(learnedopt.LossCheck{Fallback: &handmade.Adam{LR: 0.05}}))
		require.Zero(t, s.Checks())
		require.NoError(t, s.Finish(p.model), "there is nothing to finish")
		for range 400 {
			last = p.run(t)
			require.NoError(t, s.Step(p.model))
		}
		checks := s.Checks()
		require.Positive(t, checks.Won+checks.Lost+checks.Undone)
		last = p.run(t)
		require.NoError(t, s.Finish(p.model))
		require.Less(t, p.run(t), 1e-2, "%s: %+v", name, checks)
	}
}

// A rule that reads the loss asks for it too.
func TestWithLossFeedsRules(t *testing.T) {
	polyak := trained(&stepsize.Polyak{Scale: 1})
	loss := 0.0
	asked, told := guarded(t, polyak, 1, learnedopt.WithLoss(func() (float64, error) { return loss, nil })), guarded(t, polyak, 1)
	a, b := []float32{3}, []float32{3}
	for range 10 {
		loss = float64(a[0] * a[0])
		require.NoError(t, asked.Step(a, []float32{2 * a[0]}))
		require.NoError(t, told.StepLoss(b, []float32{2 * b[0]}, loss))
		require.Equal(t, b, a)
	}
	require.Less(t, a[0], float32(0.5))
	require.ErrorContains(t, told.Step(b, []float32{1}), "polyak reads the loss; want StepLoss")

	p := newProgram[float32](t)
	first, last := p.run(t), 0.0
	require.EqualError(t, polyak.Solver().Step(p.model),
		"learnedopt: polyak reads the loss, which a solver is not told; want WithLoss, or Trained.New and StepLoss")
	s := polyak.Solver(learnedopt.WithLoss(func() (float64, error) { return last, nil }))
	for range 100 {
		last = p.run(t)
		require.NoError(t, s.Step(p.model))
	}
	require.Less(t, last, first/10)
}

// The loss is asked for where it is needed only: at the borders of turns, and as often as is said while the rule is alone.
func TestLossIsAskedWhereNeeded(t *testing.T) {
	asked := 0
	falling := func() (float64, error) { // but for the end of the fallback's steps
		if asked++; asked == 3 {
			return 0, nil
		}
		return -float64(asked), nil
	}
	for _, tt := range []struct{ watch, want int }{{1, 13}, {4, 6}, {1000, 4}} {
		asked = 0
		c := learnedopt.LossCheck{Steps: 10, Longest: 10, Watch: tt.watch}
		o := guarded(t, trained(&handmade.SGD{LR: 0.1}), 2, learnedopt.WithGuard(c), learnedopt.WithLoss(falling))
		theta, grad := []float32{1, 1}, []float32{1, 1}
		for range 31 {
			require.NoError(t, o.Step(theta, grad))
		}
		require.Equal(t, learnedopt.Checks{Won: 1, TakenBack: 10}, o.Checks())
		require.Equal(t, tt.want, asked)
	}
}

// A gradient that is not a number while the rule has its turn is taken back, without SkipNonFinite too; the fallback then goes on
// from where the turn began. In the fallback's turn it is an error, or skipped.
func TestLossCheckAndGradientsThatAreNotFinite(t *testing.T) {
	start, grad := []float32{1, 2}, []float32{1, 1}
	fallback := &handmade.SGD{LR: 0.5}
	for _, skips := range []bool{false, true} {
		opts := []learnedopt.Option{learnedopt.WithGuard(learnedopt.LossCheck{Fallback: fallback})}
		if skips {
			opts = append(opts, learnedopt.SkipNonFinite())
		}
		o := guarded(t, trained(scaled(-0.1)), 2, opts...)
		theta := append([]float32(nil), start...)
		require.NoError(t, o.StepLoss(theta, grad, 1))
		require.Equal(t, []float32{0.9, 1.9}, theta)
		if skips { // the first in a row may be an accident
			require.NoError(t, o.StepLoss(theta, nan(2), math.NaN()))
			require.Equal(t, []float32{0.9, 1.9}, theta)
			require.Equal(t, 1, o.Skipped())
		}
		require.NoError(t, o.StepLoss(theta, nan(2), math.NaN()))
		require.Equal(t, []float32{0.5, 1.5}, theta, "the fallback's step from the start")
		require.Equal(t, learnedopt.Checks{Undone: 1, TakenBack: 1}, o.Checks())
		err := o.StepLoss(theta, nan(2), math.NaN())
		if skips {
			require.NoError(t, err)
			require.Equal(t, 2, o.Skipped())
		} else {
			require.ErrorContains(t, err, `the gradient of "theta" [0] is NaN; no weight was moved`)
		}
		require.Equal(t, []float32{0.5, 1.5}, theta)
	}
}

// Finish goes back to the lowest point that is known, in every turn.
func TestFinish(t *testing.T) {
	at := func(x []float32) float64 { return float64(x[0] * x[0]) }
	for _, steps := range []int{0, 1, 5, 10, 11, 15, 20, 25, 33, 60} {
		for _, by := range []scaled{0.1, -0.1, -0.4} {
			o := guarded(t, trained(by), 1, learnedopt.WithGuard(learnedopt.LossCheck{Fallback: &handmade.SGD{LR: 0.2}}))
			theta, borders := []float32{1}, []float64{1}
			for range steps {
				require.NoError(t, o.StepLoss(theta, []float32{2 * theta[0]}, at(theta)))
			}
			end := at(theta)
			require.NoError(t, o.Finish(theta, end))
			require.LessOrEqual(t, at(theta), min(end, borders[0]))
			require.NoError(t, o.Finish(theta, 7), "nothing is known any more")
			before := theta[0]
			require.NoError(t, o.StepLoss(theta, []float32{2 * theta[0]}, at(theta)))
			require.InDelta(t, before+float32(by)*2*before, theta[0], 1e-6, "a check begins with the rule's step")
		}
	}
	plain := guarded(t, trained(scaled(1)), 1)
	theta := []float32{1}
	require.NoError(t, plain.StepLoss(theta, []float32{1}, 1))
	require.NoError(t, plain.Finish(theta, 5))
	require.Equal(t, []float32{2}, theta)
	require.Zero(t, plain.Checks())
	require.NoError(t, newOptimizer(t, scaled(1), nil, 1).Finish(theta, 5))
}

// Rate and decay: the rate is the rule's alone, the decay is of both.
func TestLossCheckRateAndDecay(t *testing.T) {
	opts := []learnedopt.Option{learnedopt.WithRate(2), learnedopt.WithWeightDecay(0.05),
		learnedopt.WithGuard(learnedopt.LossCheck{Fallback: &handmade.SGD{LR: 0.5}, Steps: 1})}
	o := guarded(t, trained(scaled(-0.1)), 1, opts...)
	theta := []float32{1}
	require.NoError(t, o.StepLoss(theta, []float32{1}, 0))
	require.InDelta(t, 1-0.2-0.1, theta[0], 1e-6)
	require.NoError(t, o.StepLoss(theta, []float32{1}, 0))
	require.InDelta(t, 1-0.5-0.1, theta[0], 1e-6)
}

// Once both sides of a check have been seen, steps allocate nothing.
func TestLossCheckAllocatesNothing(t *testing.T) {
	const n = 500
	for name, tr := range suspects(t) {
		o := guarded(t, tr, n, learnedopt.WithGuard(learnedopt.LossCheck{Steps: 2}))
		theta, grad := make([]float32, n), make([]float32, n)
		holey(grad, 1, every(3), 0)
		i := 0.0
		step := func() { i++; _ = o.StepLoss(theta, grad, 1/i) }
		for range 10 {
			step()
		}
		require.Zero(t, testing.AllocsPerRun(30, step), name)
	}
}

// How long turns are follows from the losses at their borders: here at each border the next of a list, and the steps at which
// they were asked for.
func TestLengthsOfTurns(t *testing.T) {
	for name, tt := range map[string]struct {
		losses []float64
		asked  []int
	}{
		"the rule keeps its promise":           {[]float64{0, -10, -5, -15, -25, -20}, []int{0, 10, 20, 30, 40, 50, 70}},
		"it brings less than the fallback did": {[]float64{0, -10, -5, -14, -25, -20}, []int{0, 10, 20, 30, 40, 50, 60}},
		"it loses":                             {[]float64{0, -5, -10, -12, -13, -20}, []int{0, 10, 20, 30, 40, 50, 70}},
		"it loses by a draw":                   {[]float64{0, -5, -5, -12, -13, -13}, []int{0, 10, 20, 30, 40, 50, 70}},
		"it rises":                             {[]float64{0, -10, -5, -9, -12, -20, -30}, []int{0, 10, 20, 30, 40, 50, 60, 80}},
		"it loses, wins, and keeps its promise": {
			[]float64{0, -1, -2, -3, -10, -5, -12, -13, -14}, []int{0, 10, 20, 30, 40, 50, 60, 70, 80, 90}},
		"it loses, wins, and idles": {
			[]float64{0, -1, -2, -3, -10, -5, -11, -13, -14}, []int{0, 10, 20, 30, 40, 50, 60, 70, 80, 100}},
		"it wins, keeps its promise, and then idles": {
			[]float64{0, -10, -5, -15, -25, -20, -26, -30, -27}, []int{0, 10, 20, 30, 40, 50, 70, 80, 90, 100}},
	} {
		var asked []int
		at := 0
		loss := func() (float64, error) {
			asked = append(asked, at)
			if k := len(asked) - 1; k < len(tt.losses) {
				return tt.losses[k], nil
			}
			return 0, nil
		}
		check := learnedopt.WithGuard(learnedopt.LossCheck{Watch: 1000})
		o := guarded(t, trained(&handmade.SGD{LR: 0.1}), 1, check, learnedopt.WithLoss(loss))
		for ; len(asked) < len(tt.asked); at++ {
			require.NoError(t, o.Step([]float32{1}, []float32{1}))
		}
		require.Equal(t, tt.asked, asked, name)
	}
}

// The alarm ends the rule's time alone before it is over: once the loss has risen by ten of its usual changes, all of it is taken
// back, and it is the fallback that steps from where it began.
func TestAlarmTakesBack(t *testing.T) {
	losses := []float64{0, -10, -5}
	for i := range 10 { // alone, the rule changes it by 1 a step
		losses = append(losses, -11-float64(i))
	}
	losses = append(losses, -30, -25, -26, -22, -18, -14, -10) // the next time it rises by 4
	asked := 0
	loss := func() (float64, error) { asked++; return losses[asked-1], nil }
	o := guarded(t, trained(scaled(-1)), 1, learnedopt.WithLoss(loss),
		learnedopt.WithGuard(learnedopt.LossCheck{Fallback: &handmade.SGD{LR: 0.25}}))
	theta := []float32{0}
	for range 55 {
		require.NoError(t, o.Step(theta, []float32{1}))
	}
	require.Equal(t, learnedopt.Checks{Won: 2, TakenBack: 20}, o.Checks())
	require.Equal(t, []float32{-35}, theta)
	require.NoError(t, o.Step(theta, []float32{1}))
	require.Equal(t, learnedopt.Checks{Won: 2, Undone: 1, TakenBack: 25}, o.Checks())
	require.Equal(t, []float32{-30.25}, theta)
}

// No time alone is longer than the longest.
func TestLongestTurn(t *testing.T) {
	var asked []int
	at := 0
	loss := func() (float64, error) { // of a rule that keeps every promise
		k := len(asked)
		asked = append(asked, at)
		return -20*float64(k/3) - []float64{0, 10, 5}[k%3], nil
	}
	check := learnedopt.WithGuard(learnedopt.LossCheck{Watch: 1000, Longest: 25})
	o := guarded(t, trained(&handmade.SGD{LR: 0.1}), 1, check, learnedopt.WithLoss(loss))
	for ; len(asked) < 13; at++ {
		require.NoError(t, o.Step([]float32{1}, []float32{1}))
	}
	require.Equal(t, []int{0, 10, 20, 30, 40, 50, 70, 80, 90, 115, 125, 135, 160}, asked)
}

// A rule that has failed begins anew, beside the fallback: what it remembered may be what led it astray.
func TestRuleThatFailedBeginsAnew(t *testing.T) {
	losses, asked := []float64{0, -10, -5}, 0
	loss := func() (float64, error) { asked++; return losses[asked-1], nil }
	check := learnedopt.WithGuard(learnedopt.LossCheck{Watch: 1000})
	rule := trained(&handmade.Momentum{LR: 0.1})
	o, fresh := guarded(t, rule, 1, check, learnedopt.WithLoss(loss)), guarded(t, rule, 1)
	theta := []float32{1}
	for range 25 { // five of them alone
		require.NoError(t, o.Step(theta, []float32{1}))
	}
	require.NoError(t, fresh.Step([]float32{1}, []float32{1}))
	require.NotEqual(t, fresh.State(), o.State())
	require.NoError(t, o.Step(theta, nan(1)))
	require.Equal(t, learnedopt.Checks{Won: 1, Undone: 1, TakenBack: 15}, o.Checks())
	require.Equal(t, fresh.State(), o.State())
}
