package meta_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/learnedopt/stepsize"
	"github.com/seed1498fded/unroll/meta"
)

func newTrajectory(t *testing.T, r learnedopt.Rule, n, copies int) *meta.Trajectory[float32] {
	t.Helper()
	c, err := learnedopt.CompileWith[float32](r, problem(n).Params(), learnedopt.Options{Copies: copies})
	require.NoError(t, err)
	return meta.NewTrajectory(c, 9)
}

func problem(n int) inner.Problem {
	p, err := inner.Quadratic{Dim: n}.Sample(0)
	if err != nil {
		panic(err)
	}
	return p
}

// Runs side by side are the runs that their keys name, one by one, whatever the rule's scope.
func TestTrajectoriesStepAsOrdinaryOptimizers(t *testing.T) {
	const n, copies, steps = 4, 3, 5
	for _, r := range []learnedopt.Rule{&lstm.Rule{Hidden: 4}, new(handmade.Adam), &stepsize.RMSMomentum{LR: 0.1}, new(stepsize.Polyak)} {
		phi := learnedopt.Phi(r, 2)
		many := newTrajectory(t, r, n, copies)
		require.NoError(t, many.Begin(inner.Quadratic{Dim: n}, phi, 7))
		require.Equal(t, copies, many.Runs())
		// One by one, with an ordinary optimizer.
		type alone struct {
			problem inner.Problem
			theta   []float32
			opt     *learnedopt.Optimizer
		}
		var runs []alone
		for i := range uint64(copies) {
			p, err := inner.Quadratic{Dim: n}.Sample(rng.Split(rng.Split(7, 0), i))
			require.NoError(t, err)
			opt, err := learnedopt.New(r, phi, p.Params())
			require.NoError(t, err)
			theta := make([]float32, n)
			p.Init(theta, rng.Split(rng.Split(7, 1), i))
			runs = append(runs, alone{p, theta, opt})
		}
		for s := range uint64(steps) {
			require.EqualValues(t, s, many.Steps())
			require.NoError(t, many.Evaluate())
			sum := 0.0
			for i, run := range runs {
				grad := make([]float32, n)
				loss, err := run.problem.Eval(grad, run.theta, rng.Split(rng.Split(rng.Split(7, 2), s), uint64(i)))
				require.NoError(t, err)
				require.InDelta(t, loss, many.Losses[i], 1e-5*(1+loss), r.Name())
				require.InDeltaSlice(t, run.theta, many.Theta[i*n:(i+1)*n], 1e-5)
				require.NoError(t, run.opt.StepLoss(run.theta, grad, loss))
				sum += many.Losses[i]
			}
			require.InEpsilon(t, sum, many.Loss(), 1e-12)
			require.NoError(t, many.Advance(phi))
		}
	}
}

// A broken rule has a kernel that fails.
type broken struct{ handmade.SGD }

var errBroken = errors.New("broken")

func (broken) Kernel(rule.Rule, rule.Binding, int) rule.Kernel      { return broken{} }
func (broken) Step([]float32, []float32, rule.Point[float32]) error { return errBroken }

func TestAdvanceReportsWhatFails(t *testing.T) {
	tr := newTrajectory(t, new(broken), 4, 1)
	phi := learnedopt.Phi(new(broken), 0)
	require.NoError(t, tr.Begin(inner.Quadratic{Dim: 4}, phi, 1))
	require.NoError(t, tr.Evaluate())
	require.ErrorIs(t, tr.Advance(phi), errBroken)
}

// underivable is a problem that hands out signals and can't tell its derivative.
type underivable struct{ inner.Problem }

func (underivable) Derivative([]float32, []float32, uint64) error { return errBroken }

func (p underivable) Sample(uint64) (inner.Problem, error) { return p, nil }

func TestEvaluateReportsWhatFails(t *testing.T) {
	p, err := inner.Quadratic{Dim: 4}.Sample(1)
	require.NoError(t, err)
	tr := newTrajectory(t, new(handmade.SGD), 4, 1)
	require.NoError(t, tr.Begin(underivable{p}, learnedopt.Phi(new(handmade.SGD), 0), 1))
	require.ErrorIs(t, tr.Evaluate(), errBroken)
}

// A problem of another layout than the rule was bound to is a mistake of the program.
func TestBeginPanicsOnAnotherLayout(t *testing.T) {
	tr := newTrajectory(t, new(handmade.SGD), 4, 1)
	require.PanicsWithValue(t, "meta: a problem of 5 weights for a trajectory of 4", func() {
		_ = tr.Begin(inner.Quadratic{Dim: 5}, learnedopt.Phi(new(handmade.SGD), 0), 1)
	})
}
