package credit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/internal/rng"
)

// The gradient that backprop makes is the loss's, by central differences.
func TestBackpropIsTheGradient(t *testing.T) {
	set := problemtest.Images(50, 4)
	for _, loss := range []nets.Loss{nets.CrossEntropy, nets.SquaredError} {
		net, err := nets.New[float64](nets.Shape{Channels: 1, Rows: 4, Cols: 4}, loss,
			nets.Dense{Units: 7}, nets.Activation("tanh"), nets.Dense{Units: 7}, nets.Skip{}, nets.Activation("sigmoid"), nets.Dense{Units: set.Classes})
		require.NoError(t, err)
		p, err := credit.FamilyOf[float64]{Net: net, Data: set, Batch: 9}.Problem()
		require.NoError(t, err)
		theta, grad := make([]float64, p.Params().Len()), make([]float64, p.Params().Len())
		p.Init(theta, 1)
		rng.Normal(theta, 3, 0.5)
		_, err = p.Eval(grad, theta, 5)
		require.NoError(t, err)
		for i := 0; i < len(theta); i += 3 {
			const h = 1e-5
			was := theta[i]
			theta[i] = was + h
			up, _ := p.Eval(nil, theta, 5)
			theta[i] = was - h
			down, _ := p.Eval(nil, theta, 5)
			theta[i] = was
			require.InDelta(t, (up-down)/(2*h), grad[i], 1e-8)
		}
	}
}
