package credit

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
)

// A rig is a rule on a batch of made-up vectors that its net has run forward.
type rig struct {
	net        *nets.NetOf[float64]
	trace      *nets.TraceOf[float64]
	theta, own []float64
	assigner   AssignerOf[float64]
	signal     *SignalOf[float64]
}

const tanh = nets.Activation("tanh")

func newRig(t *testing.T, rule RuleOf[float64], batch, inputs int, layers ...nets.Layer) *rig {
	t.Helper()
	net, err := nets.New[float64](nets.Vector(inputs), nets.SquaredError, layers...)
	require.NoError(t, err)
	a, err := rule.Bind(net, batch)
	require.NoError(t, err)
	r := &rig{
		net: net, trace: net.NewTrace(batch), theta: make([]float64, net.Params().Len()),
		own: make([]float64, a.Params().Len()), assigner: a, signal: NewSignal(net, batch),
	}
	net.Init(r.theta, 1)
	for l := range net.Blocks() {
		_, b := net.Weights(r.theta, l)
		rng.Normal(b, rng.Split(2, uint64(l)), 0.3)
	}
	a.Init(r.own, r.theta, 3)
	rng.Normal(r.trace.In(0), 4, 1)
	for i := range r.trace.Labels {
		r.trace.Labels[i] = byte(i % net.Classes())
	}
	r.trace.SetLabels()
	net.Forward(r.trace, r.theta)
	return r
}

// assign returns the signals that a rule makes of the rig's batch.
func (r *rig) assign(t *testing.T) [][]float64 {
	t.Helper()
	return r.by(t, r.assigner)
}

// backprop returns the gradient's signals.
func (r *rig) backprop(t *testing.T) [][]float64 {
	t.Helper()
	a, err := BackpropOf[float64]{}.Bind(r.net, r.trace.N)
	require.NoError(t, err)
	return r.by(t, a)
}

func (r *rig) by(t *testing.T, a AssignerOf[float64]) [][]float64 {
	t.Helper()
	require.NoError(t, a.Assign(r.signal, r.trace, r.theta, r.own, 0))
	var delta [][]float64
	for _, d := range r.signal.Delta {
		delta = append(delta, append([]float64(nil), d...))
	}
	return delta
}

func (r *rig) learn(t *testing.T, key uint64) []float64 {
	t.Helper()
	grad := make([]float64, len(r.own))
	rng.Normal(grad, 9, 1) // to be overwritten
	require.NoError(t, r.assigner.(LearnerOf[float64]).Learn(grad, nil, r.signal, r.trace, r.theta, r.own, key))
	return grad
}

// jacobian returns the derivative of the output of block l with respect to its input, for one example: [Output, Input]. The
// slopes of the activation come from Delta.
func (r *rig) jacobian(l, example int) *mat.Dense {
	in, out := r.net.Input(l).Size(), r.net.Output(l).Size()
	w, _ := r.net.Weights(r.theta, l)
	slope, ones := make([]float64, r.trace.N*out), make([]float64, r.trace.N*out)
	for i := range ones {
		ones[i] = 1
	}
	r.net.Delta(r.trace, l, slope, ones)
	j := mat.NewDense(out, in, nil)
	j.Apply(func(o, i int, _ float64) float64 { return slope[example*out+o] * w[i*out+o] }, j)
	return j
}

// above returns the derivative of the net's output with respect to the output of block l.
func (r *rig) above(l, example int) *mat.Dense {
	top := r.net.Blocks() - 1
	j := r.jacobian(top, example)
	for m := top - 1; m > l; m-- {
		j = product(j, r.jacobian(m, example))
	}
	return j
}

// through returns the signals of the hidden blocks that are φ'ᵀ(Be) for a matrix B of each block and example.
func (r *rig) through(b func(l, example int) mat.Matrix) [][]float64 {
	classes := r.net.Classes()
	var all [][]float64
	for l := range r.net.Blocks() - 1 {
		size := r.net.Output(l).Size()
		dh, delta := make([]float64, r.trace.N*size), make([]float64, r.trace.N*r.net.Pre(l).Size())
		for i := range r.trace.N {
			mat.NewVecDense(size, dh[i*size:(i+1)*size]).MulVec(b(l, i), mat.NewVecDense(classes, r.trace.E[i*classes:(i+1)*classes]))
		}
		r.net.Delta(r.trace, l, delta, dh)
		all = append(all, delta)
	}
	return all
}

func product(a, b mat.Matrix) *mat.Dense {
	var c mat.Dense
	c.Mul(a, b)
	return &c
}

// damped returns Aᵀ(AAᵀ + λ)⁻¹, the pseudo-inverse of A for λ of 0 and independent rows.
func damped(t *testing.T, a mat.Matrix, lambda float64) *mat.Dense {
	t.Helper()
	m := product(a, a.T())
	for i := range m.RawMatrix().Rows {
		m.Set(i, i, m.At(i, i)+lambda)
	}
	var inv mat.Dense
	require.NoError(t, inv.Inverse(m))
	return product(a.T(), &inv)
}

func (r *rig) gaussNewton(t *testing.T) [][]float64 {
	t.Helper()
	return r.through(func(l, i int) mat.Matrix { return damped(t, r.above(l, i), 0) })
}

// degrees returns the mean angle between two signals at block l, over the examples.
func (r *rig) degrees(l int, a, b []float64) float64 {
	size, sum := r.net.Pre(l).Size(), 0.0
	for i := range r.trace.N {
		angle, _, _ := between(a[i*size:(i+1)*size], b[i*size:(i+1)*size])
		sum += angle / float64(r.trace.N)
	}
	return sum
}

func dense(units ...int) []nets.Layer {
	var layers []nets.Layer
	for _, n := range units {
		layers = append(layers, nets.Dense{Units: n})
	}
	return layers
}

// relative returns the distance of a matrix from another, in lengths of that.
func relative(got, want *mat.Dense) float64 {
	var d mat.Dense
	d.Sub(got, want)
	return mat.Norm(&d, 2) / mat.Norm(want, 2)
}

// descend moves the rule's own weights along Learn's gradient, with new noise each time, at a rate that falls to zero.
func (r *rig) descend(t *testing.T, steps int, rate float64) {
	t.Helper()
	for k := range steps {
		r.assign(t)
		eta := rate * (1 - float64(k)/float64(steps))
		for i, g := range r.learn(t, rng.Split(7, uint64(k))) {
			r.own[i] -= eta * g
		}
	}
}
