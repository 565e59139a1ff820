package stepsize_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/stepsize"
	"github.com/seed1498fded/unroll/params"
)

// Phi starts at the configuration, number by number, in the order of the layout; with no configuration, at the defaults that
// are documented.
func TestStarts(t *testing.T) {
	logit := func(p float64) float64 { return math.Log(p / (1 - p)) }
	for _, tt := range []struct {
		rule learnedopt.Rule
		want map[string]float64
	}{
		{&stepsize.RMSMomentum{LR: 0.1, Beta: 0.8}, map[string]float64{"a0": math.Log(0.1), "a1": 0, "a2": 0, "logit_beta": logit(0.8), "log_r": 0}},
		{&stepsize.RMSMomentum{}, map[string]float64{"a0": math.Log(0.01), "a1": 0, "a2": 0, "logit_beta": logit(0.9), "log_r": 0}},
		{&stepsize.Polyak{Scale: 0.5, Floor: 0.25, Beta: 0.7}, map[string]float64{"log_scale": math.Log(0.5), "floor": 0.25, "logit_beta": logit(0.7)}},
		{&stepsize.Polyak{}, map[string]float64{"log_scale": math.Log(0.1), "floor": 0, "logit_beta": logit(0.9)}},
	} {
		layout := tt.rule.Spec().Phi
		phi := []float32{7, 7, 7, 7, 7}[:layout.Len()]
		tt.rule.Init(phi, 3)
		require.Len(t, layout, len(tt.want))
		for name, want := range tt.want {
			require.InDelta(t, want, params.Slice(layout, phi, name)[0], 1e-6, "%s of %+v", name, tt.rule)
		}
	}
}
