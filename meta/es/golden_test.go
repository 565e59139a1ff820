package es_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/es"
	"github.com/seed1498fded/unroll/params"
)

// golden is what the reference implementations estimated; see testdata/README.md.
type golden struct {
	Toy struct {
		A, B      [][]float64
		U         []float64
		S0        []float64 `json:"s0"`
		C, Target []float64
		Theta     []float64
		Length    int `json:"episode_length"`
		Particles int
		Window    int
		Phases    []int
		Sigma     float64
	}
	Windows [][][]float64 `json:"eps_windows"` // ε by window and particle
	Steps   [][][]float64 `json:"eps_steps"`   // by step and particle
	Cases   []struct {
		Case   string
		Length int
		Clip   float64     `json:"clip_loss_diff"`
		Sign   float64     `json:"sign_delta_loss_scalar"`
		Grads  [][]float64 // by window
		Losses []float64   `json:"mean_losses"`
	}
}

// toy is s' = A s + B phi + u from s0, with the loss c·s' or |s' - target|²/2.
type toy[F params.Float] struct {
	*golden
	quadratic bool
}

func (y toy[F]) State() params.Layout { return params.Layout{{Name: "s", Shape: []int{2}}} }

func (y toy[F]) Start(state, _ []F, _ es.Episode) error {
	for i, x := range y.Toy.S0 {
		state[i] = F(x)
	}
	return nil
}

func (y toy[F]) Unroll(_ context.Context, losses []float64, state, phi []F, _ es.Episode, _ int) error {
	for t := range losses {
		next := make([]F, 2)
		for i := range next {
			next[i] = F(y.Toy.U[i])
			for j, s := range state {
				next[i] += F(y.Toy.A[i][j]) * s
			}
			for j, p := range phi {
				next[i] += F(y.Toy.B[i][j]) * p
			}
		}
		copy(state, next)
		losses[t] = y.loss(state)
	}
	return nil
}

func (y toy[F]) loss(state []F) (loss float64) {
	for i, s := range state {
		if y.quadratic {
			loss += math.Pow(float64(s)-y.Toy.Target[i], 2) / 2
		} else {
			loss += y.Toy.C[i] * float64(s)
		}
	}
	return loss
}

func readGolden(t *testing.T) *golden {
	text, err := os.ReadFile("testdata/estimators.json")
	require.NoError(t, err)
	g := new(golden)
	require.NoError(t, json.Unmarshal(text, g))
	require.Len(t, g.Cases, 16)
	return g
}

// Fed the perturbations of the reference implementations, the estimates are theirs, window by window.
func TestGolden(t *testing.T) {
	g := readGolden(t)
	for i, c := range g.Cases {
		t.Run(c.Case, func(t *testing.T) {
			checkGolden[float64](t, g, i, 2e-8) // their file has nine digits
			checkGolden[float32](t, g, i, 2e-5) // differences of losses, over σ
		})
	}
}

func checkGolden[F params.Float](t *testing.T, g *golden, number int, tol float64) {
	c := g.Cases[number]
	config := es.ConfigOf[F]{
		Settings: es.Settings{Method: es.PES, Form: es.LearnedOptimization, Pairs: g.Toy.Particles, Sigma: g.Toy.Sigma, Clip: c.Clip, Sign: c.Sign != 0},
		Phi:      params.Layout{{Name: "phi", Shape: []int{3}}}, Horizon: g.Toy.Length, Window: g.Toy.Window, Workers: 2,
	}
	config.NewSystem = func() (es.SystemOf[F], error) { return toy[F]{g, strings.Contains(c.Case, "quadratic")}, nil }
	switch {
	case strings.Contains(c.Case, "FullES"):
		config.Method, config.Form, config.Horizon, config.Window = es.Full, "", c.Length, 0
	case strings.Contains(c.Case, "TES"):
		config.Method = es.Truncated
	}
	switch {
	case strings.HasSuffix(c.Case, "_last"):
		config.Objective = meta.Last
	case strings.HasSuffix(c.Case, "_min"):
		config.Objective = meta.Min
	}
	e, err := es.New(config)
	require.NoError(t, err)
	phi := make([]F, 3)
	for i, x := range g.Toy.Theta {
		phi[i] = F(x)
	}
	if config.Method != es.Full {
		for i, phase := range g.Toy.Phases {
			require.NoError(t, es.Put(e, i, phase, phi, g.Steps[0][i]))
		}
	}
	window := 0
	es.SetNoise(e, func(dst []F, pair, _ int) {
		for i, x := range g.Windows[window][pair] {
			dst[i] = F(x)
		}
	})
	grad := make([]F, 3)
	for ; window < len(c.Grads); window++ {
		est, err := e.Estimate(context.Background(), grad, phi, 0)
		require.NoError(t, err)
		for i, want := range c.Grads[window] {
			require.InDelta(t, want, float64(grad[i]), tol*math.Max(1, math.Abs(want)), "window %d", window)
		}
		if len(c.Losses) > 0 {
			require.InDelta(t, c.Losses[window], est.Loss, tol*math.Max(1, c.Losses[window]), "window %d", window)
		}
	}
}
