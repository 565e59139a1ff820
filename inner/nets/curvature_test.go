package nets_test

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// curvedNets has a net with every kind of layer between weights on either side, for every loss.
func curvedNets[F params.Float](t testing.TB) map[string]*nets.NetOf[F] {
	all := someNets[F](t)
	same, tanh := nets.Conv{Channels: 2, Kernel: 3, Stride: 1, Pad: 1}, nets.Activation("tanh")
	kinds := stageCases()
	kinds["cube"] = []nets.Layer{nets.Function{Name: "cube", Write: G.Cube}}
	kinds["linear function"] = []nets.Layer{nets.Function{Name: "negative", Write: G.Neg}}
	kinds["constant function"] = []nets.Layer{nets.Function{Name: "x - x", Write: func(x *G.Node) (*G.Node, error) { return G.Sub(x, x) }}}
	kinds["mixing function"] = []nets.Layer{nets.Function{Name: "softmax", Write: func(x *G.Node) (*G.Node, error) {
		flat, err := G.Reshape(x, tensor.Shape{x.Shape().TotalSize()})
		if err != nil {
			return nil, err
		}
		return G.SoftMax(flat)
	}}}
	cases := map[string][]nets.Layer{
		"first skip": {same, nets.Skip{}, tanh, nets.Dense{Units: 4}},
		"expression": {nets.Dense{Units: 3}, tanh, written(5), tanh, nets.Dense{Units: 4}},
	}
	for kind, stages := range kinds {
		cases[kind] = slices.Concat([]nets.Layer{same, tanh, same}, stages, []nets.Layer{nets.Dense{Units: 4}})
	}
	for name, layers := range cases {
		for _, loss := range nets.Losses() {
			net, err := nets.New[F](shape(2, 4, 8), nets.Loss(loss), layers...)
			require.NoError(t, err, name)
			all[fmt.Sprintf("%s, %s", name, loss)] = net
		}
	}
	return all
}

// hessian returns the product of the Hessian with v.
func (m *model[F]) hessian(t testing.TB, v []F) []F {
	dst := normal[F](len(m.theta), 96)
	require.NoError(t, m.net.HessianVector(m.trace, dst, m.theta, v))
	return dst
}

// The product is the derivative of the gradient along v.
func TestHessianByDifferences(t *testing.T) {
	const step = 1e-5
	for name, net := range curvedNets[float64](t) {
		m := newModel(net, 5)
		m.draw(1)
		theta, v := slices.Clone(m.theta), normal[float64](len(m.theta), 2)
		v = combine(1/math.Sqrt(dot(v, v)), v, 0, v)
		got := m.hessian(t, v)
		along := func(a float64) []float64 {
			copy(m.theta, combine(1, theta, a, v))
			m.gradient()
			return slices.Clone(m.grad)
		}
		want := combine(1/(2*step), along(step), -1/(2*step), along(-step))
		size := math.Sqrt(dot(want, want))
		require.Less(t, math.Sqrt(dot(combine(1, want, -1, got), combine(1, want, -1, got))), 1e-7*(1+size), name)
		require.NotZero(t, size, name)
	}
}

// v·Hu = u·Hv, and H(2v − 3u) = 2Hv − 3Hu.
func TestHessianIsSymmetricAndLinear(t *testing.T) {
	for name, net := range curvedNets[float64](t) {
		m := newModel(net, 5)
		m.draw(1)
		u, v := normal[float64](len(m.theta), 2), normal[float64](len(m.theta), 3)
		hu, hv := m.hessian(t, u), m.hessian(t, v)
		size := math.Sqrt(dot(hu, hu) * dot(v, v))
		require.InDelta(t, dot(v, hu), dot(u, hv), 1e-11*(1+size), name)
		require.InDeltaSlice(t, combine(2, hv, -3, hu), m.hessian(t, combine(2, v, -3, u)), 1e-11*(1+size), name)
	}
}

// A product leaves what Forward leaves, touches neither weights nor v, and changes no bit of any later gradient or product.
func TestHessianLeavesNoTrace(t *testing.T) {
	for name, net := range curvedNets[float64](t) {
		m := newModel(net, 5)
		m.draw(1)
		m.gradient()
		theta, grad, loss, e := slices.Clone(m.theta), slices.Clone(m.grad), m.trace.Loss, slices.Clone(m.trace.E)
		v := normal[float64](len(m.theta), 2)
		product := m.hessian(t, v)
		require.Equal(t, theta, m.theta, name)
		require.Equal(t, normal[float64](len(m.theta), 2), v, name)
		require.Equal(t, loss, m.trace.Loss, name)
		require.Equal(t, e, m.trace.E, name)
		m.hessian(t, theta)
		m.gradient()
		require.Equal(t, grad, m.grad, name)
		require.Equal(t, product, m.hessian(t, v), name)
	}
}

func TestHessianInBothPrecisions(t *testing.T) {
	double := curvedNets[float64](t)
	for name, net := range curvedNets[float32](t) {
		a, b := newModel(net, 5), newModel(double[name], 5)
		a.draw(1)
		b.draw(1)
		v := normal[float64](len(b.theta), 2)
		want := b.hessian(t, v)
		got := params.Convert[float64](a.hessian(t, params.Convert[float32](v)))
		size := math.Sqrt(dot(want, want))
		require.Less(t, math.Sqrt(dot(combine(1, want, -1, got), combine(1, want, -1, got))), 2e-5*size+1e-5, name)
	}
}

func TestHessianIsReproducible(t *testing.T) {
	for name, net := range someNets[float32](t) {
		m := newModel(net, 700) // enough to be shared
		m.draw(4)
		v := normal[float32](len(m.theta), 2)
		var products [][]float32
		cores(func() { products = append(products, m.hessian(t, v)) })
		require.Equal(t, products[0], products[1], name)
	}
}

func TestHessianAllocatesNothingTheSecondTime(t *testing.T) {
	for name, net := range someNets[float64](t) {
		m := newModel(net, 5)
		m.draw(4)
		v, dst := normal[float64](len(m.theta), 2), make([]float64, len(m.theta))
		require.Zero(t, testing.AllocsPerRun(5, func() { _ = net.HessianVector(m.trace, dst, m.theta, v) }), name)
	}
}

// Goroutines with traces of their own may ask a shared net for its first products at once.
func TestHessianOfASharedNet(t *testing.T) {
	net, err := nets.New[float32](shape(1, 6, 6), nets.CrossEntropy, nets.Conv{Channels: 3, Kernel: 3, Stride: 1},
		nets.Function{Name: "cube", Write: G.Cube}, nets.Dense{Units: 3})
	require.NoError(t, err)
	product := func(key uint64) []float32 {
		m := newModel(net, int(3+key%4))
		m.draw(key)
		return m.hessian(t, normal[float32](len(m.theta), key))
	}
	var all sync.WaitGroup
	got := make([][]float32, 8)
	for k := range got {
		all.Go(func() {
			for range 5 {
				got[k] = product(uint64(k))
			}
		})
	}
	all.Wait()
	for k := range got {
		require.Equal(t, product(uint64(k)), got[k])
	}
}

// A function that has one derivative and no second is a layer like others, until it is asked for one.
func TestNoSecondDerivative(t *testing.T) {
	once := nets.Function{Name: "conv2d", Write: func(x *G.Node) (*G.Node, error) {
		image, err := G.Reshape(x, tensor.Shape{1, 1, 4, 4})
		if err != nil {
			return nil, err
		}
		square, err := G.Conv2d(image, image, tensor.Shape{4, 4}, []int{0, 0}, []int{1, 1}, []int{1, 1})
		if err != nil {
			return nil, err
		}
		return G.Reshape(square, tensor.Shape{1})
	}}
	net, err := nets.New[float64](shape(1, 4, 4), nets.SquaredError, nets.Conv{Channels: 1, Kernel: 1, Stride: 1}, once, nets.Dense{Units: 2})
	require.NoError(t, err)
	m := newModel(net, 3)
	m.draw(1)
	m.gradient()
	grad := slices.Clone(m.grad)
	for range 2 {
		err = net.HessianVector(m.trace, m.grad, m.theta, m.theta)
		require.ErrorContains(t, err, "nets: block 0: conv2d: no second derivative")
	}
	m.gradient()
	require.Equal(t, grad, m.grad)
}
