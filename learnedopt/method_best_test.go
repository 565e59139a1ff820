package learnedopt_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/optimize"
	"gonum.org/v1/gonum/optimize/functions"
	"pgregory.net/rapid"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
)

// A witness looks on as a function is evaluated, and knows the best location.
type witness struct {
	calls int
	f     float64
	x     []float64
}

// watch returns the problem with a witness in it.
func watch(p optimize.Problem) (optimize.Problem, *witness) {
	w := &witness{f: math.Inf(1)}
	inner := p.Func
	p.Func = func(x []float64) float64 {
		f := inner(x)
		if w.calls++; f < w.f {
			w.f, w.x = f, slices.Clone(x)
		}
		return f
	}
	return p, w
}

// saw requires that a result is the best location that was seen, with its own gradient, no worse than the start, and that it
// claims no more than it has.
func (w *witness) saw(t require.TestingT, p optimize.Problem, start []float64, r *optimize.Result) {
	require.Equal(t, w.f, r.F)
	require.Equal(t, w.x, r.X)
	require.LessOrEqual(t, r.F, p.Func(start))
	require.Equal(t, p.Func(r.X), r.F)
	grad := make([]float64, len(start))
	p.Grad(grad, r.X)
	require.Equal(t, grad, r.Gradient)
	if !r.Status.Early() {
		require.Less(t, floats.Norm(grad, math.Inf(1)), 1e-4, "%v", r.Status)
	}
}

type function interface {
	Func(x []float64) float64
	Grad(grad, x []float64)
}

// standard are the test functions of Moré, Garbow and Hillstrom 1981, at their standard starts.
var standard = []struct {
	function
	start []float64
}{
	{functions.ExtendedRosenbrock{}, []float64{-1.2, 1}},
	{functions.ExtendedRosenbrock{}, []float64{-1.2, 1, -1.2, 1}},
	{functions.Beale{}, []float64{1, 1}},
	{functions.BiggsEXP2{}, []float64{1, 2}},
	{functions.BiggsEXP6{}, []float64{1, 2, 1, 1, 1, 1}},
	{functions.Box3D{}, []float64{0, 10, 20}},
	{functions.BrownAndDennis{}, []float64{25, 5, -5, -1}},
	{functions.BrownBadlyScaled{}, []float64{1, 1}},
	{functions.ExtendedPowellSingular{}, []float64{3, -1, 0, 1}},
	{functions.Gaussian{}, []float64{0.4, 1, 0}},
	{functions.HelicalValley{}, []float64{-1, 0, 0}},
	{functions.PenaltyI{}, []float64{1, 2, 3, 4}},
	{functions.PenaltyII{}, []float64{0.5, 0.5, 0.5, 0.5}},
	{functions.PowellBadlyScaled{}, []float64{0, 1}},
	{functions.Trigonometric{}, []float64{0.2, 0.2, 0.2, 0.2, 0.2}},
	{functions.VariablyDimensioned{}, []float64{0.5, 0}},
	{functions.Watson{}, []float64{0, 0, 0, 0, 0, 0}},
	{functions.Wood{}, []float64{-3, -1, -3, -1}},
}

// Whatever the function, the rule and what ends the run.
func TestMethodKeepsTheBest(t *testing.T) {
	for _, f := range standard {
		for _, tr := range everybody(t) {
			for name, settings := range map[string]optimize.Settings{
				"as it is":    {FuncEvaluations: 1200}, // BrownBadlyScaled is a long way
				"few":         {FuncEvaluations: 7},
				"gradients":   {GradEvaluations: 23},
				"iterations":  {MajorIterations: 9, FuncEvaluations: 200},
				"no patience": {Converger: never, FuncEvaluations: 200},
			} {
				if name == "as it is" && (testing.Short() || tr.Provenance == nil) { // the zoo is what it is about
					continue
				}
				p, w := watch(optimize.Problem{Func: f.Func, Grad: f.Grad})
				var opts []learnedopt.Option
				if name == "no patience" {
					opts = []learnedopt.Option{learnedopt.WithPatience(1)}
				}
				r, err := optimize.Minimize(p, f.start, &settings, tr.Method(opts...))
				what := fmt.Sprintf("%T, %s, %s: %v %v", f.function, tr.Rule.Name(), name, r, err)
				if err != nil { // hand-made rules with their defaults may diverge
					require.ErrorContains(t, err, "at evaluation", what)
				}
				calls := w.calls
				w.saw(t, optimize.Problem{Func: f.Func, Grad: f.Grad}, f.start, r)
				require.Equal(t, calls, r.FuncEvaluations, what)
			}
		}
	}
}

// The run of the complaint: the last of its points is far from the best, and none is a minimum.
func TestMethodOnRosenbrock(t *testing.T) {
	tr, err := learnedopt.Load("zoo:lstm-quadratic")
	require.NoError(t, err)
	f, start := functions.ExtendedRosenbrock{}, []float64{-1.2, 1}
	p, w := watch(optimize.Problem{Func: f.Func, Grad: f.Grad})
	r, err := optimize.Minimize(p, start, nil, tr.Method())
	require.NoError(t, err)
	w.saw(t, optimize.Problem{Func: f.Func, Grad: f.Grad}, start, r)
	require.Equal(t, learnedopt.NoProgress, r.Status)
	require.Equal(t, "NoProgress", r.Status.String())
	require.True(t, r.Status.Early())
	require.Error(t, r.Status.Err())
	require.Less(t, r.F, f.Func(start)/2)
}

// Law: as above, of random functions that may have poles, cliffs and no bottom, from random starts, under random limits.
func TestMethodKeepsTheBestOfRandomFunctions(t *testing.T) {
	all := everybody(t)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "n")
		p, start := randomProblem(t, n), make([]float64, n)
		for i := range start {
			start[i] = rapid.Float64Range(-3, 3).Draw(t, "x")
		}
		settings := &optimize.Settings{
			FuncEvaluations: rapid.IntRange(1, 200).Draw(t, "evaluations"),
			MajorIterations: rapid.IntRange(0, 30).Draw(t, "iterations"),
		}
		if rapid.Bool().Draw(t, "known") {
			settings.InitValues = &optimize.Location{F: p.Func(start)}
		}
		tr := rapid.SampledFrom(all).Draw(t, "rule")
		watched, w := watch(p)
		if settings.InitValues != nil {
			w.f, w.x = p.Func(start), start
		}
		r, err := optimize.Minimize(watched, start, settings, tr.Method(learnedopt.WithPatience(rapid.IntRange(1, 50).Draw(t, "patience"))))
		if err != nil && w.calls <= 1 || w.x == nil { // it began where the function is not finite
			return
		}
		require.Equal(t, w.f, r.F)
		require.Equal(t, w.x, r.X)
		require.LessOrEqual(t, r.F, p.Func(start))
		require.NotContains(t, fmt.Sprint(err), "initial")
		require.True(t, r.Status.Early() || r.Status == optimize.GradientThreshold || math.IsInf(r.F, -1) || r.Status == optimize.FunctionConvergence)
		if r.Status == optimize.GradientThreshold {
			require.Less(t, floats.Norm(r.Gradient, math.Inf(1)), 1e-12)
		}
	})
}

// randomProblem draws a sum of waves, with a term that has a pole, a cliff or an abyss.
func randomProblem(t *rapid.T, n int) optimize.Problem {
	a, b := make([]float64, n), make([]float64, n)
	key := rapid.Uint64().Draw(t, "key")
	rng.Normal(a, rng.Split(key, 0), 2)
	rng.Normal(b, rng.Split(key, 1), 2)
	kind, edge := rapid.IntRange(0, 4).Draw(t, "kind"), rapid.Float64Range(-3, 3).Draw(t, "edge")
	return optimize.Problem{
		Func: func(x []float64) float64 {
			f := 0.0
			for i, v := range x {
				f += math.Sin(a[i]*v) + 0.1*b[i]*v
			}
			switch beyond := x[0] > edge; {
			case kind == 1 && beyond:
				return math.NaN()
			case kind == 2 && beyond:
				return math.Inf(1)
			case kind == 3 && beyond:
				return math.Inf(-1)
			}
			return f
		},
		Grad: func(grad, x []float64) {
			for i, v := range x {
				grad[i] = a[i]*math.Cos(a[i]*v) + 0.1*b[i]
			}
			if kind == 4 && x[0] > edge {
				grad[n-1] = math.NaN()
			}
		},
	}
}

// A function that stops to be finite in the middle of a run ends it, at the best location, with an error that says when.
func TestMethodWhereTheFunctionStops(t *testing.T) {
	const last = 51
	for _, tt := range []struct {
		f, g  float64
		want  string
		cause error
	}{
		{math.NaN(), 0, "learnedopt: the function is NaN at evaluation 51; the result is the best location seen", optimize.ErrFunc(0)},
		{math.Inf(1), 0, "learnedopt: the function is +Inf at evaluation 51; the result is the best location seen", optimize.ErrFunc(0)},
		{-1e9, math.NaN(), "learnedopt: derivative 1 is NaN at evaluation 51; the result is the best location seen", optimize.ErrGrad{}},
		{-1e9, math.Inf(-1), "learnedopt: derivative 1 is -Inf at evaluation 51; the result is the best location seen", optimize.ErrGrad{}},
	} {
		calls := 0
		p, w := watch(optimize.Problem{
			Func: func(x []float64) float64 {
				if calls++; calls == last {
					return tt.f
				}
				return quadratic.Func(x)
			},
			Grad: func(grad, x []float64) {
				if quadratic.Grad(grad, x); calls == last {
					grad[1] += tt.g
				}
			},
		})
		r, err := optimize.Minimize(p, []float64{3, -2}, nil, trained(&handmade.SGD{LR: 0.01}).Method())
		require.EqualError(t, err, tt.want)
		switch tt.cause.(type) {
		case optimize.ErrFunc:
			require.ErrorAs(t, err, new(optimize.ErrFunc))
		default:
			require.ErrorAs(t, err, new(optimize.ErrGrad))
		}
		require.Equal(t, optimize.Failure, r.Status)
		require.Equal(t, w.f, r.F)
		require.Equal(t, w.x, r.X)
	}
}

// A location that is not finite is no result, whatever the function makes of it.
func TestMethodThatLeavesTheLine(t *testing.T) {
	p := optimize.Problem{
		Func: func(x []float64) float64 { return 1 / (1 + x[0]*x[0]) },
		Grad: func(grad, x []float64) {
			if grad[0] = 0; !math.IsInf(x[0], 0) {
				grad[0] = -2 * x[0] / math.Pow(1+x[0]*x[0], 2)
			}
		},
	}
	r, err := optimize.Minimize(p, []float64{1}, nil, trained(&handmade.SGD{LR: 1e300}).Method())
	require.EqualError(t, err, "learnedopt: coordinate 0 is +Inf at evaluation 2; the result is the best location seen")
	require.Equal(t, []float64{1}, r.X)
}

// Evaluations are calls of the function: a value that was known is none.
func TestMethodCountsCalls(t *testing.T) {
	p := quadratic
	p.Func = func([]float64) float64 { return math.NaN() }
	start := []float64{3, -2}
	settings := &optimize.Settings{InitValues: &optimize.Location{F: quadratic.Func(start)}}
	r, err := optimize.Minimize(p, start, settings, trained(new(handmade.SGD)).Method())
	require.EqualError(t, err, "learnedopt: the function is NaN at evaluation 1; the result is the best location seen")
	require.Equal(t, start, r.X)
}

// At the start the errors are gonum's.
func TestMethodThatCannotStart(t *testing.T) {
	for _, tt := range []struct {
		f, g float64
		want error
	}{
		{math.Inf(1), 0, optimize.ErrFunc(math.Inf(1))},
		{1, math.Inf(-1), optimize.ErrGrad{Grad: math.Inf(-1), Index: 1}},
	} {
		p := optimize.Problem{
			Func: func([]float64) float64 { return tt.f },
			Grad: func(grad, _ []float64) { grad[0], grad[1] = 1, tt.g },
		}
		_, err := optimize.Minimize(p, []float64{1, 1}, nil, trained(new(handmade.SGD)).Method())
		require.Equal(t, tt.want, err)
	}
	_, err := optimize.Minimize(optimize.Problem{
		Func: func([]float64) float64 { return 1 }, Grad: func(grad, _ []float64) { clear(grad) },
	}, []float64{1, math.NaN()}, nil, trained(new(handmade.SGD)).Method())
	require.EqualError(t, err, "learnedopt: coordinate 1 is NaN at evaluation 1; the result is the best location seen")
}

// What is known of the start is not evaluated again.
func TestMethodKnowsInitValues(t *testing.T) {
	start := []float64{3, -2}
	grad := make([]float64, 2)
	quadratic.Grad(grad, start)
	for _, known := range []*optimize.Location{nil, {F: quadratic.Func(start)}, {F: quadratic.Func(start), Gradient: grad}} {
		r, err := optimize.Minimize(quadratic, start, &optimize.Settings{MajorIterations: 5, InitValues: known},
			trained(&handmade.SGD{LR: 0.01}).Method())
		require.NoError(t, err)
		require.Equal(t, optimize.IterationLimit, r.Status)
		f, g := 5, 5
		if known != nil {
			f--
			g -= len(known.Gradient) / 2
		}
		require.Equal(t, f, r.FuncEvaluations)
		require.Equal(t, g, r.GradEvaluations)
	}
}

// At a minimum there is nothing to do, and that is convergence.
func TestMethodAtAMinimum(t *testing.T) {
	for _, tr := range everybody(t) {
		r, err := optimize.Minimize(quadratic, []float64{0, 1}, nil, tr.Method())
		require.NoError(t, err)
		require.Equal(t, optimize.GradientThreshold, r.Status)
		require.Equal(t, []float64{0, 1}, r.X)
		require.Equal(t, 1, r.FuncEvaluations)
	}
}

// GradientThreshold is told of the result's own gradient.
func TestMethodsGradientThresholdIsTrue(t *testing.T) {
	r, err := optimize.Minimize(quadratic, []float64{3, -2}, &optimize.Settings{GradientThreshold: 0.1}, trained(&handmade.SGD{LR: 0.1}).Method())
	require.NoError(t, err)
	require.Equal(t, optimize.GradientThreshold, r.Status)
	grad := make([]float64, 2)
	quadratic.Grad(grad, r.X)
	require.Less(t, floats.Norm(grad, math.Inf(1)), 0.1)
}

// Patience counts the evaluations since the best one.
func TestMethodsPatience(t *testing.T) {
	for _, patience := range []int{1, 2, 17} {
		p, w := watch(quadratic)
		uphill := &learnedopt.Trained{Rule: upward{}, Phi: []float32{}}
		r, err := optimize.Minimize(p, []float64{3, -2}, nil, uphill.Method(learnedopt.WithPatience(patience)))
		require.NoError(t, err)
		require.Equal(t, learnedopt.NoProgress, r.Status)
		require.Equal(t, 1+patience, w.calls)
		require.Equal(t, []float64{3, -2}, r.X)
		require.Equal(t, 1, r.MajorIterations)
	}
}

// As good as the best is not better: on a plain there is an end too, where the run began.
func TestMethodOnAPlain(t *testing.T) {
	plain := optimize.Problem{
		Func: func([]float64) float64 { return 1 },
		Grad: func(grad, _ []float64) { grad[0] = 1 },
	}
	settings := &optimize.Settings{Converger: never, FuncEvaluations: 100}
	r, err := optimize.Minimize(plain, []float64{3}, settings, trained(new(handmade.SGD)).Method(learnedopt.WithPatience(10)))
	require.NoError(t, err)
	require.Equal(t, learnedopt.NoProgress, r.Status)
	require.Equal(t, []float64{3}, r.X)
	require.Equal(t, 1, r.MajorIterations)
}

// The problem and the clock may end a run too.
func TestMethodEndedFromOutside(t *testing.T) {
	boom := errors.New("boom")
	p, w := watch(quadratic)
	p.Status = func() (optimize.Status, error) {
		if w.calls >= 10 {
			return optimize.Failure, boom
		}
		return optimize.NotTerminated, nil
	}
	r, err := optimize.Minimize(p, []float64{3, -2}, nil, trained(&handmade.SGD{LR: 0.01}).Method())
	require.ErrorIs(t, err, boom)
	require.Equal(t, w.x, r.X)

	p, w = watch(quadratic)
	r, err = optimize.Minimize(p, []float64{3, -2}, &optimize.Settings{Runtime: time.Nanosecond}, trained(&handmade.SGD{LR: 0.01}).Method())
	require.NoError(t, err)
	require.Equal(t, optimize.RuntimeLimit, r.Status)
	require.Equal(t, w.x, r.X)
}
