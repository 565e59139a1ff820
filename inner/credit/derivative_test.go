package credit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/params"
)

func smallFamily[F params.Float](t *testing.T, rule credit.RuleOf[F]) credit.FamilyOf[F] {
	t.Helper()
	set := problemtest.Images(50, 4)
	net, err := nets.New[F](nets.Shape{Channels: 1, Rows: 4, Cols: 4}, nets.CrossEntropy,
		nets.Dense{Units: 6}, nets.Activation("tanh"), nets.Dense{Units: 5}, nets.Activation("tanh"), nets.Dense{Units: set.Classes})
	require.NoError(t, err)
	return credit.FamilyOf[F]{Net: net, Rule: rule, Data: set, Batch: 9}
}

// The laws of problems, with what Derivative says held against central differences; those of rules that keep nothing from
// one start to the next.
func TestLaws(t *testing.T) {
	o := problemtest.Options{Varies: problemtest.Start | problemtest.Batch}
	problemtest.Run(t, smallFamily[float64](t, nil), o)
	problemtest.Run(t, smallFamily[float64](t, ownRule[float64]{}), o)
	problemtest.Agree(t, smallFamily[float32](t, nil), smallFamily[float64](t, nil))
}

// What Derivative says is not what Eval says, unless the rule is backprop: then it is the same to the bit.
func TestDerivativeIsBackprop(t *testing.T) {
	truth, err := smallFamily[float64](t, nil).Sample(0)
	require.NoError(t, err)
	fa, err := smallFamily[float64](t, credit.FeedbackAlignmentOf[float64]{}).Sample(0)
	require.NoError(t, err)
	n := truth.Params().Len()
	theta, want, got, signal := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	truth.Init(theta, 1)
	fa.Init(got, 1)
	require.Equal(t, theta, got, "the start of the net has nothing to do with the rule")
	_, err = truth.Eval(want, theta, 2)
	require.NoError(t, err)
	_, err = fa.Eval(signal, theta, 2)
	require.NoError(t, err)
	require.NoError(t, fa.(inner.SignalledOf[float64]).Derivative(got, theta, 2))
	require.Equal(t, want, got)
	require.NotEqual(t, want, signal)
}

// Under backprop there is no signal beside the derivative, and under no other rule has the signal second derivatives to tell of.
func TestWhatAProblemClaims(t *testing.T) {
	for _, name := range append(credit.Names(), "") {
		var rule credit.RuleOf[float64]
		var err error
		if name != "" {
			rule, err = credit.Named[float64](name, nil)
			require.NoError(t, err)
		}
		p, err := smallFamily[float64](t, rule).Sample(0)
		require.NoError(t, err)
		_, curved := p.(inner.CurvatureOf[float64])
		_, signalled := p.(inner.SignalledOf[float64])
		gradient := name == "" || name == "backprop"
		require.Equal(t, [2]bool{gradient, !gradient}, [2]bool{curved, signalled}, name)
	}
}

// ownRule is backprop with weights of its own that only chase 1, and with phases.
type ownRule[F params.Float] struct{ credit.BackpropOf[F] }

func (r ownRule[F]) Bind(net *nets.NetOf[F], size int) (credit.AssignerOf[F], error) {
	a, err := r.BackpropOf.Bind(net, size)
	return ownAssigner[F]{a}, err
}

type ownAssigner[F params.Float] struct{ credit.AssignerOf[F] }

func (ownAssigner[F]) Params() params.Layout     { return params.Layout{{Name: "own", Shape: []int{3}}} }
func (ownAssigner[F]) Init(own, _ []F, _ uint64) { clear(own) }
func (ownAssigner[F]) PretrainEpochs() int       { return 2 }
func (ownAssigner[F]) Repeats() int              { return 3 }

func (ownAssigner[F]) Learn(dOwn, _ []F, _ *credit.SignalOf[F], _ *nets.TraceOf[F], _, own []F, _ uint64) error {
	for i, w := range own {
		dOwn[i] = w - 1
	}
	return nil
}

func TestPhases(t *testing.T) {
	p, err := smallFamily[float64](t, ownRule[float64]{}).Problem()
	require.NoError(t, err)
	require.Equal(t, []int{2, 3, 9}, []int{p.PretrainEpochs(), p.Repeats(), p.Batch()})
	plain, err := smallFamily[float64](t, nil).Problem()
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 9}, []int{plain.PretrainEpochs(), plain.Repeats(), plain.Batch()})
}
