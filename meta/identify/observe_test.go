package identify

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/data/mnist"
	"github.com/seed1498fded/unroll/inner/nets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// digits returns images to train on and a probe, 8x8.
func digits(t testing.TB) (train, probe *data.Set) {
	t.Helper()
	all, test, err := mnist.Load()
	require.NoError(t, err)
	train, err = all.Slice(30000, 34000).Downsample8()
	require.NoError(t, err)
	probe, err = test.Slice(0, 40).Downsample8()
	require.NoError(t, err)
	return train, probe
}

// small is a training run of a small network.
func small(t testing.TB, rule string) (Training, *data.Set) {
	t.Helper()
	train, probe := digits(t)
	net, err := nets.New[float32](nets.Shape{Channels: 1, Rows: 8, Cols: 8}, nets.CrossEntropy,
		nets.Dense{Units: 12}, nets.Activation("tanh"), nets.Dense{Units: 8}, nets.Activation("relu"), nets.Dense{Units: 10})
	require.NoError(t, err)
	r, err := FindRule(rule)
	require.NoError(t, err)
	return Training{Family: credit.Family{Net: net, Data: train, Batch: 16}, Rule: r, Rate: 0.01, Steps: 24, Key: 5}, probe
}

// recorded returns a recording of a small network at 5 times.
func recorded(t testing.TB, rule string) *Recording {
	t.Helper()
	run, probe := small(t, rule)
	r, err := NewRecorder(run.Family.Net, probe, Times(5, run.Steps))
	require.NoError(t, err)
	_, err = run.Run(context.Background(), r)
	require.NoError(t, err)
	rec, err := r.Recording()
	require.NoError(t, err)
	require.NoError(t, rec.Validate())
	return rec
}

// A vandal writes over all that it is shown.
type vandal struct{ Observer }

func (v vandal) Observe(step int, theta []float32) error {
	err := v.Observer.Observe(step, theta)
	for i := range theta {
		theta[i] = float32(math.NaN())
	}
	return err
}

// Training is the same to the bit whether anybody looks on, and whatever they do.
func TestObserversCannotInfluence(t *testing.T) {
	for _, rule := range []string{"adam", "fa", "dni+momentum", "brsf"} {
		run, probe := small(t, rule)
		alone, err := run.Run(context.Background(), nil)
		require.NoError(t, err)
		r, err := NewRecorder(run.Family.Net, probe, []int{0, 1, 7, 24})
		require.NoError(t, err)
		watched, err := run.Run(context.Background(), vandal{r})
		require.NoError(t, err)
		assert.Equal(t, alone, watched, rule)
		rec, err := r.Recording()
		require.NoError(t, err)
		w, _ := run.Family.Net.Weights(alone, 1)
		assert.Equal(t, w, rec.Layers[1].Weights[3], "the last time is the end")
		run.Key++
		other, err := run.Run(context.Background(), nil)
		require.NoError(t, err)
		assert.NotEqual(t, alone, other)
	}
}

// The change is the sum of all derivatives of a layer's outputs: what central differences make of moving all inputs at once.
func TestChangeIsADerivative(t *testing.T) {
	run, probe := small(t, "adam")
	net := run.Family.Net
	r, err := NewRecorder(net, probe, []int{0, 24})
	require.NoError(t, err)
	theta, err := run.Run(context.Background(), r)
	require.NoError(t, err)
	rec, err := r.Recording()
	require.NoError(t, err)
	trace := net.NewTrace(probe.Len())
	const h = 1e-3
	kinks := 0
	for l, layer := range rec.Layers {
		moved := func(by float32) []float32 {
			for i := range probe.Len() {
				for p, x := range probe.Image(i) {
					trace.In(0)[i*64+p] = float32(x) / 255
				}
			}
			net.Forward(trace, theta)
			for i := range trace.In(l) {
				trace.In(l)[i] += by
			}
			net.ForwardBlock(trace, theta, l)
			return slices.Clone(trace.Out(l))
		}
		up, down := moved(h), moved(-h)
		for i := range probe.Len() {
			var want, got float64
			kink := false
			for u := range layer.Outputs {
				kink = kink || (up[i*layer.Outputs+u] == 0) != (down[i*layer.Outputs+u] == 0)
				want += float64(up[i*layer.Outputs+u]-down[i*layer.Outputs+u]) / (2 * h)
				got += float64(layer.Change[1][i*layer.Units+u])
			}
			if kink {
				kinks++
				continue
			}
			assert.InDelta(t, want, got, 1e-3*max(1, math.Abs(want)), "layer %d, image %d", l, i)
		}
	}
	assert.Less(t, kinks, 10)
}

func TestTimes(t *testing.T) {
	assert.Equal(t, []int{0, 5, 10}, Times(3, 10))
	assert.Equal(t, []int{0, 1, 2, 3}, Times(4, 3))
	for steps := 20; steps < 90; steps++ {
		times := Times(21, steps)
		assert.Equal(t, []int{0, steps}, []int{times[0], times[20]})
		for i := range 20 {
			gap := times[i+1] - times[i]
			assert.True(t, gap == steps/20 || gap == steps/20+1, times)
		}
	}
	assert.Panics(t, func() { Times(1, 5) })
	assert.Panics(t, func() { Times(4, 2) })
}

func TestRecorderRefusals(t *testing.T) {
	run, probe := small(t, "adam")
	net := run.Family.Net
	big, _, err := mnist.Load()
	require.NoError(t, err)
	_, err = NewRecorder(net, big.Slice(0, 5), []int{0, 1})
	assert.ErrorContains(t, err, "images of 784 pixels in 10 classes; the net has 64 inputs and 10 outputs")
	_, err = NewRecorder(net, new(data.Set), []int{0, 1})
	assert.ErrorContains(t, err, "identify: probe: data: set")
	_, err = NewRecorder(net, probe, []int{3})
	assert.ErrorContains(t, err, "1 times; want 2 or more")
	_, err = NewRecorder(net, probe, []int{3, 3})
	assert.ErrorContains(t, err, "time 3 after 3")

	r, err := NewRecorder(net, probe, []int{2, 4})
	require.NoError(t, err)
	theta := make([]float32, net.Params().Len())
	require.NoError(t, r.Observe(1, theta), "nothing to see")
	_, err = r.Recording()
	assert.ErrorContains(t, err, "0 of 2 times were seen; the next is after 2 steps")
	assert.ErrorContains(t, r.Observe(4, theta), "the time with number 1; 0 were seen before it")
	assert.ErrorContains(t, r.Observe(2, theta[1:]), "weights of a net of")
	theta[3] = float32(math.Inf(1))
	assert.ErrorIs(t, r.Observe(2, theta), ErrNotFinite)
}

func TestTrainingEnds(t *testing.T) {
	run, _ := small(t, "sgd")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := run.Run(ctx, nil)
	assert.ErrorIs(t, err, context.Canceled)
	boom := errors.New("boom")
	_, err = run.Run(context.Background(), failing{boom})
	assert.ErrorIs(t, err, boom)
	run.Rate = 1e20
	_, err = run.Run(context.Background(), nil)
	assert.ErrorIs(t, err, ErrNotFinite)
}

type failing struct{ error }

func (f failing) Observe(int, []float32) error { return f.error }
