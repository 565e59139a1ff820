package credit_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/internal/rng"
)

// predictiveRules are all rules of predictive coding with settings under which they do something.
func predictiveRules() map[string]json.RawMessage {
	return map[string]json.RawMessage{
		"pc":  json.RawMessage(`{"gamma": 4, "steps": 12, "precision": 0.5}`),
		"ipc": json.RawMessage(`{"gamma": 0.3, "steps": 4, "precision": 0.5}`),
		"fpa": json.RawMessage(`{"gamma": 0.3, "steps": 9, "sequential": true}`),
		"zil": nil,
	}
}

func TestPredictiveRulesConduct(t *testing.T) {
	set := problemtest.Images(50, 4)
	layers := []nets.Layer{nets.Dense{Units: 7}, tanh, nets.Dense{Units: 7}, nets.Skip{}, tanh, nets.Dense{Units: set.Classes}}
	for name, config := range predictiveRules() {
		t.Run(name, func(t *testing.T) {
			double := family[float64](t, name, config, layers...)
			double.Data, double.Batch = set, 9
			single := family[float32](t, name, config, layers...)
			single.Data, single.Batch = set, 9
			problemtest.Agree(t, single, double)

			p, err := double.Problem()
			require.NoError(t, err)
			theta, other := make([]float64, p.Params().Len()), make([]float64, p.Params().Len())
			p.Init(theta, 1)
			rng.Normal(other, 2, 0.5)
			first, again := make([]float64, len(theta)), make([]float64, len(theta))
			loss, err := p.Eval(first, theta, 3)
			require.NoError(t, err)
			_, err = p.Eval(again, theta, 3)
			require.NoError(t, err)
			require.Equal(t, first, again, "the same at once")
			_, err = p.Eval(again, other, 4)
			require.NoError(t, err)
			alone, err := p.Eval(again, theta, 3)
			require.NoError(t, err)
			require.Equal(t, first, again, "the same after something else")
			require.Equal(t, loss, alone)
			key := uint64(0)
			assert.Zero(t, testing.AllocsPerRun(5, func() {
				_, _ = p.Eval(again, theta, key)
				key++
			}), "allocations")
			for i := range other {
				other[i] *= 1e200 // any result, but no panic and no error
			}
			_, err = p.Eval(again, other, 4)
			require.NoError(t, err)
		})
	}
}

// With one block there is nobody else to blame.
func TestPredictiveRulesOfOneBlockAreBackprop(t *testing.T) {
	s := newStack(t, 5, nets.CrossEntropy, []int{6, 4})
	want := s.backprop(t)
	for name, config := range predictiveRules() {
		rule, err := credit.Named[float64](name, config)
		require.NoError(t, err)
		require.InDeltaSlice(t, want, s.gradient(t, rule), 1e-15, name)
	}
}

func TestPredictiveRulesRefuseSettingsOutOfRange(t *testing.T) {
	net := newStack(t, 2, nets.SquaredError, deep).net
	for _, rule := range []string{"pc", "ipc", "fpa"} {
		for _, setting := range []string{`"gamma": -1`, `"steps": -1`, `"precision": -0.5`, `"gamma": 1e999`} {
			r, err := credit.Named[float64](rule, json.RawMessage(fmt.Sprintf(`{%s}`, setting)))
			if err == nil {
				_, err = r.Bind(net, 2)
			}
			require.ErrorContains(t, err, rule, setting)
		}
	}
	_, err := credit.FixedPredictionOf[float64]{Gamma: 1.1}.Bind(net, 2)
	require.ErrorContains(t, err, "gamma")
}
