package nets_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data/mnist"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/params"
)

func convNet[F params.Float](t *testing.T, side, classes int) *nets.NetOf[F] {
	relu := nets.Activation("relu")
	net, err := nets.New[F](shape(1, side, side), nets.CrossEntropy,
		nets.Conv{Channels: 6, Kernel: 3, Stride: 1, Pad: 1}, relu, nets.MaxPool{Size: 2},
		nets.Conv{Channels: 8, Kernel: 3, Stride: 1}, relu, nets.Dense{Units: classes})
	require.NoError(t, err)
	return net
}

// A convolutional net under package credit's backprop obeys the laws of every problem, its gradient among them.
func TestConvNetIsAProblem(t *testing.T) {
	set := problemtest.Images(30, 6)
	problemtest.Run(t, credit.FamilyOf[float64]{Net: convNet[float64](t, 6, set.Classes), Rule: credit.BackpropOf[float64]{}, Data: set, Batch: 5},
		problemtest.Options{Varies: problemtest.Start | problemtest.Batch})
	problemtest.Agree(t, credit.FamilyOf[float32]{Net: convNet[float32](t, 6, set.Classes), Data: set, Batch: 5},
		credit.FamilyOf[float64]{Net: convNet[float64](t, 6, set.Classes), Data: set, Batch: 5})
}

// And it learns to read.
func TestConvNetLearnsMNIST(t *testing.T) {
	train, test, err := mnist.Load()
	require.NoError(t, err)
	small, err := train.Slice(0, 5000).Downsample8()
	require.NoError(t, err)
	held, err := test.Slice(0, 1000).Downsample8()
	require.NoError(t, err)
	p, err := credit.Family{Net: convNet[float32](t, 8, 10), Data: small, Batch: 32}.Problem()
	require.NoError(t, err)
	theta, grad := make([]float32, p.Params().Len()), make([]float32, p.Params().Len())
	p.Init(theta, 1)
	var first, last float64
	const steps = 400
	for step := range steps {
		loss, err := p.Eval(grad, theta, uint64(step))
		require.NoError(t, err)
		if step < 10 {
			first += loss / 10
		}
		if step >= steps-10 {
			last += loss / 10
		}
		for i, g := range grad {
			theta[i] -= 0.2 * g
		}
	}
	rate, err := p.ErrorRate(theta, held)
	require.NoError(t, err)
	t.Logf("loss from %.2f to %.2f, %.1f %% of errors", first, last, 100*rate)
	require.Less(t, last, first/3)
	require.Less(t, rate, 0.25)
}
