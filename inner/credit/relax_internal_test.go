package credit

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
)

// Without a target, values that start anywhere end at the forward pass. So a net needs no inference to be used.
func TestWithoutATargetTheForwardPassIsTheMinimum(t *testing.T) {
	const n = 5
	net, err := nets.New[float64](nets.Vector(6), nets.SquaredError,
		nets.Dense{Units: 8}, nets.Activation("tanh"), nets.Dense{Units: 7}, nets.Activation("sigmoid"), nets.Dense{Units: 3})
	require.NoError(t, err)
	theta := make([]float64, net.Params().Len())
	net.Init(theta, 1)
	trace := net.NewTrace(n)
	rng.Normal(trace.In(0), 2, 1)
	trace.SetLabels()
	net.Forward(trace, theta)

	r := newRelaxation(net, n, 0) // an error of the output costs nothing
	r.start(trace)
	for l, x := range r.x {
		rng.Normal(x, uint64(l), 1)
	}
	require.Greater(t, r.predict(trace, theta, r.x), 1.0)
	for range 400 {
		r.steer(r.own, theta)
		r.try(trace, theta, 0.2)
		r.accept()
	}
	require.Less(t, r.predict(trace, theta, r.x), 1e-20)
	for l, x := range r.x {
		require.InDeltaSlice(t, trace.Out(l), x, 1e-10)
	}
}
