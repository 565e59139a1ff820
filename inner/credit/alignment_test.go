package credit_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/data/mnist"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
)

func digits(t *testing.T) *data.Set {
	t.Helper()
	train, _, err := mnist.Load()
	require.NoError(t, err)
	set, err := train.Slice(0, 5000).Downsample8()
	require.NoError(t, err)
	return set
}

func classifier(t *testing.T, set *data.Set, r credit.Rule) (*credit.Problem, []float32) {
	t.Helper()
	net, err := nets.New[float32](nets.Shape{Channels: 1, Rows: 8, Cols: 8}, nets.CrossEntropy,
		nets.Dense{Units: 128}, nets.Activation("tanh"), nets.Dense{Units: 128}, nets.Activation("tanh"), nets.Dense{Units: 10})
	require.NoError(t, err)
	p, err := credit.Family{Net: net, Rule: r, Data: set, Batch: 64}.Problem()
	require.NoError(t, err)
	theta := make([]float32, p.Params().Len())
	p.Init(theta, 1)
	return p, theta
}

func descend(t *testing.T, p *credit.Problem, theta []float32, rate float32, steps int) {
	t.Helper()
	grad := make([]float32, len(theta))
	for i := range uint64(steps) {
		_, err := p.Eval(grad, theta, rng.Split(3, i))
		require.NoError(t, err)
		for k, g := range grad {
			theta[k] -= rate * g
		}
	}
}

// degrees returns the angles for the first images, at the blocks but the last.
func degrees(t *testing.T, p *credit.Problem, theta []float32) []float64 {
	t.Helper()
	images := make([]int, 64)
	for i := range images {
		images[i] = i
	}
	all, err := p.Align(theta, images, 1)
	require.NoError(t, err)
	var d []float64
	for _, a := range all {
		d = append(d, a.Degrees)
	}
	return d
}

// Training by feedback alignment turns the forward weights so that the signal comes near the gradient: the angle falls well
// below 90°, here within a few hundred steps. How far, and in what order of the blocks, is not a law, nor that it falls in
// every step.
func TestFeedbackAligns(t *testing.T) {
	for _, r := range []credit.Rule{credit.FeedbackAlignmentOf[float32]{}, credit.DirectOf[float32]{}} {
		p, theta := classifier(t, digits(t), r)
		start := degrees(t, p, theta)
		descend(t, p, theta, 0.2, 300)
		end := degrees(t, p, theta)
		t.Logf("%s: %.1f at the start, %.1f after training", r.Name(), start, end)
		for l := range end {
			assert.Greater(t, start[l], 80.0)
			assert.Less(t, end[l], 80.0)
		}
	}
}

// It is the training that aligns: weights trained by backprop stay at a right angle to feedback weights they have never seen.
func TestUnusedFeedbackDoesNotAlign(t *testing.T) {
	set := digits(t)
	bp, theta := classifier(t, set, credit.BackpropOf[float32]{})
	descend(t, bp, theta, 0.2, 300)
	const draws = 30
	mean := make([]float64, 2)
	for key := range uint64(draws) {
		p, drawn := classifier(t, set, credit.FeedbackAlignmentOf[float32]{})
		p.Init(drawn, key)
		for l, d := range degrees(t, p, theta) {
			mean[l] += d / draws
		}
	}
	t.Logf("%.2f", mean)
	for _, d := range mean {
		assert.InDelta(t, 90, d, 2)
	}
}
