package predictive_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/predictive"
	"github.com/seed1498fded/unroll/inner/problemtest"
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// classifier has operations whose derivatives in Gorgonia are wrong, log2 and the inverse root, and branches.
func classifier[F params.Float]() inner.ExpressionOf[F] {
	return inner.ExpressionOf[F]{
		Layout: params.Layout{{Name: "w", Shape: []int{3, 4}}, {Name: "v", Shape: []int{4, 2}}, {Name: "scale", Shape: []int{1}}},
		Data:   params.Layout{{Name: "x", Shape: []int{5, 3}}, {Name: "y", Shape: []int{5, 2}}},
		Fill:   func(data []F, key uint64) { rng.Normal(data, key, 1) },
		Start:  func(theta []F, key uint64) { rng.Normal(theta, key, 0.5) },
		Loss: func(theta, data map[string]*G.Node) (*G.Node, error) {
			b := new(graph.Builder)
			h := b.Tanh(b.MatMul(data["x"], theta["w"]))
			if b.Err() != nil {
				return nil, b.Err()
			}
			positive := b.Shift(1, b.Square(h))
			log, err := G.Log2(positive)
			if err != nil {
				return nil, err
			}
			root, err := G.InverseSqrt(positive)
			if err != nil {
				return nil, err
			}
			logits := b.MatMul(b.Add(b.Mul(theta["scale"], log), b.Mul(h, root)), theta["v"])
			if b.Err() != nil {
				return nil, b.Err()
			}
			logs, err := G.LogSoftMax(logits)
			if err != nil {
				return nil, err
			}
			return b.Neg(b.Sum(b.Mul(logs, data["y"]))), b.Err()
		},
	}
}

// The problem obeys the laws of all problems: what predictive coding gives is the gradient.
func TestLawsOfProblems(t *testing.T) {
	for name, c := range map[string]predictive.Config{
		"default":    {},
		"Z-IL":       {Rule: predictive.ZIL},
		"sequential": {Gamma: 0.5, Sequential: true},
	} {
		t.Run(name, func(t *testing.T) {
			double := predictive.FamilyOf[float64]{Expression: classifier[float64](), Config: c}
			problemtest.Run(t, double, problemtest.Options{Varies: problemtest.Start | problemtest.Batch, Allocates: true})
			problemtest.Agree(t, predictive.Family{Expression: classifier[float32](), Config: c}, double)
		})
	}
}

func TestProblemWithoutStartOrData(t *testing.T) {
	p, err := predictive.Family{Expression: inner.Expression{
		Layout: params.Layout{{Name: "w", Shape: []int{2}}},
		Loss: func(theta, _ map[string]*G.Node) (*G.Node, error) {
			b := new(graph.Builder)
			return b.Sum(b.Square(b.Shift(-1, theta["w"]))), b.Err()
		},
	}}.Problem()
	require.NoError(t, err)
	theta, grad := []float32{3, 4}, make([]float32, 2)
	p.Init(theta, 1)
	assert.Equal(t, []float32{0, 0}, theta)
	loss, err := p.Eval(grad, theta, 1)
	require.NoError(t, err)
	assert.Equal(t, 2., loss)
	assert.InDeltaSlice(t, []float32{-2, -2}, grad, 1e-5)
}

func TestFamilyNamesWhatIsWrong(t *testing.T) {
	_, err := predictive.Family{}.Problem()
	require.EqualError(t, err, "inner: expression: an empty Layout: there are no weights")
	_, err = predictive.Family{Expression: classifier[float32](), Config: predictive.Config{Gamma: 2}}.Sample(1)
	require.ErrorContains(t, err, "predictive: a Gamma of 2")
}

// Problems may be made and used in several goroutines, each its own.
func TestProblemsInGoroutines(t *testing.T) {
	var all [4][]float64
	var errs [4]error
	var wait sync.WaitGroup
	for i := range all {
		wait.Go(func() {
			p, err := predictive.FamilyOf[float64]{Expression: classifier[float64]()}.Problem()
			if errs[i] = err; err != nil {
				return
			}
			theta := make([]float64, p.Params().Len())
			p.Init(theta, 1)
			all[i] = make([]float64, len(theta))
			_, errs[i] = p.Eval(all[i], theta, 1)
		})
	}
	wait.Wait()
	for i := range all {
		require.NoError(t, errs[i])
		assert.Equal(t, all[0], all[i])
	}
}
