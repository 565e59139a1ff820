package nets_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// A stageNet is a net of one block, seen from its pre-activation.
type stageNet[F params.Float] struct {
	net   *nets.NetOf[F]
	trace *nets.TraceOf[F]
}

// newStageNet makes the block's input and pre-activation of one shape.
func newStageNet[F params.Float](t *testing.T, in nets.Shape, rows int, stages ...nets.Layer) stageNet[F] {
	net, err := nets.New[F](in, nets.SquaredError, append([]nets.Layer{nets.Conv{Channels: in.Channels, Kernel: 1, Stride: 1}}, stages...)...)
	require.NoError(t, err)
	s := stageNet[F]{net, net.NewTrace(rows)}
	copy(s.trace.U(0), params.Convert[F](normal[float64](len(s.trace.U(0)), 1)))
	copy(s.trace.In(0), params.Convert[F](normal[float64](len(s.trace.In(0)), 2)))
	return s
}

func (s stageNet[F]) forward() []F {
	s.net.Activate(s.trace, 0)
	return s.trace.Out(0)
}

func (s stageNet[F]) back(dh []F) []F {
	s.forward()
	du := normal[F](len(s.trace.U(0)), 98)
	s.net.Delta(s.trace, 0, du, dh)
	return du
}

func stageCases() map[string][]nets.Layer {
	cases := map[string][]nets.Layer{
		"none":            nil,
		"max pool":        {nets.MaxPool{Size: 2}},
		"one by one":      {nets.MaxPool{Size: 1}},
		"average pool":    {nets.AvgPool{Size: 2}},
		"both":            {nets.MaxPool{Size: 2}, nets.Activation("tanh"), nets.AvgPool{Size: 2}},
		"function":        {nets.Function{Name: "softplus", Write: G.Softplus}},
		"skip":            {nets.Skip{}},
		"activation last": {nets.Skip{}, nets.Activation("tanh")},
		"skip last":       {nets.Activation("sigmoid"), nets.Skip{}},
		"two skips":       {nets.Skip{}, nets.Activation("tanh"), nets.Skip{}},
		"skip, pool":      {nets.Activation("tanh"), nets.Skip{}, nets.MaxPool{Size: 4}},
	}
	for _, a := range nets.Activations() {
		cases[a] = []nets.Layer{nets.Activation(a)}
	}
	return cases
}

func TestStagesByDifferences(t *testing.T) {
	for name, stages := range stageCases() {
		s := newStageNet[float64](t, shape(2, 4, 8), 3, stages...)
		dh := normal[float64](len(s.trace.Out(0)), 3)
		differences(t, name, s.trace.U(0), s.back(dh), func() float64 { return dot(s.forward(), dh) })
		// What a skip lets pass comes back below: with weights of zero, all that does.
		dx := normal[float64](len(s.trace.In(0)), 4)
		s.net.Below(s.trace, 0, dx, make([]float64, 4), s.back(dh))
		differences(t, name+", past the weights", s.trace.In(0), dx, func() float64 { return dot(s.forward(), dh) })
	}
}

func TestStagesInBothPrecisions(t *testing.T) {
	for name, stages := range stageCases() {
		single, double := newStageNet[float32](t, shape(2, 4, 8), 3, stages...), newStageNet[float64](t, shape(2, 4, 8), 3, stages...)
		require.InDeltaSlice(t, double.forward(), params.Convert[float64](single.forward()), 1e-5, name)
		dh := normal[float64](len(double.trace.Out(0)), 3)
		require.InDeltaSlice(t, double.back(dh), params.Convert[float64](single.back(params.Convert[float32](dh))), 1e-5, name)
	}
}

func TestActivationsByDefinition(t *testing.T) {
	functions := map[string]func(x float64) float64{
		"elu": func(x float64) float64 {
			if x > 0 {
				return x
			}
			return math.Expm1(x)
		},
		"gelu":    func(x float64) float64 { return math.Max(x, -40) * (math.Erfc(-x/math.Sqrt2) / 2) },
		"relu":    func(x float64) float64 { return math.Max(x, 0) },
		"silu":    func(x float64) float64 { return math.Max(x, -800) / (1 + math.Exp(-x)) },
		"sigmoid": func(x float64) float64 { return 1 / (1 + math.Exp(-x)) },
		"tanh":    math.Tanh,
	}
	points := []float64{0, 1e-30, -1e-30, 1e-4, -1e-4, -1e-3, 0.3, -0.3, 1, -1, 5, -5, 30, -30, 1e3, -1e3, math.Inf(1), math.Inf(-1), math.NaN()}
	require.Len(t, functions, len(nets.Activations()))
	for name, f := range functions {
		single, double := newStageNet[float32](t, nets.Vector(1), len(points), nets.Activation(name)), newStageNet[float64](t, nets.Vector(1), len(points), nets.Activation(name))
		for i, x := range points {
			single.trace.U(0)[i], double.trace.U(0)[i] = float32(x), x
		}
		single.forward()
		double.forward()
		for i, x := range points {
			want := f(x)
			if math.IsNaN(want) {
				require.True(t, math.IsNaN(double.trace.Out(0)[i]) && math.IsNaN(float64(single.trace.Out(0)[i])), "%s of NaN", name)
				continue
			}
			if math.IsInf(want, 0) {
				require.Equal(t, want, double.trace.Out(0)[i])
				require.Equal(t, want, float64(single.trace.Out(0)[i]))
				continue
			}
			require.InDelta(t, want, double.trace.Out(0)[i], 4e-16*math.Abs(want)+1e-300, "%s of %v", name, x)
			require.InDelta(t, want, single.trace.Out(0)[i], 1e-6*math.Abs(want)+1e-37, "%s of %v", name, x)
		}
	}
}

// At a kink the derivative is the one from below, and of equal pixels the first has it all.
func TestKinksAndTies(t *testing.T) {
	s := newStageNet[float64](t, nets.Vector(3), 1, nets.Activation("relu"))
	copy(s.trace.U(0), []float64{0, 1, -1})
	require.Equal(t, []float64{0, 1, 0}, s.back([]float64{1, 1, 1}))
	s = newStageNet[float64](t, nets.Vector(1), 1, nets.Activation("elu"))
	s.trace.U(0)[0] = 0
	require.Equal(t, []float64{1}, s.back([]float64{1}))
	s = newStageNet[float64](t, shape(1, 2, 4), 1, nets.MaxPool{Size: 2})
	copy(s.trace.U(0), []float64{
		0, 0, -5, -3,
		0, 0, -2, -2,
	})
	require.Equal(t, []float64{7, 0, 0, 0, 0, 0, 8, 0}, s.back([]float64{7, 8}))
	require.Equal(t, []float64{0, -2}, s.trace.Out(0))
}

func TestPoolsKeepNaN(t *testing.T) {
	for _, pool := range []nets.Layer{nets.MaxPool{Size: 2}, nets.AvgPool{Size: 2}} {
		for i := range 4 {
			s := newStageNet[float32](t, shape(1, 2, 2), 1, pool)
			s.trace.U(0)[i] = float32(math.NaN())
			require.True(t, math.IsNaN(float64(s.forward()[0])), "%v, pixel %d", pool, i)
		}
	}
}

// The pools are Gorgonia's, as internal/graph differentiates them.
func TestPoolsAgainstGorgonia(t *testing.T) {
	in := shape(2, 6, 4)
	const rows = 3
	largest := nets.Function{Name: "largest", Write: func(x *G.Node) (*G.Node, error) {
		image, err := G.Reshape(x, tensor.Shape{1, 2, 6, 4})
		if err != nil {
			return nil, err
		}
		y, err := G.MaxPool2D(image, tensor.Shape{2, 2}, []int{0, 0}, []int{2, 2})
		if err != nil {
			return nil, err
		}
		return G.Reshape(y, tensor.Shape{2, 3, 2})
	}}
	mean := nets.Function{Name: "mean", Write: func(x *G.Node) (*G.Node, error) {
		squares, err := G.Reshape(x, tensor.Shape{2 * 3, 2, 2, 2}) // channels and rows of squares, rows, squares, columns
		if err != nil {
			return nil, err
		}
		y, err := G.Mean(squares, 1, 3)
		if err != nil {
			return nil, err
		}
		return G.Reshape(y, tensor.Shape{2, 3, 2})
	}}
	for _, pair := range [][2]nets.Layer{{nets.MaxPool{Size: 2}, largest}, {nets.AvgPool{Size: 2}, mean}} {
		a, b := newStageNet[float64](t, in, rows, pair[0]), newStageNet[float64](t, in, rows, pair[1])
		require.Equal(t, b.net.Output(0), a.net.Output(0))
		require.InDeltaSlice(t, b.forward(), a.forward(), 1e-15, pair[0].String())
		dh := normal[float64](len(a.trace.Out(0)), 3)
		require.InDeltaSlice(t, b.back(dh), a.back(dh), 1e-15, pair[0].String())
	}
}
