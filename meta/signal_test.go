package meta_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/estimatortest"
	"github.com/seed1498fded/unroll/params"
)

// one is a family of a single instance of a credit problem, which notes its start and the keys it is asked for: what its
// rule keeps fixed was drawn when the estimator started the episode.
type one struct {
	inner.ProblemOf[float64]
	inner.SignalledOf[float64]
	start []float64
	keys  []uint64
}

func (o *one) Sample(uint64) (inner.ProblemOf[float64], error) { return o, nil }

func (o *one) Init(theta []float64, key uint64) {
	o.ProblemOf.Init(theta, key)
	o.start = append([]float64(nil), theta...)
}

func (o *one) Eval(grad, theta []float64, key uint64) (float64, error) {
	o.keys = append(o.keys, key)
	return o.ProblemOf.Eval(grad, theta, key)
}

func onSignal[F params.Float](t *testing.T, rule credit.RuleOf[F]) credit.FamilyOf[F] {
	t.Helper()
	set := problemtest.Images(50, 4)
	net, err := nets.New[F](nets.Shape{Channels: 1, Rows: 4, Cols: 4}, nets.CrossEntropy,
		nets.Dense{Units: 5}, nets.Activation("tanh"), nets.Dense{Units: 4}, nets.Activation("tanh"), nets.Dense{Units: set.Classes})
	require.NoError(t, err)
	return credit.FamilyOf[F]{Net: net, Rule: rule, Data: set, Batch: 8}
}

// Under a credit rule the steps are made of signals and the meta-loss of losses: with the signals held, the meta-gradient
// is what central differences of the losses say. It would not be, if the signals stood for the derivatives too.
func TestMetaGradientOnASignal(t *testing.T) {
	for name, r := range rules() {
		for _, window := range []int{1, 6} {
			t.Run(fmt.Sprintf("%s/window %d", name, window), func(t *testing.T) {
				problem, err := onSignal[float64](t, credit.DirectOf[float64]{}).Sample(0)
				require.NoError(t, err)
				family := &one{ProblemOf: problem, SignalledOf: problem.(inner.SignalledOf[float64])}
				b, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{Rule: r, Family: family, Horizon: window, Window: window})
				require.NoError(t, err)
				phi := params.Convert[float64](learnedopt.Phi(r, 2))
				grad := make([]float64, len(phi))
				est, err := b.Estimate(context.Background(), grad, phi, 1)
				require.NoError(t, err)
				u := estimatortest.Unroll{Rule: r, Problem: problem, Theta: family.start, Batches: family.keys, Horizon: window}
				loss, _ := u.Loss(t, phi, nil)
				require.InEpsilon(t, loss, est.Loss, 1e-12)
				u.CheckGradient(t, grad, phi, false, 1e-5)
			})
		}
	}
}

// The laws hold over credit rules too, for problems side by side as well.
func TestLawsOnASignal(t *testing.T) {
	for _, copies := range []int{1, 3} {
		r := &lstm.Rule{Hidden: 4}
		estimatortest.Run(t, estimatortest.Subject{
			New: func() (meta.EstimatorOf[float64], error) {
				return meta.NewBPTT(meta.BPTTConfigOf[float64]{
					Rule: r, Family: onSignal[float64](t, credit.FeedbackAlignmentOf[float64]{}), Horizon: 7, Window: 3, Copies: copies,
				})
			},
			Phi: params.Convert[float64](learnedopt.Phi(r, 1)), Key: 5,
		})
	}
}

// With backprop for the rule the signal is the derivative, and it makes no difference which of the two is taken for which.
func TestBackpropIsNoSignal(t *testing.T) {
	r := &lstm.Rule{Hidden: 4}
	phi := params.Convert[float64](learnedopt.Phi(r, 1))
	estimate := func(f inner.FamilyOf[float64]) (meta.Estimate, []float64) {
		b, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{Rule: r, Family: f, Horizon: 6, Window: 6})
		require.NoError(t, err)
		grad := make([]float64, len(phi))
		est, err := b.Estimate(context.Background(), grad, phi, 3)
		require.NoError(t, err)
		return est, grad
	}
	f := onSignal[float64](t, nil)
	est, grad := estimate(f)
	plain, plainGrad := estimate(noDerivative{f})
	require.Equal(t, plain, est)
	require.Equal(t, plainGrad, grad)
}

// noDerivative hides what a problem knows beyond inner.Problem.
type noDerivative struct{ inner.FamilyOf[float64] }

func (f noDerivative) Sample(key uint64) (inner.ProblemOf[float64], error) {
	p, err := f.FamilyOf.Sample(key)
	return struct{ inner.ProblemOf[float64] }{p}, err
}

func TestNoExactMetaGradientOnASignal(t *testing.T) {
	exact := func(rule credit.RuleOf[float64]) error {
		_, err := meta.NewBPTT(meta.BPTTConfigOf[float64]{Rule: new(handmade.SGD), Family: onSignal[float64](t, rule), Exact: true})
		return err
	}
	require.ErrorContains(t, exact(credit.FeedbackAlignmentOf[float64]{}), "Hessian-vector products")
	require.NoError(t, exact(credit.BackpropOf[float64]{}), "backprop's signal is the gradient")
}
