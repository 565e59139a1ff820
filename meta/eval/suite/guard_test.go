package suite_test

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/suite"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
)

// docs/results.md has what 2,000 steps, the suite's own, come to.
var guardedSteps = flag.Int("guarded-steps", 60, "steps of each problem in TestGuardOnTheSuite")

// A sampled problem of the suite is trained on minibatches, and judged by the mean loss of some that are always the same.
type sampled struct {
	problem inner.Problem
	theta   []float32
	judges  int
}

func sample(t testing.TB, p suite.Problem) sampled {
	problem, err := p.Family.Sample(3)
	require.NoError(t, err)
	s := sampled{problem, make([]float32, problem.Params().Len()), 1}
	if p.Batch > 0 {
		s.judges = 8
	}
	problem.Init(s.theta, 4)
	return s
}

func (s sampled) loss() (float64, error) {
	sum := 0.0
	for i := range s.judges {
		loss, err := s.problem.Eval(nil, s.theta, rng.Split(5, uint64(i)))
		if err != nil {
			return 0, err
		}
		sum += loss / float64(s.judges)
	}
	return sum, nil
}

// trained returns the loss after so many steps, and what the guard did.
func (s sampled) trained(t testing.TB, tr *learnedopt.Trained, steps int, opts ...learnedopt.Option) (float64, learnedopt.Checks) {
	o, err := tr.New(s.problem.Params(), append(opts, learnedopt.WithLoss(s.loss))...)
	require.NoError(t, err)
	grad := make([]float32, len(s.theta))
	for i := range steps {
		_, err := s.problem.Eval(grad, s.theta, rng.Split(6, uint64(i)))
		require.NoError(t, err)
		require.NoError(t, o.Step(s.theta, grad))
	}
	loss, err := s.loss()
	require.NoError(t, err)
	require.NoError(t, o.Finish(s.theta, loss))
	loss, err = s.loss()
	require.NoError(t, err)
	return loss, o.Checks()
}

// On every problem of the suite the embedded general rule under LossCheck ends no worse than the fallback alone with the steps that are left
// to it: a third, or all but those taken back if it wins no check. Those are on other minibatches, which is what the 5 % are for.
func TestGuardOnTheSuite(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short trains on no suite")
	}
	general, err := learnedopt.Load(learnedopt.ZooPrefix + "general")
	require.NoError(t, err)
	adam, steps := &learnedopt.Trained{Rule: &handmade.Adam{LR: .001}}, *guardedSteps
	told, guard := learnedopt.WithHorizon(steps), learnedopt.WithGuard(learnedopt.LossCheck{Fallback: adam.Rule})
	for _, p := range suite.Unroll12() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			loss, c := sample(t, p).trained(t, general, steps, told, guard)
			left := steps / 3
			if c.Won == 0 {
				left = steps - c.TakenBack - 10 // the last check may be under way
			}
			least, _ := sample(t, p).trained(t, adam, left)
			require.LessOrEqual(t, loss, least*1.05+1e-6, "%+v", c)
			if !testing.Verbose() {
				return
			}
			all, _ := sample(t, p).trained(t, adam, steps)
			bare, _ := sample(t, p).trained(t, general, steps, told)
			t.Logf("%s: guarded %.4g, bare %.4g; Adam %.4g, with what is left %.4g; %+v", p.Name, loss, bare, all, least, c)
		})
	}
}
