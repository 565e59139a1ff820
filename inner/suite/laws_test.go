package suite_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/data/opticks"
	"github.com/seed1498fded/unroll/inner/data/tables"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/inner/suite"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

const stepwise = problemtest.Start | problemtest.Batch

// text makes up a text of 5 letters.
func text(n int, key uint64) *opticks.Text {
	draw := rng.New(key)
	codes := []byte("abcde")
	for len(codes) < n {
		codes = append(codes, "abcde"[draw.IntN(5)])
	}
	return opticks.Number(codes)
}

// table makes up a table of 4 features.
func table(n, classes int, key uint64) *tables.Table {
	t := &tables.Table{Features: 4, X: make([]float64, 4*n), Y: make([]float64, n), Classes: classes}
	rng.Normal(t.X, key, 1)
	for i := range t.Y {
		t.Y[i] = t.X[4*i] * t.X[4*i+1]
		if classes > 0 {
			t.Y[i] = float64(i % classes)
		}
	}
	return t
}

// A member is a small instance of a family, in both precisions.
type member struct {
	single inner.Family
	double inner.FamilyOf[float64]
	problemtest.Options
}

// pair is one family in both precisions.
func pair(single inner.Family, double inner.FamilyOf[float64], varies problemtest.Keys) member {
	return member{single, double, problemtest.Options{Varies: varies}}
}

func members() map[string]member {
	train, test := problemtest.Images(20, 6), problemtest.Images(27, 6).Slice(20, 27)
	words, more := text(100, 1), text(60, 2)
	return map[string]member{
		"mlp": pair(
			suite.MLP{Train: train, Test: test, Hidden: []int{5, 4}, Activation: "tanh", Batch: 6},
			suite.MLPOf[float64]{Train: train, Test: test, Hidden: []int{5, 4}, Activation: "tanh", Batch: 6}, stepwise),
		"autoencoder": pair(
			suite.Autoencoder{Train: train, Test: test, Hidden: []int{5, 2, 5}, Activation: "silu", Batch: 6},
			suite.AutoencoderOf[float64]{Train: train, Test: test, Hidden: []int{5, 2, 5}, Activation: "silu", Batch: 6}, stepwise),
		"conv": pair(
			suite.Conv{Train: train, Test: test, Channels: [2]int{3, 4}, Batch: 4},
			suite.ConvOf[float64]{Train: train, Test: test, Channels: [2]int{3, 4}, Batch: 4}, stepwise),
		"residual": pair(
			suite.Residual{Train: train, Test: test, Blocks: 2, Width: 5, Batch: 4},
			suite.ResidualOf[float64]{Train: train, Test: test, Blocks: 2, Width: 5, Batch: 4}, stepwise),
		"lstm": pair(
			suite.CharLSTM{Train: words, Test: more, Hidden: 5, Length: 4, Batch: 3},
			suite.CharLSTMOf[float64]{Train: words, Test: more, Hidden: 5, Length: 4, Batch: 3}, stepwise),
		"transformer": pair(
			suite.Transformer{Train: words, Test: more, Heads: 2, Size: 3, Length: 5, Batch: 3},
			suite.TransformerOf[float64]{Train: words, Test: more, Heads: 2, Size: 3, Length: 5, Batch: 3}, stepwise),
		"sines": pair(
			suite.Sines{Hidden: 4, Points: 5, Batch: 6}, suite.SinesOf[float64]{Hidden: 4, Points: 5, Batch: 6}, stepwise),
		"logistic": pair(
			suite.Logistic{Train: table(15, 3, 1), Test: table(6, 3, 2), Decay: .1},
			suite.LogisticOf[float64]{Train: table(15, 3, 1), Test: table(6, 3, 2), Decay: .1}, problemtest.Start),
		"regression": pair(
			suite.Regression{Train: table(15, 0, 1), Test: table(6, 0, 2), Hidden: []int{5, 4}, Batch: 4},
			suite.RegressionOf[float64]{Train: table(15, 0, 1), Test: table(6, 0, 2), Hidden: []int{5, 4}, Batch: 4}, stepwise),
		"factorisation": pair(
			suite.Factorisation{Dim: 7, Rank: 2}, suite.FactorisationOf[float64]{Dim: 7, Rank: 2},
			problemtest.Function|problemtest.Start),
		"noisy quadratic": pair(
			suite.NoisyQuadratic{Dim: 6}, suite.NoisyQuadraticOf[float64]{Dim: 6}, problemtest.Function|problemtest.Batch),
		"rosenbrock": pair(suite.Rosenbrock{Dim: 5}, suite.RosenbrockOf[float64]{Dim: 5}, problemtest.Start),
	}
}

func TestLaws(t *testing.T) {
	for name, m := range members() {
		t.Run(name, func(t *testing.T) {
			problemtest.Run(t, m.double, m.Options)
			problemtest.Agree(t, m.single, m.double)
		})
	}
}

// A step does not allocate in the precision in use either, at the suite's own sizes.
func TestNoAllocations(t *testing.T) {
	for _, p := range suite.Unroll12() {
		q := sample(t, p.Family)
		theta, grad := make([]float32, q.Params().Len()), make([]float32, q.Params().Len())
		q.Init(theta, 1)
		assert.Zero(t, testing.AllocsPerRun(1, func() { _, _ = q.Eval(grad, theta, 2) }), p.Name)
	}
}

func sample(t *testing.T, f inner.Family) inner.Problem {
	t.Helper()
	p, err := f.Sample(1)
	require.NoError(t, err)
	return p
}

// Where products must have a matrix, the last axis counts the outputs and biases are vectors.
func TestLayouts(t *testing.T) {
	for name, want := range map[string]params.Layout{
		"fashion-conv": {
			{Name: "conv0.w", Shape: []int{3, 3, 1, 16}}, {Name: "conv0.b", Shape: []int{16}},
			{Name: "conv1.w", Shape: []int{3, 3, 16, 32}}, {Name: "conv1.b", Shape: []int{32}},
			{Name: "out.w", Shape: []int{1568, 10}}, {Name: "out.b", Shape: []int{10}},
		},
		"mnist-mlp": {
			{Name: "w0", Shape: []int{784, 20}}, {Name: "b0", Shape: []int{20}},
			{Name: "w1", Shape: []int{20, 10}}, {Name: "b1", Shape: []int{10}},
		},
		"opticks-lstm": {
			{Name: "lstm.wx", Shape: []int{93, 512}}, {Name: "lstm.wh", Shape: []int{128, 512}}, {Name: "lstm.b", Shape: []int{512}},
			{Name: "out.w", Shape: []int{128, 93}}, {Name: "out.b", Shape: []int{93}},
		},
	} {
		for _, p := range suite.Unroll12() {
			if p.Name == name {
				assert.Empty(t, want.Diff(sample(t, p.Family).Params()), name)
			}
		}
	}
}
