package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/catalog"
)

// What Plain leaves out makes no difference to a problem: loss and gradient are the same bits.
func TestPlain(t *testing.T) {
	said := map[string]catalog.Options{
		"mnist8":    {Hidden: []int{20}, Activation: "sigmoid", Batch: 128, Loss: "cross-entropy", Init: "normal0.1"},
		"mnist":     {Hidden: []int{20}, Activation: "sigmoid", Batch: 128, Credit: "fa", Loss: "cross-entropy"},
		"logistic8": {Batch: 128},
	}
	for name, o := range said {
		p := o.Plain(name)
		require.Equal(t, catalog.Options{Credit: o.Credit}, p, name)
		losses, grads := []float64{}, [][]float32{}
		for _, o := range []catalog.Options{o, p} {
			f, err := catalog.Lookup(name, o)
			require.NoError(t, err)
			loss, grad := evaluate(t, f)
			losses, grads = append(losses, loss), append(grads, grad)
		}
		require.Equal(t, losses[0], losses[1], name)
		require.Equal(t, grads[0], grads[1], name)
	}
	for name, o := range map[string]catalog.Options{
		"quadratic": {Hidden: []int{20}, Activation: "sigmoid", Batch: 128, Loss: "cross-entropy", Init: "normal0.1"},
		"logistic":  {Hidden: []int{20}, Activation: "sigmoid"},
		"nothing":   {Batch: 128},
		"mnist":     {Hidden: []int{20, 20}, Activation: "tanh", Batch: 127, Loss: "squared-error", Init: "lecun"},
	} {
		require.Equal(t, o, o.Plain(name), "%s: what does not apply stays, to be refused", name)
	}
}

func evaluate(t *testing.T, f inner.Family) (float64, []float32) {
	t.Helper()
	p, err := f.Sample(1)
	require.NoError(t, err)
	theta := make([]float32, p.Params().Len())
	p.Init(theta, 2)
	grad := make([]float32, len(theta))
	loss, err := p.Eval(grad, theta, 3)
	require.NoError(t, err)
	return loss, grad
}
