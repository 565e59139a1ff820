package compose_test

import (
	"compress/gzip"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/compose"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/ruletest"
	"github.com/seed1498fded/unroll/params"
)

// Mechanic around Adam goes where Optax's does, along the gradients that the hand-made rules are tested with.
func TestMechanicIsThatOfOptax(t *testing.T) {
	f, err := os.Open("../handmade/testdata/optax.json.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var file struct {
		Layout    params.Layout `json:"layout"`
		Start     []float64     `json:"start"`
		Gradients [][]float64   `json:"gradients"`
		Cases     map[string]struct {
			Abs     bool        `json:"abs"`
			Drift   float64     `json:"drift"`
			Weights [][]float64 `json:"weights"`
		} `json:"cases"`
	}
	require.NoError(t, json.NewDecoder(z).Decode(&file))
	for name, first := range map[string]float64{
		"mechanic_adam/defaults_adam_lr1": 1e-6, "mechanic_adam/defaults_adam_lr1_aligned": 1e-6,
		"mechanic_adam/s_init.01_adam_lr1": 0.01, "mechanic_adam/s_init.01_adam_lr1_aligned": 0.01,
	} {
		t.Run(name, func(t *testing.T) {
			c, ok := file.Cases[name]
			require.True(t, ok)
			g := ruletest.Golden{Name: name, Weights: c.Weights, Drift: c.Drift, Config: json.RawMessage(`{}`), Phi: mechanicPhi(first)}
			g.Layout, g.Theta, g.Losses = file.Layout, file.Start, make([]float64, len(file.Gradients))
			for _, grad := range file.Gradients {
				grad = append([]float64(nil), grad...)
				for i, v := range grad {
					if c.Abs {
						grad[i] = math.Abs(v)
					}
				}
				g.Grads = append(g.Grads, grad)
			}
			g.Run(t, &compose.Mechanic{First: first, Decay: 0.01})
		})
	}
}

// mechanicPhi is exact where a rule's own start is rounded to float32.
func mechanicPhi(first float64) map[string][]float64 {
	logit := func(p float64) float64 { return math.Log(p / (1 - p)) }
	phi := map[string][]float64{
		"rule.log_lr": {0}, "rule.logit_beta1": {logit(0.9)}, "rule.logit_beta2": {logit(0.999)}, "rule.log_eps": {math.Log(1e-8)},
		"log_first": {math.Log(first)}, "log_decay": {math.Log(0.01)},
	}
	for i := range 6 {
		phi["logit_memories"] = append(phi["logit_memories"], logit(1-math.Pow(10, -float64(i+1))))
	}
	return phi
}

// From a start of about 1e-6 Mechanic reaches the minimum of a bowl ten away, whatever rule it is around.
func TestMechanicFindsTheRate(t *testing.T) {
	for _, r := range []learnedopt.Rule{&handmade.Adam{LR: 1}, &handmade.SGD{LR: 1}, &handmade.Lion{LR: 1}} {
		opt, err := learnedopt.New(&compose.Mechanic{Rule: compose.Of(r)}, nil, params.Layout{{Name: "w", Shape: []int{4}}})
		require.NoError(t, err)
		theta, grad, minimum := make([]float32, 4), make([]float32, 4), []float32{5, -5, 5, -5}
		for range 2000 {
			for i := range grad {
				grad[i] = float32(i+1) * (theta[i] - minimum[i])
			}
			require.NoError(t, opt.Step(theta, grad))
		}
		require.InDeltaSlice(t, minimum, theta, 0.5, r.Name())
	}
}
