package compose_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/params"
)

// convolutional is a network with one layer of filters and a dense one.
var convolutional = params.Layout{
	{Name: "filters", Shape: []int{2, 2, 1, 3}}, {Name: "dense", Shape: []int{5, 2}}, {Name: "bias", Shape: []int{2}},
}

// An LSTM for each group of weights, as Andrychowicz et al. 2016 have two for convolutional networks, one for filters and one
// for all other weights: each group's tensors take the steps that its LSTM takes with its own share of phi, whether the groups
// are told apart by dimensions or by names.
func TestAnLSTMForEachGroup(t *testing.T) {
	filters, others := &lstm.Rule{Hidden: 8, Layers: 1}, &lstm.Rule{Hidden: 4, Layers: 2, Preprocess: -1}
	for _, which := range []string{`"min_dims":4`, `"names":"filt*"`} {
		t.Run(which, func(t *testing.T) {
			r, err := learnedopt.Named("groups", fmt.Appendf(nil, `{
				"groups": [{%s, "rule": {"name": "lstm", "config": {"hidden": 8, "layers": 1}}}],
				"rest": {"name": "lstm", "config": {"hidden": 4, "preprocess": -1}}
			}`, which))
			require.NoError(t, err)
			phi := learnedopt.Phi(r, 1)
			cut := filters.Spec().Phi.Len()
			require.Len(t, phi, cut+others.Spec().Phi.Len(), "both are learned")
			require.NotEqual(t, phi[:9], phi[cut:cut+9], "each has a start of its own")

			all := lived(t, r, phi, convolutional, 0)
			n := convolutional[0].Len()
			first := lived(t, filters, phi[:cut], convolutional[:1], 0)
			second := lived(t, others, phi[cut:], convolutional[1:], n)
			for i, step := range all {
				require.InDeltaSlice(t, first[i], step[:n], 1e-12, "step %d of the filters", i)
				require.InDeltaSlice(t, second[i], step[n:], 1e-12, "step %d of the others", i)
			}
		})
	}
}

// lived are the first steps of a rule on the gradients of some tensors, which begin at a place among those of all.
func lived(t *testing.T, r learnedopt.Rule, phi []float32, theta params.Layout, at int) [][]float64 {
	t.Helper()
	c, err := learnedopt.Compile[float64](r, theta)
	require.NoError(t, err)
	state, p := make([]float64, c.State().Len()), params.Convert[float64](phi)
	var steps [][]float64
	for i := range uint64(4) {
		grads, step := make([]float64, convolutional.Len()), make([]float64, theta.Len())
		rng.Normal(grads, rng.Split(2, i), 1)
		grad := grads[at : at+theta.Len()]
		require.NoError(t, c.Step(step, state, learnedopt.Point[float64]{Phi: p, State: state, Grad: grad}))
		steps = append(steps, step)
	}
	return steps
}
