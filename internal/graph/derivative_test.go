package graph

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// then composes a possibly failing operation with the next.
func then(x *G.Node, err error, f func(*G.Node) (*G.Node, error)) (*G.Node, error) {
	if err != nil {
		return nil, err
	}
	return f(x)
}

// build turns a formula written with a Builder into an operation of one argument.
func build(f func(b *Builder, x *G.Node) *G.Node) func(*G.Node) (*G.Node, error) {
	return func(x *G.Node) (*G.Node, error) {
		b := new(Builder)
		y := f(b, x)
		return y, b.Err()
	}
}

// operations lists every operation that problems and rules are written with, as a function of a positive 2×3 matrix.
// Linear ones are followed by a curved one, so that their second derivative is put to the test too.
var operations = map[string]func(x *G.Node) (*G.Node, error){
	"abs":         G.Abs,
	"cos":         G.Cos,
	"cube":        G.Cube,
	"exp":         G.Exp,
	"expm1":       G.Expm1,
	"inverse":     G.Inverse,
	"inverseSqrt": G.InverseSqrt,
	"leakyRelu":   func(x *G.Node) (*G.Node, error) { return G.LeakyRelu(x, 0.1) },
	"log":         G.Log,
	"log1p":       G.Log1p,
	"log2":        G.Log2,
	"logSoftMax":  func(x *G.Node) (*G.Node, error) { return G.LogSoftMax(x) },
	"mish":        G.Mish,
	"neg":         G.Neg,
	"rectify":     G.Rectify,
	"sigmoid":     G.Sigmoid,
	"sin":         G.Sin,
	"softMax":     func(x *G.Node) (*G.Node, error) { return G.SoftMax(x) },
	"softplus":    G.Softplus,
	"sqrt":        G.Sqrt,
	"square":      G.Square,
	"tanh":        G.Tanh,
	"pow":         func(x *G.Node) (*G.Node, error) { return G.Pow(x, constant(x, 2.5)) },
	"softMax0":    func(x *G.Node) (*G.Node, error) { return G.SoftMax(x, 0) },
	"norm":        func(x *G.Node) (*G.Node, error) { return G.Norm(x, 0, 2) },
	"sum": func(x *G.Node) (*G.Node, error) {
		y, err := G.Sum(x)
		return then(y, err, G.Tanh)
	},
	"sum0": func(x *G.Node) (*G.Node, error) {
		y, err := G.Sum(x, 0)
		return then(y, err, G.Tanh)
	},
	"mean": func(x *G.Node) (*G.Node, error) {
		y, err := G.Mean(x)
		return then(y, err, G.Tanh)
	},
	"mean1": func(x *G.Node) (*G.Node, error) {
		y, err := G.Mean(x, 1)
		return then(y, err, G.Tanh)
	},
	"max1": func(x *G.Node) (*G.Node, error) {
		y, err := G.Max(x, 1)
		return then(y, err, G.Tanh)
	},
	"sliceRow": func(x *G.Node) (*G.Node, error) {
		y, err := G.Slice(x, G.S(1))
		return then(y, err, G.Tanh)
	},
	"sliceColumns": func(x *G.Node) (*G.Node, error) {
		y, err := G.Slice(x, nil, G.S(1, 3))
		return then(y, err, G.Tanh)
	},
	"concat": func(x *G.Node) (*G.Node, error) {
		y, err := G.Concat(1, x, x)
		return then(y, err, G.Tanh)
	},
	"reshape": func(x *G.Node) (*G.Node, error) {
		y, err := G.Reshape(x, tensor.Shape{size(x.Shape())})
		return then(y, err, G.Tanh)
	},
	"add": func(x *G.Node) (*G.Node, error) {
		y, err := G.Add(x, x)
		return then(y, err, G.Tanh)
	},
	"sub": func(x *G.Node) (*G.Node, error) {
		y, err := G.Sub(constant(x, 1.5), x)
		return then(y, err, G.Tanh)
	},
	"div": func(x *G.Node) (*G.Node, error) {
		y, err := G.Add(x, constant(x, 2.5))
		return then(y, err, func(y *G.Node) (*G.Node, error) { return G.HadamardDiv(x, y) })
	},
	"scalarTimesMatrix": func(x *G.Node) (*G.Node, error) {
		y, err := G.Sum(x)
		return then(y, err, func(y *G.Node) (*G.Node, error) { return G.HadamardProd(x, y) })
	},
	"matMulTranspose": build(func(b *Builder, x *G.Node) *G.Node { return b.Tanh(b.MatMul(x, b.Transpose(x))) }),
	"matVec": func(x *G.Node) (*G.Node, error) {
		v, err := G.Sum(x, 0)
		return then(v, err, func(v *G.Node) (*G.Node, error) { return G.Mul(x, v) })
	},
	"outer": func(x *G.Node) (*G.Node, error) {
		v, err := G.Sum(x, 1)
		return then(v, err, func(v *G.Node) (*G.Node, error) { return G.OuterProd(v, v) })
	},
	"dot": func(x *G.Node) (*G.Node, error) {
		v, err := G.Sum(x, 1)
		return then(v, err, func(v *G.Node) (*G.Node, error) { return G.Mul(v, v) })
	},
	"broadcast0": func(x *G.Node) (*G.Node, error) {
		y, err := G.Sum(x, 0)
		return then(y, err, func(y *G.Node) (*G.Node, error) { return G.BroadcastHadamardProd(x, y, nil, []byte{0}) })
	},
	"broadcast1": func(x *G.Node) (*G.Node, error) {
		y, err := G.Sum(x, 1)
		return then(y, err, func(y *G.Node) (*G.Node, error) { return G.BroadcastAdd(x, y, nil, []byte{1}) })
	},
	"builder.rows":     build(func(b *Builder, x *G.Node) *G.Node { return b.Tanh(b.Rows(x, 1, 2)) }),
	"builder.columns":  build(func(b *Builder, x *G.Node) *G.Node { return b.Tanh(b.Columns(x, 1, 3)) }),
	"builder.expm1":    build(func(b *Builder, x *G.Node) *G.Node { return b.Expm1(b.Neg(x)) }),
	"builder.softplus": build(func(b *Builder, x *G.Node) *G.Node { return b.Softplus(b.Log(x)) }),
	"builder.reshape":  build(func(b *Builder, x *G.Node) *G.Node { return b.Tanh(b.Reshape(x, x.Shape()[1], x.Shape()[0])) }),
	"builder.cut": build(func(b *Builder, x *G.Node) *G.Node { // the parts overlap
		return b.Mul(b.Tanh(b.Cut(x, 0, 2, 2)), b.Cut(x, 2, 2, 2))
	}),
	"builder.repeat": build(func(b *Builder, x *G.Node) *G.Node {
		return b.Mul(b.RepeatRows(b.Reshape(b.Tanh(x), size(x.Shape())), 2), b.RepeatRows(b.Reshape(x, size(x.Shape())), 2))
	}),
	"builder.sign": build(func(b *Builder, x *G.Node) *G.Node { return b.Mul(b.Sign(b.Log(x)), x) }),
	"builder.max": build(func(b *Builder, x *G.Node) *G.Node { // of equal shapes, and of numbers on either side
		y := b.Max(b.Square(x), b.Scale(0.3, b.Exp(x)))
		number := b.Max(b.Sum(x), b.Const(x, 1.5))
		return b.Add(b.Max(b.Const(x, 0.4), y), b.Max(b.Tanh(x), b.Scale(0.3, number)))
	}),
	"builder.sin":   build(func(b *Builder, x *G.Node) *G.Node { return b.Sin(b.Scale(3, x)) }),
	"builder.asinh": build(func(b *Builder, x *G.Node) *G.Node { return b.Asinh(b.Scale(2, b.Log(x))) }), // of both signs
	"builder.clamp": build(func(b *Builder, x *G.Node) *G.Node { return b.Clamp(b.Log(x), 1.2) }),
	"builder.stack": build(func(b *Builder, x *G.Node) *G.Node { // 5 rows of 6: spread over both other axes, and summed along one
		rows, cols := x.Shape()[0], x.Shape()[1]
		y := b.Stack(b.Reshape(b.Spread(x, 0, 2, rows, cols), 2, rows*cols), b.Reshape(b.Spread(b.Tanh(x), 2, rows, cols, 3), 3, rows*cols))
		return b.SumAlong(b.Tanh(y), 0)
	}),
	"three axes": build(func(b *Builder, x *G.Node) *G.Node { // the middle one repeats, is cut, and is summed up
		rows, cols := x.Shape()[0], x.Shape()[1]
		y := b.spread(x, tensor.Shape{rows, 4, cols}, 1)
		y = b.Mul(y, b.Reshape(b.RepeatRows(b.Reshape(x, rows*cols), 4), rows, 4, cols))
		y = b.Add(y, b.do(func() (*G.Node, error) { return G.Concat(1, y1(b, y, 0, 2), y1(b, y, 2, 4)) }))
		return b.Tanh(b.sumAlong(y1(b, y, 1, 3), 1))
	}),
	"every second": func(x *G.Node) (*G.Node, error) {
		rows, cols := x.Shape()[0], x.Shape()[1]
		y, err := stride{1, 0, cols, 2}.take(x, tensor.Shape{rows, (cols + 1) / 2})
		return then(y, err, G.Tanh)
	},
	"builder.scale": build(func(b *Builder, x *G.Node) *G.Node { return b.Shift(-1, b.Scale(3, b.Exp(x))) }),
	"builder.sum":   build(func(b *Builder, x *G.Node) *G.Node { return b.Tanh(b.Sum(x)) }),
}

// y1 slices the second axis.
func y1(b *Builder, y *G.Node, from, to int) *G.Node {
	return b.do(func() (*G.Node, error) { return G.Slice(y, nil, G.S(from, to)) })
}

// TestDerivatives compares, for every operation f, the first and second derivatives of L(x) = Σ (f(x) + f(x)²) along a
// direction v with central differences, on a second run of the program, when all its memory is in use again.
func TestDerivatives(t *testing.T) {
	for name, f := range operations {
		t.Run(name, func(t *testing.T) {
			g := G.NewGraph()
			x := G.NewMatrix(g, G.Float64, G.WithShape(2, 3), G.WithName("x"))
			v := G.NewMatrix(g, G.Float64, G.WithShape(2, 3), G.WithName("v"))
			y, err := f(x)
			require.NoError(t, err)
			b := new(Builder)
			loss := b.Sum(b.Add(y, b.Square(y)))
			require.NoError(t, b.Err())
			grad, err := Grad(loss, x)
			require.NoError(t, err)
			slope := b.Sum(b.Mul(grad[0], v))
			require.NoError(t, b.Err())
			hv, err := Grad(slope, x)
			require.NoError(t, err)
			p, err := Compile[float64]([]*G.Node{x, v}, []*G.Node{loss, slope, grad[0], hv[0]})
			require.NoError(t, err)

			at := []float64{.31, .72, 1.13, .44, .25, .96}
			dir := []float64{.3, -.7, .4, .5, -.2, .6}
			run := func(eps float64) (loss, slope float64, grad, hv []float64) {
				for i := range at {
					p.In(0)[i] = at[i] + eps*dir[i]
				}
				copy(p.In(1), dir)
				require.NoError(t, p.Run())
				return p.Out(0)[0], p.Out(1)[0], append(grad, p.Out(2)...), append(hv, p.Out(3)...)
			}
			const eps = 1e-5
			plus, _, gradPlus, _ := run(eps)
			minus, _, gradMinus, _ := run(-eps)
			_, slopeAt, _, hvAt := run(0)
			require.InDelta(t, (plus-minus)/(2*eps), slopeAt, 1e-7*(1+math.Abs(slopeAt)), "first derivative")
			for i := range hvAt {
				want := (gradPlus[i] - gradMinus[i]) / (2 * eps)
				require.InDelta(t, want, hvAt[i], 1e-6*(1+math.Abs(want)), "second derivative, element %d", i)
			}
		})
	}
}

// The fact that made this package: with Gorgonia's own Grad the answer is 4 16 36.
func TestGradOfGrad(t *testing.T) {
	g := G.NewGraph()
	x := G.NewVector(g, G.Float64, G.WithShape(3), G.WithName("x"))
	b := new(Builder)
	y := b.Sum(b.Square(b.Square(x)))
	require.NoError(t, b.Err())
	first, err := Grad(y, x)
	require.NoError(t, err)
	second, err := Grad(b.Sum(first[0]), x)
	require.NoError(t, err)
	p, err := Compile[float64]([]*G.Node{x}, []*G.Node{first[0], second[0]})
	require.NoError(t, err)
	copy(p.In(0), []float64{1, 2, 3})
	for range 2 {
		require.NoError(t, p.Run())
		require.Equal(t, []float64{4, 32, 108}, p.Out(0))
		require.Equal(t, []float64{12, 48, 108}, p.Out(1))
	}
}

// Two gradient-descent steps inside the graph, f(θ) = Σ tanh(θ²), and the exact derivative of the last loss with respect
// to the start and to the step size.
func TestTwoUnrolledSteps(t *testing.T) {
	g := G.NewGraph()
	theta0 := G.NewVector(g, G.Float64, G.WithShape(3), G.WithName("theta"))
	lr := G.NewScalar(g, G.Float64, G.WithName("lr"))
	b := new(Builder)
	loss := func(theta *G.Node) *G.Node { return b.Sum(b.Tanh(b.Square(theta))) }
	theta := theta0
	for range 2 {
		grad, err := Grad(loss(theta), theta)
		require.NoError(t, err)
		theta = b.Sub(theta, b.Mul(lr, grad[0]))
	}
	last := loss(theta)
	require.NoError(t, b.Err())
	grads, err := Grad(last, theta0, lr)
	require.NoError(t, err)
	p, err := Compile[float64]([]*G.Node{theta0, lr}, []*G.Node{last, grads[0], grads[1]})
	require.NoError(t, err)

	run := func(theta [3]float64, lr float64) float64 {
		copy(p.In(0), theta[:])
		p.In(1)[0] = lr
		require.NoError(t, p.Run())
		return p.Out(0)[0]
	}
	at, rate, eps := [3]float64{.4, -.9, 1.2}, 0.3, 1e-6
	run(at, rate)
	dTheta, dLR := append([]float64{}, p.Out(1)...), p.Out(2)[0]
	require.InDelta(t, (run(at, rate+eps)-run(at, rate-eps))/(2*eps), dLR, 1e-8)
	for i := range at {
		plus, minus := at, at
		plus[i] += eps
		minus[i] -= eps
		require.InDelta(t, (run(plus, rate)-run(minus, rate))/(2*eps), dTheta[i], 1e-8)
	}
}

func TestGradOfIntermediateNodeAndVJP(t *testing.T) {
	g := G.NewGraph()
	x := G.NewVector(g, G.Float64, G.WithShape(2), G.WithName("x"))
	c := G.NewVector(g, G.Float64, G.WithShape(2), G.WithName("c"))
	b := new(Builder)
	h := b.Square(x)
	y := b.Mul(h, x) // x³ by way of h
	require.NoError(t, b.Err())
	vjp, err := VJP([]*G.Node{y, h}, []*G.Node{c, c}, []*G.Node{x, h})
	require.NoError(t, err)
	p, err := Compile[float64]([]*G.Node{x, c}, vjp)
	require.NoError(t, err)
	copy(p.In(0), []float64{2, 3})
	copy(p.In(1), []float64{1, 10})
	require.NoError(t, p.Run())
	require.Equal(t, []float64{1 * (12 + 4), 10 * (27 + 6)}, p.Out(0)) // c∘(3x² + 2x)
	require.Equal(t, []float64{1 * (2 + 1), 10 * (3 + 1)}, p.Out(1))   // c∘(x + 1)
}

func TestStopGrad(t *testing.T) {
	g := G.NewGraph()
	x := G.NewVector(g, G.Float64, G.WithShape(2), G.WithName("x"))
	unused := G.NewVector(g, G.Float64, G.WithShape(4), G.WithName("unused"))
	b := new(Builder)
	y := b.Sum(b.Mul(x, b.StopGrad(b.Square(x))))
	require.NoError(t, b.Err())
	grads, err := Grad(y, x, unused)
	require.NoError(t, err)
	_, err = Compile[float64]([]*G.Node{x}, append(grads, y))
	require.Error(t, err, "unused is not fed")
	p, err := Compile[float64]([]*G.Node{x, unused}, append(grads, y))
	require.NoError(t, err)
	copy(p.In(0), []float64{2, 3})
	require.NoError(t, p.Run())
	require.Equal(t, []float64{4, 9}, p.Out(0), "only the outer factor is differentiated")
	require.Equal(t, []float64{0, 0, 0, 0}, p.Out(1))
	require.Equal(t, []float64{35}, p.Out(2))
}

// A coordinate whose value is 0 must not poison the others, nor itself.
func TestRootOrZero(t *testing.T) {
	g := G.NewGraph()
	x := G.NewVector(g, G.Float64, G.WithShape(3), G.WithName("x"))
	b := new(Builder)
	y := b.RootOrZero(x)
	require.NoError(t, b.Err())
	grads, err := Grad(b.Sum(y), x)
	require.NoError(t, err)
	p, err := Compile[float64]([]*G.Node{x}, append(grads, y))
	require.NoError(t, err)
	copy(p.In(0), []float64{0, 4, 0.25})
	require.NoError(t, p.Run())
	require.Equal(t, []float64{0, 0.25, 1}, p.Out(0))
	require.Equal(t, []float64{0, 2, 0.5}, p.Out(1))
}

func TestGradRefuses(t *testing.T) {
	g := G.NewGraph()
	x := G.NewVector(g, G.Float64, G.WithShape(2), G.WithName("x"))
	_, err := Grad(x, x)
	require.ErrorContains(t, err, "want a scalar")
	image := G.NewTensor(g, G.Float64, 4, G.WithShape(1, 1, 4, 4), G.WithName("image"))
	filter := G.NewTensor(g, G.Float64, 4, G.WithShape(1, 1, 3, 3), G.WithName("filter"))
	b := new(Builder)
	conv, err := G.Conv2d(image, filter, tensor.Shape{3, 3}, []int{1, 1}, []int{1, 1}, []int{1, 1})
	require.NoError(t, err)
	first, err := Grad(b.Sum(b.Square(conv)), image)
	require.NoError(t, err)
	_, err = Grad(b.Sum(b.Square(first[0])), image)
	require.ErrorContains(t, err, "no derivative", "Gorgonia's own would crash the process")
	opaque := b.Sum(b.Apply(Def{
		Name: "opaque", Shape: tensor.Shape{2},
		F64: Kernel[float64]{Forward: func(dst []float64, in [][]float64) { copy(dst, in[0]) }},
	}, x))
	require.NoError(t, b.Err())
	_, err = Grad(opaque, x)
	require.ErrorContains(t, err, "no derivative", "an operation without a derivative is an error, not a zero")
}
