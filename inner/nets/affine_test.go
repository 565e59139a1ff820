package nets_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// An affineCase is a layer with weights and a definition of what it computes of one example.
type affineCase struct {
	in    nets.Shape
	layer nets.Layer
	value func(out nets.Shape, x, w []float64, c, row, col int) float64
}

func shape(channels, rows, cols int) nets.Shape {
	return nets.Shape{Channels: channels, Rows: rows, Cols: cols}
}

func (c affineCase) String() string { return fmt.Sprint(c.layer, " of ", c.in) }

func affineCases() []affineCase {
	var all []affineCase
	for _, in := range []nets.Shape{nets.Vector(1), nets.Vector(7), shape(2, 3, 4)} {
		for _, units := range []int{1, 5} {
			all = append(all,
				affineCase{in, nets.Dense{Units: units}, denseValue(in)},
				affineCase{in, written(units), writtenValue(in)})
		}
	}
	conv := func(in nets.Shape, channels, kernel, stride, pad int) {
		c := nets.Conv{Channels: channels, Kernel: kernel, Stride: stride, Pad: pad}
		all = append(all, affineCase{in, c, convValue(in, c)})
	}
	conv(shape(1, 1, 1), 1, 1, 1, 0)
	conv(shape(1, 1, 1), 1, 1, 1, 2) // mostly pad
	conv(nets.Vector(3), 4, 1, 1, 0)
	conv(shape(2, 5, 6), 3, 3, 1, 1)
	conv(shape(2, 5, 6), 3, 3, 1, 0)
	conv(shape(3, 6, 4), 1, 2, 2, 0)
	conv(shape(1, 7, 8), 2, 3, 2, 1)
	conv(shape(2, 6, 7), 2, 3, 2, 0) // a column and a row go unseen
	conv(shape(2, 5, 3), 2, 3, 3, 2)
	conv(shape(2, 4, 4), 3, 4, 1, 0) // as large as the image
	conv(shape(1, 3, 4), 2, 5, 1, 1) // larger, but for the pad
	conv(shape(1, 2, 2), 9, 1, 5, 0) // a stride beyond the image
	return all
}

// written is a Dense, without its copies of x in rows, as an Expression.
func written(units int) nets.Expression {
	return nets.Expression{Name: "written", Weights: []int{units, 3}, FanIn: 3, Write: func(x, w *G.Node) (*G.Node, error) {
		// u_i = Σ_k w_ik Σ x: every unit sees the sum of all inputs three times
		sum := x
		if !x.IsScalar() {
			var err error
			if sum, err = G.Sum(x); err != nil {
				return nil, err
			}
		}
		rows, err := G.Sum(w, 1)
		if err != nil {
			return nil, err
		}
		return G.HadamardProd(sum, rows)
	}}
}

func writtenValue(in nets.Shape) func(nets.Shape, []float64, []float64, int, int, int) float64 {
	return func(_ nets.Shape, x, w []float64, c, _, _ int) float64 {
		sum, rows := 0.0, 0.0
		for _, v := range x {
			sum += v
		}
		for _, v := range w[3*c : 3*c+3] {
			rows += v
		}
		return sum * rows
	}
}

func denseValue(in nets.Shape) func(nets.Shape, []float64, []float64, int, int, int) float64 {
	return func(out nets.Shape, x, w []float64, c, _, _ int) float64 {
		sum := 0.0
		for i, v := range x {
			sum += v * w[i*out.Channels+c]
		}
		return sum
	}
}

func convValue(in nets.Shape, conv nets.Conv) func(nets.Shape, []float64, []float64, int, int, int) float64 {
	return func(_ nets.Shape, x, w []float64, c, row, col int) float64 {
		sum, k := 0.0, conv.Kernel
		for d := range in.Channels {
			for i := range k {
				for j := range k {
					y, z := row*conv.Stride+i-conv.Pad, col*conv.Stride+j-conv.Pad
					if y >= 0 && y < in.Rows && z >= 0 && z < in.Cols {
						sum += w[((c*in.Channels+d)*k+i)*k+j] * x[(d*in.Rows+y)*in.Cols+z]
					}
				}
			}
		}
		return sum
	}
}

// An affine is a net of one layer with weights, as the functions that a credit rule has of it.
type affine[F params.Float] struct {
	net  *nets.NetOf[F]
	rows int
}

func newAffine[F params.Float](t testing.TB, c affineCase, rows int) affine[F] {
	net, err := nets.New[F](c.in, nets.SquaredError, c.layer)
	require.NoError(t, err)
	return affine[F]{net, rows}
}

func normal[F params.Float](n int, key uint64) []F {
	v := make([]F, n)
	rng.Normal(v, key, 1)
	return v
}

// x, u and theta draw things of the right size.
func (a affine[F]) x(key uint64) []F     { return normal[F](a.rows*a.net.Input(0).Size(), key) }
func (a affine[F]) u(key uint64) []F     { return normal[F](a.rows*a.net.Pre(0).Size(), key) }
func (a affine[F]) theta(key uint64) []F { return normal[F](a.net.Params().Len(), key) }

func (a affine[F]) forward(x, theta []F) []F {
	u := a.u(99)
	w, b := a.net.Weights(theta, 0)
	a.net.Affine(0, u, x, w, b, a.rows)
	return u
}

func (a affine[F]) back(theta, du []F) []F {
	dx := a.x(98)
	w, _ := a.net.Weights(theta, 0)
	a.net.Below(a.net.NewTrace(a.rows), 0, dx, w, du)
	return dx
}

func (a affine[F]) gradient(x, du []F) []F {
	grad := a.theta(97)
	a.net.Gradient(0, grad, x, du, a.rows)
	return grad
}

func dot[F params.Float](a, b []F) float64 {
	sum := 0.0
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}

// combine returns a·x + b·y.
func combine(a float64, x []float64, b float64, y []float64) []float64 {
	z := make([]float64, len(x))
	for i := range x {
		z[i] = a*x[i] + b*y[i]
	}
	return z
}

// The maps are what their formulas say.
func TestAffineMapsByDefinition(t *testing.T) {
	for _, c := range affineCases() {
		for _, rows := range []int{1, 3, 19} {
			a := newAffine[float64](t, c, rows)
			x, theta, out := a.x(1), a.theta(2), a.net.Pre(0)
			u := a.forward(x, theta)
			w, b := a.net.Weights(theta, 0)
			at := 0
			for r := range rows {
				one := x[r*c.in.Size() : (r+1)*c.in.Size()]
				for ch := range out.Channels {
					for i := range out.Rows {
						for j := range out.Cols {
							bias := b[0]
							if len(b) > 1 {
								bias = b[ch]
							}
							require.InDelta(t, c.value(out, one, w, ch, i, j)+bias, u[at], 1e-12, "%v, element %d", c, at)
							at++
						}
					}
				}
			}
			require.Equal(t, len(u), at)
		}
	}
}

// The maps are linear in x, and in weights and biases.
func TestAffineMapsAreLinear(t *testing.T) {
	for _, c := range affineCases() {
		a := newAffine[float64](t, c, 3)
		x, y, theta, other := a.x(1), a.x(2), a.theta(3), a.theta(4)
		still := append([]float64(nil), theta...)
		_, b := a.net.Weights(still, 0)
		clear(b)
		require.InDeltaSlice(t, combine(2, a.forward(x, still), -3, a.forward(y, still)),
			a.forward(combine(2, x, -3, y), still), 1e-11, "%v in x", c)
		require.InDeltaSlice(t, combine(2, a.forward(x, theta), -3, a.forward(x, other)),
			a.forward(x, combine(2, theta, -3, other)), 1e-11, "%v in w", c)
	}
}

// <A x, u> = <x, Aᵀ u>, and the same for the weights: the backward pass is the transpose of the forward pass.
func TestAffineMapsAndTheirTransposes(t *testing.T) {
	for _, c := range affineCases() {
		for _, rows := range []int{1, 5, 40} {
			a := newAffine[float64](t, c, rows)
			x, du, theta := a.x(1), a.u(2), a.theta(3)
			require.InDelta(t, dot(a.forward(x, theta), du), dot(theta, a.gradient(x, du)), 1e-9, "%v, weights", c)
			_, b := a.net.Weights(theta, 0)
			clear(b)
			require.InDelta(t, dot(a.forward(x, theta), du), dot(x, a.back(theta, du)), 1e-9, "%v, input", c)
		}
	}
}

// All derivatives are those of central differences, which for linear maps are exact.
func TestAffineMapsByDifferences(t *testing.T) {
	for _, c := range affineCases() {
		a := newAffine[float64](t, c, 2)
		x, du, theta := a.x(1), a.u(2), a.theta(3)
		differences(t, c.String()+", input", x, a.back(theta, du), func() float64 { return dot(a.forward(x, theta), du) })
		differences(t, c.String()+", weights", theta, a.gradient(x, du), func() float64 { return dot(a.forward(x, theta), du) })
	}
}

// differences compares a gradient with the slopes of f as it changes v.
func differences(t *testing.T, what string, v, grad []float64, f func() float64) {
	t.Helper()
	const step = 1e-5
	for i := range v {
		was := v[i]
		v[i] = was + step
		up := f()
		v[i] = was - step
		down := f()
		v[i] = was
		require.InDelta(t, (up-down)/(2*step), grad[i], 1e-7, "%s, element %d", what, i)
	}
}

func TestAffineMapsInBothPrecisions(t *testing.T) {
	for _, c := range affineCases() {
		single, double := newAffine[float32](t, c, 4), newAffine[float64](t, c, 4)
		x, du, theta := double.x(1), double.u(2), double.theta(3)
		x32, du32, theta32 := params.Convert[float32](x), params.Convert[float32](du), params.Convert[float32](theta)
		near := func(want []float64, got []float32, what string) {
			require.InDeltaSlice(t, want, params.Convert[float64](got), 1e-4, "%v, %s", c, what)
		}
		near(double.forward(x, theta), single.forward(x32, theta32), "forward")
		near(double.back(theta, du), single.back(theta32, du32), "back")
		near(double.gradient(x, du), single.gradient(x32, du32), "gradient")
	}
}

// Two other ways to the same numbers: what internal/graph makes of Gorgonia's own operations.
func TestHandWrittenAndOwnAgainstGorgonia(t *testing.T) {
	in := shape(2, 5, 6)
	for _, pair := range [][2]affineCase{
		{{in: in, layer: nets.Dense{Units: 4}}, {in: in, layer: nets.Expression{Name: "dense", Weights: []int{60, 4}, FanIn: 60,
			Write: func(x, w *G.Node) (*G.Node, error) {
				flat, err := G.Reshape(x, tensor.Shape{1, 60})
				if err != nil {
					return nil, err
				}
				u, err := G.Mul(flat, w)
				if err != nil {
					return nil, err
				}
				return G.Reshape(u, tensor.Shape{4})
			}}}},
		{{in: in, layer: nets.Conv{Channels: 3, Kernel: 3, Stride: 1, Pad: 1}}, {in: in, layer: nets.Expression{Name: "conv",
			Weights: []int{3, 2, 3, 3}, FanIn: 18, Write: func(x, w *G.Node) (*G.Node, error) {
				image, err := G.Reshape(x, tensor.Shape{1, 2, 5, 6})
				if err != nil {
					return nil, err
				}
				u, err := G.Conv2d(image, w, tensor.Shape{3, 3}, []int{1, 1}, []int{1, 1}, []int{1, 1})
				if err != nil {
					return nil, err
				}
				return G.Reshape(u, tensor.Shape{3, 5, 6})
			}}}},
	} {
		a, b := newAffine[float64](t, pair[0], 3), newAffine[float64](t, pair[1], 3)
		x, du, theta := a.x(1), a.u(2), a.theta(3)
		require.InDeltaSlice(t, b.forward(x, theta), a.forward(x, theta), 1e-12, pair[0].String())
		require.InDeltaSlice(t, b.back(theta, du), a.back(theta, du), 1e-12, pair[0].String())
		require.InDeltaSlice(t, b.gradient(x, du), a.gradient(x, du), 1e-12, pair[0].String())
	}
}

// cores runs f on one core and on two.
func cores(f func()) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	f()
	runtime.GOMAXPROCS(2)
	f()
}

// Nothing depends on how many goroutines do it, for batches that are shared and for such that are not.
func TestSameBitsOnAnyNumberOfCores(t *testing.T) {
	for _, c := range []affineCase{
		{in: shape(1, 14, 14), layer: nets.Dense{Units: 64}},
		{in: shape(3, 14, 14), layer: nets.Conv{Channels: 5, Kernel: 3, Stride: 1, Pad: 1}},
	} {
		for _, rows := range []int{3, 77} {
			a := newAffine[float32](t, c, rows)
			x, du, theta := a.x(1), a.u(2), a.theta(3)
			var results [][][]float32
			cores(func() {
				results = append(results, [][]float32{a.forward(x, theta), a.back(theta, du), a.gradient(x, du)})
			})
			require.Equal(t, results[0], results[1], c.String())
		}
	}
}

// A net may be shared: goroutines with traces of their own get what they would get alone.
func TestNetsAreShared(t *testing.T) {
	net, err := nets.New[float32](shape(1, 6, 6), nets.CrossEntropy, nets.Conv{Channels: 3, Kernel: 3, Stride: 1}, nets.Activation("tanh"),
		nets.AvgPool{Size: 2}, nets.Function{Name: "cube", Write: G.Cube}, nets.Dense{Units: 3})
	require.NoError(t, err)
	gradient := func(key uint64) []float32 {
		m := newModel(net, int(3+key%4))
		m.draw(key)
		m.gradient()
		return m.grad
	}
	var all sync.WaitGroup
	got := make([][]float32, 8)
	for k := range got {
		all.Go(func() {
			for range 20 {
				got[k] = gradient(uint64(k))
			}
		})
	}
	all.Wait()
	for k := range got {
		require.Equal(t, gradient(uint64(k)), got[k])
	}
}
