package credit

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
)

// linearTask is the first task of Lillicrap et al. 2016: a linear net 30-20-10 learns y = Tx, one example at a time.
type linearTask struct {
	net   *nets.NetOf[float64]
	t     []float64 // [in, out]
	theta []float64
	grad  []float64
	*nets.TraceOf[float64]
	s    *SignalOf[float64]
	draw *rng.Stream
}

const taskIn, taskHidden, taskOut = 30, 20, 10

func newLinearTask(t *testing.T) *linearTask {
	t.Helper()
	net, err := nets.New[float64](nets.Vector(taskIn), nets.SquaredError, nets.Dense{Units: taskHidden}, nets.Dense{Units: taskOut})
	require.NoError(t, err)
	n := net.Params().Len()
	l := &linearTask{
		net: net, t: make([]float64, taskIn*taskOut), theta: make([]float64, n), grad: make([]float64, n),
		TraceOf: net.NewTrace(1), s: NewSignal(net, 1), draw: rng.New(5),
	}
	rng.Uniform(l.t, 1, -1, 1)
	for block := range net.Blocks() {
		w, _ := net.Weights(l.theta, block)
		rng.Uniform(w, uint64(2+block), -0.01, 0.01)
	}
	return l
}

// next draws an example x ~ N(0, I) and runs the net on it.
func (l *linearTask) next() {
	x := l.In(0)
	for i := range x {
		x[i] = l.draw.NormFloat64()
	}
	clear(l.Target)
	for i, v := range x {
		for k := range l.Target {
			l.Target[k] += v * l.t[i*taskOut+k]
		}
	}
	l.net.Forward(l.TraceOf, l.theta)
}

// step moves the weights by a rule's signal. The net of the paper has no biases.
func (l *linearTask) step(t *testing.T, a AssignerOf[float64], rate float64) {
	t.Helper()
	require.NoError(t, a.Assign(l.s, l.TraceOf, l.theta, nil, 0))
	l.s.Gradient(l.net, l.grad, l.TraceOf)
	for block := range l.net.Blocks() {
		w, _ := l.net.Weights(l.theta, block)
		dw, _ := l.net.Weights(l.grad, block)
		for i, g := range dw {
			w[i] -= rate * g
		}
	}
}

// nse returns the normalised squared error over fresh examples: of the error, over that of always saying zero.
func (l *linearTask) nse() float64 {
	wrong, all := 0.0, 0.0
	for range 1000 {
		l.next()
		for k, e := range l.E {
			wrong += e * e
			all += l.Target[k] * l.Target[k]
		}
	}
	return wrong / all
}

// angle returns the mean angle between a rule's signal at the hidden units and the gradient, over fresh examples.
func (l *linearTask) angle(t *testing.T, a AssignerOf[float64]) float64 {
	t.Helper()
	bp, err := BackpropOf[float64]{}.Bind(l.net, 1)
	require.NoError(t, err)
	truth, sum := NewSignal(l.net, 1), 0.0
	const examples = 200
	for range examples {
		l.next()
		require.NoError(t, a.Assign(l.s, l.TraceOf, l.theta, nil, 0))
		require.NoError(t, bp.Assign(truth, l.TraceOf, l.theta, nil, 0))
		degrees, _, ok := between(l.s.Delta[0], truth.Delta[0])
		require.True(t, ok)
		sum += degrees
	}
	return sum / examples
}

// The linear task of Lillicrap et al. 2016, with the paper's widths and starts: W from U[-0.01, 0.01], B from U[-0.5, 0.5].
// A NumPy script gave an NSE of 1.4e-3 after 500 steps of rate 0.005 and 2e-5 after 1000, angles of 31° and 25°; the bands
// allow for the draw of T and B.
func TestLinearTask(t *testing.T) {
	const rate = 0.005
	l := newLinearTask(t)
	a, err := FeedbackAlignmentOf[float64]{}.Bind(l.net, 1)
	require.NoError(t, err)
	f := a.(*feedback[float64])
	b, _ := l.net.Weights(f.b, 1)
	rng.Uniform(b, 4, -0.5, 0.5)
	f.transpose()

	var nse, angle []float64
	steps := 0
	for _, until := range []int{0, 500, 1000, 3000} {
		for ; steps < until; steps++ {
			l.next()
			l.step(t, a, rate)
		}
		nse, angle = append(nse, l.nse()), append(angle, l.angle(t, a))
	}
	t.Logf("NSE %.3g, angles %.3g", nse, angle)
	assert.InDelta(t, 90, angle[0], 15, "at the start the signal has nothing to do with the gradient")
	assert.Less(t, nse[1], 1e-2, "after 500 steps")
	assert.Less(t, nse[2], 1e-3, "after 1000 steps")
	assert.Less(t, angle[1], 45.0, "after 500 steps")
	assert.Less(t, angle[3], 40.0, "after 3000 steps")
	assert.Greater(t, angle[3], 5.0, "the signal does not become the gradient")
}

// Without a signal to the hidden units the error stays: it takes the last block alone, behind 20 fixed small units.
func TestLinearTaskShallow(t *testing.T) {
	l := newLinearTask(t)
	a, err := NoneOf[float64]{}.Bind(l.net, 1)
	require.NoError(t, err)
	for range 3000 {
		l.next()
		l.step(t, a, 0.005)
	}
	nse := l.nse()
	t.Logf("NSE %.3g", nse)
	assert.Greater(t, nse, 0.9)
}
