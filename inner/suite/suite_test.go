package suite_test

import (
	"math"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/suite"
)

func names(list []suite.Problem) (names []string) {
	for _, p := range list {
		names = append(names, p.Name)
	}
	return names
}

func TestUnroll12(t *testing.T) {
	list := suite.Unroll12()
	numbers, seen := 0, map[string]bool{}
	for _, p := range list {
		if p.Number != numbers {
			numbers++
		}
		assert.Equal(t, numbers, p.Number, "in order")
		assert.False(t, seen[p.Name], p.Name)
		seen[p.Name] = true
		assert.Equal(t, 2000, p.Steps)
		assert.Equal(t, p.Batch == 0, p.Final == 1, p.Name)
	}
	assert.Equal(t, 12, numbers)
	long := list[0].Long()
	assert.Equal(t, "fashion-mlp-long", long.Name)
	assert.Equal(t, 20_000, long.Steps)
	assert.Equal(t, 2000, suite.Unroll12()[0].Steps)
}

// Eleven networks that differ, and say of themselves what they are: a minibatch of another size would have another loss.
func TestPerceptrons(t *testing.T) {
	list := suite.Perceptrons()
	assert.Len(t, list, 11)
	seen := map[string]bool{}
	for i, p := range list {
		assert.Equal(t, i+1, p.Number)
		assert.False(t, seen[p.Name], p.Name)
		seen[p.Name] = true
		q := sample(t, p.Family)
		theta := make([]float32, q.Params().Len())
		q.Init(theta, 1)
		loss, err := q.Eval(nil, theta, 2)
		require.NoError(t, err)
		test, err := q.(inner.Tested).TestLoss(theta)
		require.NoError(t, err)
		assert.InDelta(t, loss, test, .2*loss, p.Name)
	}
	assert.Equal(t, 64*32+32+32*10+10, sample(t, list[0].Family).Params().Len(), "images of 8x8")
	normal := func(p suite.Problem) (variance float64) {
		q := sample(t, p.Family)
		theta := make([]float32, q.Params().Len())
		q.Init(theta, 1)
		for _, v := range theta {
			variance += float64(v) * float64(v) / float64(len(theta))
		}
		return variance
	}
	assert.InDelta(t, .01, normal(list[1]), .001)
	assert.InDelta(t, .01, normal(list[10]), .001)
}

// Every problem can be told something: at their own sizes they start, and have finite losses, gradients and test losses; only
// those without minibatches have the same loss for every key.
func TestProblemsAtTheirOwnSizes(t *testing.T) {
	for _, p := range suite.Unroll12() {
		q := sample(t, p.Family)
		theta, grad := make([]float32, q.Params().Len()), make([]float32, q.Params().Len())
		q.Init(theta, 1)
		loss, err := q.Eval(grad, theta, 2)
		require.NoError(t, err)
		other, err := q.Eval(nil, theta, 3)
		require.NoError(t, err)
		assert.Equal(t, p.Batch == 0, loss == other, p.Name)
		test, err := q.(inner.Tested).TestLoss(theta)
		require.NoError(t, err)
		for _, v := range []float64{loss, other, test} {
			assert.False(t, math.IsNaN(v) || math.IsInf(v, 0), p.Name)
		}
		assert.InDelta(t, loss, test, .6*loss, "%s: what is held out is of the same kind", p.Name)
		for i := range theta {
			theta[i] -= 1e-4 * grad[i]
		}
		after, err := q.Eval(nil, theta, 2)
		require.NoError(t, err)
		assert.Less(t, after, loss, "%s: downhill", p.Name)
	}
}

func TestLookup(t *testing.T) {
	for _, name := range suite.Names() {
		list, err := suite.Lookup(name)
		require.NoError(t, err)
		require.NotEmpty(t, list)
		for _, p := range list {
			if want, same := map[string]int{"unroll12": 2000, "unroll12-long": 20_000, "quick": 500}[name]; same {
				assert.Equal(t, want, p.Steps)
			}
		}
	}
	quick, err := suite.Lookup("quick")
	require.NoError(t, err)
	assert.Subset(t, names(suite.Unroll12()), names(quick))
	assert.Len(t, quick, 10)
	_, err = suite.Lookup("unroll13")
	assert.EqualError(t, err, `suite: no suite "unroll13"; there are unroll12, unroll12-long, quick, perceptrons`)
}

// Instances are apart, and none asks how many processors there are: the same key, the same bits.
func TestSameBitsOnAnyNumberOfGoroutines(t *testing.T) {
	eval := func(p suite.Problem) (loss float64, grad []float32) {
		q, err := p.Family.Sample(1)
		if err != nil {
			return math.NaN(), nil
		}
		theta := make([]float32, q.Params().Len())
		grad = make([]float32, len(theta))
		q.Init(theta, 1)
		loss, err = q.Eval(grad, theta, 2)
		if err != nil {
			return math.NaN(), nil
		}
		return loss, grad
	}
	for _, p := range suite.Unroll12() {
		before := runtime.GOMAXPROCS(1)
		want, wantGrad := eval(p)
		runtime.GOMAXPROCS(4)
		var busy sync.WaitGroup
		for range 2 {
			busy.Go(func() {
				loss, grad := eval(p)
				assert.Equal(t, want, loss, p.Name)
				assert.Equal(t, wantGrad, grad, p.Name)
			})
		}
		busy.Wait()
		runtime.GOMAXPROCS(before)
	}
}
