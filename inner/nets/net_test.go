package nets_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// A model is a net with weights and a batch, and takes its gradient by hand, as package credit's backprop does.
type model[F params.Float] struct {
	net         *nets.NetOf[F]
	trace       *nets.TraceOf[F]
	theta, grad []F
	du, dh      [][]F // for each block the cotangents of its pre-activation and of its output
}

func newModel[F params.Float](net *nets.NetOf[F], size int) *model[F] {
	n := net.Params().Len()
	m := &model[F]{net: net, trace: net.NewTrace(size), theta: make([]F, n), grad: make([]F, n)}
	for l := range net.Blocks() {
		m.du = append(m.du, make([]F, size*net.Pre(l).Size()))
		m.dh = append(m.dh, make([]F, size*net.Output(l).Size()))
	}
	return m
}

// draw fills weights, images and labels.
func (m *model[F]) draw(key uint64) {
	m.net.Init(m.theta, rng.Split(key, 0))
	rng.Normal(m.trace.In(0), rng.Split(key, 1), 1)
	s := rng.New(rng.Split(key, 2))
	for i := range m.trace.Labels {
		m.trace.Labels[i] = byte(s.IntN(m.net.Classes()))
	}
	m.trace.SetLabels()
}

func (m *model[F]) loss() float64 {
	m.net.Forward(m.trace, m.theta)
	return m.trace.Loss
}

func (m *model[F]) gradient() {
	m.net.Forward(m.trace, m.theta)
	dh := m.trace.E
	for l := m.net.Blocks() - 1; l >= 0; l-- {
		m.net.Delta(m.trace, l, m.du[l], dh)
		m.net.Gradient(l, m.grad, m.trace.In(l), m.du[l], m.trace.N)
		if l > 0 {
			dh = m.dh[l-1]
			w, _ := m.net.Weights(m.theta, l)
			m.net.Below(m.trace, l, dh, w, m.du[l])
		}
	}
}

func someNets[F params.Float](t testing.TB) map[string]*nets.NetOf[F] {
	tanh, relu := nets.Activation("tanh"), nets.Activation("relu")
	conv := nets.Conv{Channels: 3, Kernel: 3, Stride: 1, Pad: 1}
	all := map[string]*nets.NetOf[F]{}
	for name, layers := range map[string][]nets.Layer{
		"linear":   {nets.Dense{Units: 4}},
		"dense":    {nets.Dense{Units: 7}, tanh, nets.Dense{Units: 6}, nets.Activation("elu"), nets.Dense{Units: 4}},
		"conv":     {conv, relu, nets.MaxPool{Size: 2}, conv, relu, nets.Dense{Units: 4}},
		"residual": {conv, tanh, conv, tanh, nets.Skip{}, conv, nets.Skip{}, tanh, nets.AvgPool{Size: 3}, nets.Dense{Units: 4}, nets.Activation("sigmoid")},
	} {
		for _, loss := range nets.Losses() {
			net, err := nets.New[F](shape(1, 6, 6), nets.Loss(loss), layers...)
			require.NoError(t, err)
			all[name+", "+loss] = net
		}
	}
	return all
}

func TestGradientOfNets(t *testing.T) {
	for name, net := range someNets[float64](t) {
		m := newModel(net, 5)
		m.draw(1)
		m.gradient()
		differences(t, name, m.theta, slices.Clone(m.grad), m.loss)
	}
}

func TestNetsInBothPrecisions(t *testing.T) {
	double := someNets[float64](t)
	for name, net := range someNets[float32](t) {
		a, b := newModel(net, 5), newModel(double[name], 5)
		a.draw(1)
		b.draw(1)
		a.gradient()
		b.gradient()
		require.InDelta(t, b.trace.Loss, a.trace.Loss, 1e-5, name)
		require.InDeltaSlice(t, b.grad, params.Convert[float64](a.grad), 1e-4, name)
		require.InDeltaSlice(t, b.trace.E, params.Convert[float64](a.trace.E), 1e-5, name)
	}
}

// The way forward can be taken up at any block: the same bits as the tail of the whole way; and a change of a hidden
// activation tells in the loss as its cotangent says.
func TestForwardFromAnyBlock(t *testing.T) {
	for name, net := range someNets[float64](t) {
		m := newModel(net, 4)
		m.draw(2)
		m.gradient()
		loss, e, out := m.trace.Loss, slices.Clone(m.trace.E), slices.Clone(m.trace.Out(net.Blocks()-1))
		for l := range net.Blocks() {
			for i := l; i < net.Blocks(); i++ { // what is to be computed again
				rng.Normal(m.trace.U(i), 5, 1)
				rng.Normal(m.trace.Out(i), 6, 1)
			}
			net.ForwardFrom(m.trace, m.theta, l)
			require.Equal(t, loss, m.trace.Loss, name)
			require.Equal(t, e, m.trace.E, name)
			require.Equal(t, out, m.trace.Out(net.Blocks()-1), name)
			if l > 0 {
				differences(t, name+", hidden", m.trace.In(l), m.dh[l-1], func() float64 {
					net.ForwardFrom(m.trace, m.theta, l)
					return m.trace.Loss
				})
				net.ForwardFrom(m.trace, m.theta, l) // with what was changed put back
			}
		}
	}
}

// A trace of one size tells of an example what one of another size does.
func TestBatchesOfAnySize(t *testing.T) {
	for name, net := range someNets[float64](t) {
		whole := newModel(net, 6)
		whole.draw(3)
		whole.gradient()
		sum := make([]float64, len(whole.grad))
		for from := range 3 {
			half := newModel(net, 2)
			half.draw(3)
			in := net.Input(0).Size()
			copy(half.trace.In(0), whole.trace.In(0)[2*from*in:])
			copy(half.trace.Labels, whole.trace.Labels[2*from:])
			half.trace.SetLabels()
			half.gradient()
			sum = combine(1, sum, 1./3, half.grad)
		}
		require.InDeltaSlice(t, sum, whole.grad, 1e-12, name)
	}
}

func TestNetsAreReproducible(t *testing.T) {
	for name, net := range someNets[float32](t) {
		m := newModel(net, 700) // enough to be shared
		m.draw(4)
		var grads [][]float32
		cores(func() {
			m.gradient()
			grads = append(grads, slices.Clone(m.grad))
		})
		require.Equal(t, grads[0], grads[1], name)
	}
}

func TestStepsAllocateNothing(t *testing.T) {
	for name, net := range someNets[float64](t) {
		m := newModel(net, 5)
		m.draw(4)
		require.Zero(t, testing.AllocsPerRun(5, m.gradient), name)
	}
}

func TestShapes(t *testing.T) {
	net, err := nets.New[float32](shape(1, 28, 28), nets.CrossEntropy,
		nets.Conv{Channels: 6, Kernel: 5, Stride: 1, Pad: 2}, nets.Activation("relu"), nets.MaxPool{Size: 2},
		nets.Conv{Channels: 8, Kernel: 3, Stride: 2}, nets.AvgPool{Size: 3}, nets.Dense{Units: 10})
	require.NoError(t, err)
	require.Equal(t, 3, net.Blocks())
	require.Equal(t, 10, net.Classes())
	require.Equal(t, nets.CrossEntropy, net.Loss())
	for l, want := range [][3]nets.Shape{
		{shape(1, 28, 28), shape(6, 28, 28), shape(6, 14, 14)},
		{shape(6, 14, 14), shape(8, 6, 6), shape(8, 2, 2)},
		{shape(8, 2, 2), nets.Vector(10), nets.Vector(10)},
	} {
		require.Equal(t, want, [3]nets.Shape{net.Input(l), net.Pre(l), net.Output(l)})
	}
	require.Equal(t, "8x2x2", net.Output(1).String())
}

func TestLayersSayWhatTheyAre(t *testing.T) {
	for want, l := range map[string]nets.Layer{
		"dense 10":                       nets.Dense{Units: 10},
		"conv 6 of 5x5, stride 1, pad 2": nets.Conv{Channels: 6, Kernel: 5, Stride: 1, Pad: 2},
		"max pool 2":                     nets.MaxPool{Size: 2},
		"average pool 3":                 nets.AvgPool{Size: 3},
		"tanh":                           nets.Activation("tanh"),
		"skip":                           nets.Skip{},
		"mine":                           nets.Expression{Name: "mine"},
		"yours":                          nets.Function{Name: "yours"},
	} {
		require.Equal(t, want, l.String())
	}
}

type unknown struct{}

func (unknown) String() string { return "unknown" }

func TestWhatDoesNotFitIsNamed(t *testing.T) {
	dense, conv := nets.Dense{Units: 3}, nets.Conv{Channels: 2, Kernel: 3, Stride: 1, Pad: 1}
	expression := func(w []int, write func(x, w *G.Node) (*G.Node, error)) nets.Layer {
		return nets.Expression{Name: "mine", Weights: w, FanIn: 1, Write: write}
	}
	function := func(write func(x *G.Node) (*G.Node, error)) nets.Layer {
		return nets.Function{Name: "yours", Write: write}
	}
	product := func(x, w *G.Node) (*G.Node, error) { return G.HadamardProd(x, w) }
	for _, tt := range []struct {
		want   string
		layers []nets.Layer
	}{
		{"no layers", nil},
		{"layer 0, tanh: the first layer must have weights", []nets.Layer{nets.Activation("tanh")}},
		{"layer 0, dense 0: 0 units; want 1 or more", []nets.Layer{nets.Dense{}}},
		{`layer 1, swish: no activation "swish"; there are elu, gelu, relu, sigmoid, silu, tanh`, []nets.Layer{dense, nets.Activation("swish")}},
		{"layer 1, unknown: no layer of type nets_test.unknown", []nets.Layer{dense, unknown{}}},
		{"0 channels; want 1 or more", []nets.Layer{nets.Conv{Kernel: 1, Stride: 1}}},
		{"a kernel of 0; want 1 or more", []nets.Layer{nets.Conv{Channels: 1, Stride: 1}}},
		{"a stride of 0; want 1 or more", []nets.Layer{nets.Conv{Channels: 1, Kernel: 1}}},
		{"a pad of -1; want 0 or more", []nets.Layer{nets.Conv{Channels: 1, Kernel: 1, Stride: 1, Pad: -1}}},
		{"layer 0, conv 1 of 7x7, stride 1, pad 0: a kernel of 7 does not fit an image of 6x8, 6x8 with its pad", []nets.Layer{nets.Conv{Channels: 1, Kernel: 7, Stride: 1}}},
		{"a kernel of 9 does not fit an image of 6x8, 8x10 with its pad", []nets.Layer{nets.Conv{Channels: 1, Kernel: 9, Stride: 1, Pad: 1}}},
		{"layer 1, max pool 0: a size of 0; want 1 or more", []nets.Layer{conv, nets.MaxPool{}}},
		{"layer 1, max pool 4: a size of 4 does not divide an image of 6x8", []nets.Layer{conv, nets.MaxPool{Size: 4}}},
		{"layer 1, average pool 3: a size of 3 does not divide an image of 6x8", []nets.Layer{conv, nets.AvgPool{Size: 3}}},
		{"layer 1, max pool 2: a size of 2 does not divide an image of 1x1", []nets.Layer{dense, nets.MaxPool{Size: 2}}},
		{"layer 1, skip: the block's input of shape 2x6x8 can't be added to 3x1x1", []nets.Layer{dense, nets.Skip{}}},
		{"layer 2, skip: the block's input of shape 2x6x8 can't be added to 2x3x4", []nets.Layer{conv, nets.MaxPool{Size: 2}, nets.Skip{}}},
		{"layer 0, mine: no Write", []nets.Layer{expression([]int{1}, nil)}},
		{"a fan-in of 0; want 1 or more", []nets.Layer{nets.Expression{Write: product}}},
		{"layer 0, mine: ", []nets.Layer{expression([]int{0}, product)}},
		{"layer 0, mine: alas", []nets.Layer{expression([]int{1}, func(x, w *G.Node) (*G.Node, error) { return nil, errors.New("alas") })}},
		{"the expression gave no node", []nets.Layer{expression([]int{1}, func(x, w *G.Node) (*G.Node, error) { return nil, nil })}},
		{"panic in the expression", []nets.Layer{expression([]int{1}, func(x, w *G.Node) (*G.Node, error) { return G.Add(x, nil) })}},
		{"not made of what the expression was given", []nets.Layer{expression([]int{1}, func(x, w *G.Node) (*G.Node, error) {
			return G.NewScalar(G.NewGraph(), G.Float32), nil
		})}},
		{"the result has shape (6, 16); want one dimension, or three", []nets.Layer{expression([]int{1}, func(x, w *G.Node) (*G.Node, error) {
			return G.Reshape(x, tensor.Shape{6, 16})
		})}},
		{"not linear in the input x", []nets.Layer{expression([]int{2, 6, 8}, func(x, w *G.Node) (*G.Node, error) {
			square, err := G.Square(x)
			if err != nil {
				return nil, err
			}
			return G.HadamardProd(square, w)
		})}},
		{"not linear in the weights w", []nets.Layer{expression([]int{2, 6, 8}, func(x, w *G.Node) (*G.Node, error) {
			square, err := G.Square(w)
			if err != nil {
				return nil, err
			}
			return G.HadamardProd(x, square)
		})}},
		{"not linear in the weights w: the result for zero is not zero", []nets.Layer{expression([]int{2, 6, 8}, func(x, w *G.Node) (*G.Node, error) {
			xw, err := G.HadamardProd(x, w)
			if err != nil {
				return nil, err
			}
			return G.Add(xw, x)
		})}},
		{"layer 1, yours: no Write", []nets.Layer{conv, function(nil)}},
		{"layer 1, yours: alas", []nets.Layer{conv, function(func(*G.Node) (*G.Node, error) { return nil, errors.New("alas") })}},
	} {
		_, err := nets.New[float32](shape(2, 6, 8), nets.CrossEntropy, tt.layers...)
		require.ErrorContains(t, err, tt.want)
		require.ErrorContains(t, err, "nets: ")
	}
	_, err := nets.New[float32](shape(0, 6, 8), nets.CrossEntropy, dense)
	require.ErrorContains(t, err, "nets: inputs of shape 0x6x8; want 1 or more of each")
	_, err = nets.New[float32](nets.Vector(2), "hinge", dense)
	require.ErrorContains(t, err, `nets: no loss "hinge"; there are cross-entropy, squared-error`)
}

// outputs scores given outputs: a net whose weights are the identity.
func outputs[F params.Float](t *testing.T, loss nets.Loss, h []F, labels ...byte) *nets.TraceOf[F] {
	classes := len(h) / len(labels)
	net, err := nets.New[F](nets.Vector(classes), loss, nets.Dense{Units: classes})
	require.NoError(t, err)
	trace := net.NewTrace(len(labels))
	copy(trace.Labels, labels)
	trace.SetLabels()
	copy(trace.Out(0), h)
	net.ForwardFrom(trace, nil, net.Blocks())
	return trace
}

func TestLossesByDefinition(t *testing.T) {
	h, labels := normal[float64](12, 1), []byte{2, 0, 1, 2}
	cross, square := 0.0, 0.0
	var eCross, eSquare []float64
	for i, label := range labels {
		row, sum := h[3*i:3*i+3], 0.0
		for _, v := range row {
			sum += math.Exp(v)
		}
		for k, v := range row {
			target := 0.0
			if k == int(label) {
				target = 1
				cross -= math.Log(math.Exp(v)/sum) / 4
			}
			square += (v - target) * (v - target) / 2 / 4
			eCross, eSquare = append(eCross, (math.Exp(v)/sum-target)/4), append(eSquare, (v-target)/4)
		}
	}
	trace := outputs(t, nets.CrossEntropy, h, labels...)
	require.InDelta(t, cross, trace.Loss, 1e-14)
	require.InDeltaSlice(t, eCross, trace.E, 1e-15)
	trace = outputs(t, nets.SquaredError, h, labels...)
	require.InDelta(t, square, trace.Loss, 1e-14)
	require.InDeltaSlice(t, eSquare, trace.E, 1e-15)
}

// No finite outputs are too large for cross-entropy, and outputs that are not finite are not lost.
func TestLossesOfLargeOutputs(t *testing.T) {
	trace := outputs(t, nets.CrossEntropy, []float32{3e38, 0, 0, 1e6, -1e6, 0, -1e30, -1e30, -1e30}, 0, 1, 2)
	require.InEpsilon(t, (0+2e6+math.Log(3))/3, trace.Loss, 1e-6)
	require.InDeltaSlice(t, []float32{0, 0, 0, 1. / 3, -1. / 3, 0, 1. / 9, 1. / 9, -2. / 9}, trace.E, 1e-6)
	shifted := outputs(t, nets.CrossEntropy, []float64{1001, 1002, 1003}, 1)
	plain := outputs(t, nets.CrossEntropy, []float64{1, 2, 3}, 1)
	require.InDelta(t, plain.Loss, shifted.Loss, 1e-12)
	for _, loss := range nets.Losses() {
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			for i := range 3 {
				h := []float64{1, 2, 3}
				h[i] = bad
				got := outputs(t, nets.Loss(loss), h, 1).Loss
				require.True(t, math.IsNaN(got) || math.IsInf(got, 0), "%s of %v", loss, h)
			}
		}
	}
}

// A NaN in weights or images shows in the loss; what is infinite a bounded unit may hide.
func TestNaNInNaNOut(t *testing.T) {
	for name, net := range someNets[float32](t) {
		m := newModel(net, 3)
		for _, where := range [][]float32{m.trace.In(0), m.theta, m.theta[len(m.theta)-1:]} {
			m.draw(1)
			where[0] = float32(math.NaN())
			require.True(t, math.IsNaN(m.loss()), name)
		}
	}
}

func TestLabels(t *testing.T) {
	trace := outputs(t, nets.SquaredError, []float64{1, 2, 2, 0, 5, math.NaN(), math.NaN(), 0, 0, 1, 1, 0}, 1, 1, 0, 0)
	require.Equal(t, []float64{0, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0}, trace.Target)
	require.Equal(t, 0, trace.Wrong(1), "of equal outputs the first counts")
	require.Equal(t, 1, trace.Wrong(2), "NaN is wrong")
	require.Equal(t, 2, trace.Wrong(3))
	require.Equal(t, 2, trace.Wrong(4))
	trace.Labels[2] = 3
	require.PanicsWithValue(t, "nets: label 3 of 3 classes", trace.SetLabels)
}

// Weights that were transposed beforehand carry a cotangent down like any others.
func TestTransposedWeights(t *testing.T) {
	for name, net := range someNets[float64](t) {
		trace, theta := net.NewTrace(5), normal[float64](net.Params().Len(), 1)
		copy(trace.In(0), normal[float64](len(trace.In(0)), 2))
		net.Forward(trace, theta)
		for l := range net.Blocks() {
			w, _ := net.Weights(theta, l)
			du := make([]float64, len(trace.U(l)))
			net.Delta(trace, l, du, normal[float64](len(trace.Out(l)), 3))
			want, got := make([]float64, len(trace.In(l))), make([]float64, len(trace.In(l)))
			net.Below(trace, l, want, w, du)
			net.BelowTransposed(trace, l, got, net.Transpose(l, w), du)
			require.InDeltaSlice(t, want, got, 1e-12, "%s, block %d", name, l)
		}
	}
}
