package learnedopt_test

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
	"github.com/seed1498fded/unroll/params"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// pythonGolden is where the tests of the Python package find trajectories to hold to.
var pythonGolden = filepath.Join("..", "python", "tests", "golden")

// A pythonTrajectory is what a rule made of gradients, on weights in float64, so that a step is what the weights moved by.
type pythonTrajectory struct {
	Rule    string        `json:"rule"` // a file, seen from the golden files
	Horizon int           `json:"horizon"`
	Layout  params.Layout `json:"layout"`
	Weights []float64     `json:"weights"` // before the first step, all tensors end to end
	Steps   []moved       `json:"steps"`
}

type moved struct {
	Gradient []float32 `json:"gradient"`
	Step     []float64 `json:"step"`
}

// pythonCases are the trajectories by the names of their files: the LSTM as it was learned, and rules with everything in them,
// phi drawn at random around the start.
var pythonCases = map[string]struct {
	file    string
	rule    learnedopt.Rule // nil where the file is there
	horizon int
	outputs int // of one more matrix, if it is not 0
}{
	"lstm":         {file: "../../../checkpoints/zoo/lstm-mnist8.safetensors"},
	"lstm-raw":     {file: "lstm-raw.safetensors", rule: &lstm.Rule{Hidden: 4, Layers: 1, Scale: .5, Preprocess: -1}},
	"general":      {file: "general.safetensors", rule: &mlp.General{Decay: .05}, horizon: 15},
	"general-told": {file: "general-either.safetensors", rule: &mlp.General{Hidden: 2, Horizon: "either", Shortest: 60}, horizon: 15},
	"general-open": {file: "general-either.safetensors", rule: &mlp.General{Hidden: 2, Horizon: "either", Shortest: 60}},
	"general-decay": {
		file: "general-decay.safetensors", rule: &mlp.General{Hidden: 2, Decay: .05, Horizon: "either", LearnedDecay: true, Outputs: true, MostOutputs: 12, Longest: 10, Widest: 2}, horizon: 15,
		outputs: 15,
	},
	"general-free": {file: "general-free.safetensors", rule: &mlp.General{Hidden: 4, LR: 2, Horizon: "free"}},
}

// Law: the Python package takes our steps. Its tests hold it to the files that this test holds us to; -update writes them.
func TestStepsOfThePythonPackage(t *testing.T) {
	for name, c := range pythonCases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(pythonGolden, name+".json")
			if *update {
				if c.rule != nil {
					require.NoError(t, shaken(c.rule).Save(filepath.Join(pythonGolden, c.file)))
				}
				text, err := json.Marshal(newTrajectory(t, c.file, c.horizon, c.outputs))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(path, append(text, '\n'), 0o666))
			}
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			var want pythonTrajectory
			require.NoError(t, json.Unmarshal(text, &want))
			got := want
			got.walk(t)
			for i := range want.Steps {
				largest := 0.
				for _, x := range want.Steps[i].Step {
					largest = max(largest, math.Abs(x))
				}
				require.Positive(t, largest)
				assert.InDeltaSlice(t, want.Steps[i].Step, got.Steps[i].Step, 1e-5*largest, "step %d", i)
			}
		})
	}
}

// shaken is a rule at its start with something added to each number of phi, so that none stands idle.
func shaken(r learnedopt.Rule) *learnedopt.Trained {
	phi := learnedopt.Phi(r, 1)
	noise := make([]float32, len(phi))
	rng.Normal(noise, 2, .1)
	for i, x := range noise {
		phi[i] += x
	}
	return &learnedopt.Trained{Rule: r, Phi: phi}
}

// newTrajectory draws gradients from tiny to large, some of them zero: a few weights have none for a while, one never.
func newTrajectory(t *testing.T, file string, horizon, outputs int) pythonTrajectory {
	w := pythonTrajectory{Rule: file, Horizon: horizon, Layout: params.Layout{
		{Name: "w", Shape: []int{4, 3}}, {Name: "b", Shape: []int{3}}, {Name: "s", Shape: []int{1}}, {Name: "k", Shape: []int{2, 2, 3}},
	}}
	if outputs > 0 {
		w.Layout = append(w.Layout, params.Spec{Name: "z", Shape: []int{2, outputs}})
	}
	n := w.Layout.Len()
	w.Weights = make([]float64, n)
	rng.Normal(w.Weights, 3, .5)
	drawn, size := make([]float64, n), make([]float64, 1)
	for i := range 20 {
		rng.Normal(drawn, rng.Split(4, uint64(i)), 1)
		rng.Normal(size, rng.Split(5, uint64(i)), 2)
		g := make([]float32, n)
		for k, x := range drawn {
			x *= math.Exp(size[0] - float64(k%7))
			digits := math.Pow(10, math.Floor(math.Log10(math.Abs(x)))-3)
			g[k] = float32(math.Round(x/digits) * digits)
			if k == 2 || k%5 == 1 && i < 6 || (k+i)%11 == 0 {
				g[k] = 0
			}
		}
		w.Steps = append(w.Steps, moved{Gradient: g})
	}
	w.walk(t)
	return w
}

// walk takes the steps, in place of those that are there.
func (w *pythonTrajectory) walk(t *testing.T) {
	path := w.Rule
	if !filepath.IsAbs(path) {
		path = filepath.Join(pythonGolden, filepath.FromSlash(path))
	}
	trained, err := learnedopt.Load(path)
	require.NoError(t, err)
	var opts []learnedopt.Option
	if w.Horizon > 0 {
		opts = append(opts, learnedopt.WithHorizon(w.Horizon))
	}
	solver := trained.Solver(opts...)
	var model []G.ValueGrad
	var weights, grads []*tensor.Dense
	for i, part := range params.Split(w.Layout, w.Weights) {
		dense := func(v []float64) *tensor.Dense {
			return tensor.New(tensor.WithShape(w.Layout[i].Shape...), tensor.WithBacking(v))
		}
		weights, grads = append(weights, dense(append([]float64{}, part...))), append(grads, dense(make([]float64, len(part))))
		model = append(model, valueGrad{value: weights[i], grad: grads[i]})
	}
	steps := make([]moved, len(w.Steps))
	for i := range w.Steps {
		steps[i].Gradient = w.Steps[i].Gradient
		var before []float64
		for k, part := range params.Split(w.Layout, steps[i].Gradient) {
			for j, x := range part {
				grads[k].Float64s()[j] = float64(x)
			}
			before = append(before, weights[k].Float64s()...)
		}
		require.NoError(t, solver.Step(model))
		for _, x := range weights {
			steps[i].Step = append(steps[i].Step, x.Float64s()...)
		}
		for j, x := range before {
			steps[i].Step[j] = float64(float32(steps[i].Step[j] - x))
		}
	}
	w.Steps = steps
}
