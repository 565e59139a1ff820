package learnedopt_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/optimize"
	"gonum.org/v1/gonum/optimize/functions"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
)

// With never, only its number of iterations ends a run.
var never = optimize.NeverTerminate{}

var quadratic = optimize.Problem{
	Func: func(x []float64) float64 { return x[0]*x[0] + 4*(x[1]-1)*(x[1]-1) },
	Grad: func(grad, x []float64) { grad[0], grad[1] = 2*x[0], 8*(x[1]-1) },
}

func TestMethodMinimizes(t *testing.T) {
	rosenbrock := functions.ExtendedRosenbrock{}
	for _, tt := range []struct {
		name    string
		problem optimize.Problem
		rule    learnedopt.Rule
		start   []float64
		steps   int
		want    []float64
		within  float64
		status  optimize.Status
	}{
		{"quadratic, sgd", quadratic, &handmade.SGD{LR: 0.1}, []float64{3, -2}, 100, []float64{0, 1}, 1e-4, optimize.FunctionEvaluationLimit},
		{"quadratic, adam", quadratic, &handmade.Adam{LR: 0.05}, []float64{3, -2}, 1000, []float64{0, 1}, 1e-12, optimize.GradientThreshold},
		{"rosenbrock, adam", optimize.Problem{Func: rosenbrock.Func, Grad: rosenbrock.Grad},
			&handmade.Adam{LR: 0.02}, []float64{-1.2, 1}, 3000, []float64{1, 1}, 0.05, optimize.FunctionEvaluationLimit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			settings := &optimize.Settings{FuncEvaluations: tt.steps, Converger: never}
			r, err := optimize.Minimize(tt.problem, tt.start, settings, trained(tt.rule).Method())
			require.NoError(t, err)
			require.Equal(t, tt.status, r.Status)
			require.InDeltaSlice(t, tt.want, r.X, tt.within)
			require.Less(t, r.F, tt.problem.Func(tt.start)/100)
			require.LessOrEqual(t, r.FuncEvaluations, tt.steps)
			require.Equal(t, r.FuncEvaluations, r.GradEvaluations)
		})
	}
}

// iterates is a recorder that keeps every location that was evaluated.
type iterates [][]float64

func (*iterates) Init() error { return nil }
func (r *iterates) Record(l *optimize.Location, op optimize.Operation, _ *optimize.Stats) error {
	if op&optimize.FuncEvaluation != 0 {
		*r = append(*r, append([]float64(nil), l.X...))
	}
	return nil
}

// The method's steps are Optimizer's, added up in float64.
func TestMethodTakesTheOptimizersSteps(t *testing.T) {
	tr := trained(&handmade.Adam{LR: 0.1})
	var got iterates
	settings := &optimize.Settings{FuncEvaluations: 50, Converger: never, Recorder: &got}
	_, err := optimize.Minimize(quadratic, []float64{3, -2}, settings, tr.Method())
	require.NoError(t, err)

	opt, err := tr.New(vector(2))
	require.NoError(t, err)
	x, g := []float64{3, -2}, make([]float64, 2)
	require.Len(t, got, 49) // the last one reached the limit, of which the recorder is not told
	for _, at := range got {
		require.Equal(t, x, at)
		quadratic.Grad(g, x)
		step := make([]float32, 2)
		require.NoError(t, opt.Step(step, []float32{float32(g[0]), float32(g[1])}))
		x[0] += float64(step[0])
		x[1] += float64(step[1])
	}
}

func TestMethodEndsByConvergence(t *testing.T) {
	r, err := optimize.Minimize(quadratic, []float64{3, -2}, nil, trained(&handmade.SGD{LR: 0.1}).Method())
	require.NoError(t, err)
	require.Contains(t, []optimize.Status{optimize.FunctionConvergence, optimize.GradientThreshold}, r.Status)
	require.InDeltaSlice(t, []float64{0, 1}, r.X, 1e-4)
}

// One method may minimize twice; the second run knows nothing of the first.
func TestMethodStartsAfresh(t *testing.T) {
	m := trained(&handmade.Momentum{LR: 0.01}).Method()
	settings := &optimize.Settings{FuncEvaluations: 10, Converger: never}
	first, err := optimize.Minimize(quadratic, []float64{3, -2}, settings, m)
	require.NoError(t, err)
	second, err := optimize.Minimize(quadratic, []float64{3, -2}, settings, m)
	require.NoError(t, err)
	require.Equal(t, first.X, second.X)
}

func TestMethodRefuses(t *testing.T) {
	blind := optimize.Problem{Func: quadratic.Func}
	m := trained(new(handmade.SGD)).Method()
	_, err := m.Uses(optimize.Available{Hess: true})
	require.EqualError(t, err, "learnedopt: the problem has no gradient")
	// That is gonum's way with methods that a problem will not do for.
	require.PanicsWithValue(t, "optimize: specified method inconsistent with Problem: learnedopt: the problem has no gradient",
		func() { _, _ = optimize.Minimize(blind, []float64{1, 1}, nil, m) })

	r, err := optimize.Minimize(quadratic, []float64{1, 1}, nil, trained(&handmade.SGD{LR: -1}).Method())
	require.ErrorContains(t, err, "lr is -1")
	require.Equal(t, optimize.Failure, r.Status)
}

// A run that diverges fails with gonum's words for it, at the last point where the function was finite.
func TestMethodThatDiverges(t *testing.T) {
	steep := trained(&handmade.SGD{LR: 10})
	for _, settings := range []*optimize.Settings{nil, {Converger: never}} {
		r, err := optimize.Minimize(quadratic, []float64{3, -2}, settings, steep.Method())
		require.ErrorAs(t, err, new(optimize.ErrFunc))
		require.Regexp(t, `^learnedopt: the function is \+Inf at evaluation \d+; the result is the best location seen$`, err.Error())
		require.Equal(t, optimize.Failure, r.Status)
		require.Equal(t, []float64{3, -2}, r.X, "it only rose")
		require.False(t, math.IsNaN(r.F) || math.IsInf(r.F, 0))
		require.Equal(t, quadratic.Func(r.X), r.F)
	}

	abyss := optimize.Problem{Func: func([]float64) float64 { return math.Inf(-1) }, Grad: quadratic.Grad}
	r, err := optimize.Minimize(abyss, []float64{3, -2}, nil, steep.Method())
	require.NoError(t, err)
	require.Equal(t, optimize.FunctionNegativeInfinity, r.Status)

	kink := quadratic
	kink.Grad = func(grad, x []float64) { grad[0], grad[1] = x[0], math.Inf(1) }
	_, err = optimize.Minimize(kink, []float64{3, -2}, nil, steep.Method())
	require.Equal(t, optimize.ErrGrad{Grad: math.Inf(1), Index: 1}, err)
}
