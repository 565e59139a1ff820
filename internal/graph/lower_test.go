package graph

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// A written is a graph that can be written in either element type.
type written func(dt tensor.Dtype) (inputs, outputs []*G.Node, err error)

// isReference runs a graph lowered and unlowered, and in float64, twice on the same inputs. Lowered it is as close to the
// exact result as unlowered: four times the error, and 24 ulp of the largest number (σ and tanh have 4), are allowed. What is not finite is
// the same, runs are the same to the bit, and no input is written to.
func isReference(t require.TestingT, write written, fill func(i int, x []float32)) {
	exact := runTwice(t, write, Compile[float64], fill)
	reference := runTwice(t, write, CompileUnlowered[float32], fill)
	lowered := runTwice(t, write, Compile[float32], fill)
	for k := range exact {
		asRight(t, exact[k], reference[k], lowered[k], fmt.Sprintf("output %d", k))
	}
}

func runTwice[F params.Float](
	t require.TestingT, write written, compile func(in, out []*G.Node) (*Program[F], error), fill func(int, []float32),
) (outputs [][]F) {
	in, out, err := write(Dtype[F]())
	require.NoError(t, err)
	p, err := compile(in, out)
	require.NoError(t, err)
	for run := range 2 {
		for i := range in {
			x := make([]float32, len(p.In(i)))
			fill(i, x)
			copy(p.In(i), params.Convert[F](x))
		}
		require.NoError(t, p.Run())
		for i := range in {
			x := make([]float32, len(p.In(i)))
			fill(i, x)
			sameBits(t, params.Convert[F](x), p.In(i), fmt.Sprintf("input %d", i))
			if Dtype[F]() == tensor.Float32 && isLowered(p) {
				clear(p.In(i)) // an output is no window on an input
			}
		}
		for k := range out {
			if run > 0 {
				sameBits(t, outputs[k], p.Out(k), fmt.Sprintf("output %d of the second run", k))
			} else {
				outputs = append(outputs, slices.Clone(p.Out(k)))
			}
		}
	}
	return outputs
}

func sameBits[F params.Float](t require.TestingT, want, got []F, what string) {
	require.Len(t, got, len(want), what)
	for i, w := range want {
		if g := got[i]; w != g && (w == w || g == g) {
			require.Fail(t, "differ", "%s, element %d: %v and %v", what, i, w, g)
		}
	}
}

func isLowered[F params.Float](p *Program[F]) bool {
	_, is := any(p.runner).(*lowered)
	return is
}

func asRight(t require.TestingT, exact []float64, reference, lowered []float32, what string) {
	require.Len(t, lowered, len(exact), what)
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	largest, off := 0.0, 0.0
	for i, x := range exact {
		if r := float64(reference[i]); finite(x) && finite(r) {
			largest, off = max(largest, math.Abs(x)), max(off, math.Abs(r-x))
		}
	}
	const ulp = 0x1p-23
	for i, x := range exact {
		r, l := float64(reference[i]), float64(lowered[i])
		if !finite(r) {
			require.Equal(t, fmt.Sprint(r), fmt.Sprint(l), "%s, element %d of %d", what, i, len(exact))
			continue
		}
		require.LessOrEqual(t, math.Abs(l-x), 4*off+24*ulp*largest+0x1p-126, "%s, element %d of %d: exact %v, unlowered %v, lowered %v",
			what, i, len(exact), x, r, l)
	}
}

// Every operation, with its first and second derivative, is lowered to the same, in shapes that the operation has.
func TestLoweredOperations(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(operations)) {
		for _, shape := range [][]int{{2, 3}, {1, 3}, {2, 1}, {1, 1}, {7, 5}, {130, 3}, {3, 700}} {
			t.Run(fmt.Sprint(name, shape), func(t *testing.T) {
				testLoweredOperation(t, operations[name], shape)
			})
		}
	}
}

func testLoweredOperation(t *testing.T, f func(x *G.Node) (*G.Node, error), shape []int) {
	write := func(dt tensor.Dtype) (inputs, outputs []*G.Node, err error) {
		g := G.NewGraph()
		x := G.NewMatrix(g, dt, G.WithShape(shape...), G.WithName("x"))
		v := G.NewMatrix(g, dt, G.WithShape(shape...), G.WithName("v"))
		outputs, err = derivatives(f, x, v)
		return []*G.Node{x, v}, outputs, err
	}
	if _, _, err := write(tensor.Float32); err != nil && !slices.Equal(shape, []int{2, 3}) {
		t.Skip(err)
	}
	isReference(t, write, func(i int, x []float32) { rng.Uniform(x, uint64(i), 0.1, 0.5) })
}

// derivatives returns f(x), L(x) = Σ (f(x) + f(x)²), its derivative along v, its gradient, and its curvature along v. Not
// all operations take all shapes, and Gorgonia fails at some when they run.
func derivatives(f func(x *G.Node) (*G.Node, error), x, v *G.Node) (all []*G.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	y, err := f(x)
	if err != nil {
		return nil, err
	}
	b := new(Builder)
	loss := b.Sum(b.Add(y, b.Square(y)))
	if b.Err() != nil {
		return nil, b.Err()
	}
	grad, err := Grad(loss, x)
	if err != nil {
		return nil, err
	}
	slope := b.Sum(b.Mul(grad[0], v))
	if b.Err() != nil {
		return nil, b.Err()
	}
	hv, err := Grad(slope, x)
	if err != nil {
		return nil, err
	}
	all = []*G.Node{y, loss, slope, grad[0], hv[0]}
	if x.Dtype() == tensor.Float64 {
		return all, nil
	}
	r, err := NewReference[float32]([]*G.Node{x, v}, all)
	if err != nil {
		return nil, err
	}
	return all, r.Run()
}

// special are numbers at which functions do something of their own.
var special = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, 2, -2, 0.5, 1e-30, -1e-30, 20, -20, 90, -90, 1e30, -1e30,
	float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
}

// Zeros, NaN, Inf and the very large go through every elementwise operation as they ought to.
func TestLoweredSpecialNumbers(t *testing.T) {
	ones := map[string]func(x *G.Node) (*G.Node, error){
		"abs": G.Abs, "sign": G.Sign, "ceil": G.Ceil, "floor": G.Floor, "sin": G.Sin, "cos": G.Cos, "exp": G.Exp, "ln": G.Log,
		"log2": G.Log2, "neg": G.Neg, "square": G.Square, "sqrt": G.Sqrt, "inv": G.Inverse, "invSqrt": G.InverseSqrt,
		"cube": G.Cube, "tanh": G.Tanh, "sigmoid": G.Sigmoid, "log1p": G.Log1p, "expm1": G.Expm1, "softplus": G.Softplus,
		"asinh": build(func(b *Builder, x *G.Node) *G.Node { return b.Asinh(x) }),
	}
	compare := func(f func(a, b *G.Node, same bool) (*G.Node, error)) func(x, y *G.Node) (*G.Node, error) {
		return func(x, y *G.Node) (*G.Node, error) { return f(x, y, true) }
	}
	twos := map[string]func(x, y *G.Node) (*G.Node, error){
		"+": G.Add, "-": G.Sub, "⊙": G.HadamardProd, "÷": G.HadamardDiv, "^": G.Pow, "<": compare(G.Lt), ">": compare(G.Gt),
		"<=": compare(G.Lte), ">=": compare(G.Gte), "==": compare(G.Eq), "!=": compare(G.Ne),
	}
	for name := range functionsOfOne {
		require.Contains(t, ones, name)
	}
	for name := range functionsOfTwo {
		require.Contains(t, twos, name)
	}
	for name, f := range ones {
		t.Run(name, func(t *testing.T) {
			testSpecial(t, func(x, _ *G.Node) (*G.Node, error) { return f(x) })
		})
	}
	for name, f := range twos {
		t.Run(name, func(t *testing.T) { testSpecial(t, f) })
	}
}

// testSpecial compares with float64: Gorgonia's own functions in float32 are wrong at e^1e30, and at powers of -Inf.
func testSpecial(t *testing.T, f func(x, y *G.Node) (*G.Node, error)) {
	want, got := ofSpecial(t, CompileUnlowered[float64], f), ofSpecial(t, Compile[float32], f)
	for i := range want {
		x, y, w, g := special[i%len(special)], special[i/len(special)], float64(float32(want[i])), float64(got[i])
		if math.IsNaN(w) || math.IsInf(w, 0) {
			require.Equal(t, fmt.Sprint(w), fmt.Sprint(g), "of %v and %v", x, y)
		} else {
			require.InDelta(t, w, g, 1e-6*math.Abs(w)+1e-37, "of %v and %v", x, y)
		}
	}
}

// ofSpecial is f of all pairs of special numbers.
func ofSpecial[F params.Float](
	t *testing.T, compile func(in, out []*G.Node) (*Program[F], error), f func(x, y *G.Node) (*G.Node, error),
) []F {
	n, g := len(special), G.NewGraph()
	x := G.NewVector(g, Dtype[F](), G.WithShape(n*n), G.WithName("x"))
	y := G.NewVector(g, Dtype[F](), G.WithShape(n*n), G.WithName("y"))
	z, err := f(x, y)
	require.NoError(t, err)
	p, err := compile([]*G.Node{x, y}, []*G.Node{z})
	require.NoError(t, err)
	for i := range n * n {
		p.In(0)[i], p.In(1)[i] = F(special[i%n]), F(special[i/n])
	}
	require.NoError(t, p.Run())
	return p.Out(0)
}

// What has no translation runs as Gorgonia has it, among what is lowered.
func TestLoweredAmongStock(t *testing.T) {
	write := func(dt tensor.Dtype) (inputs, outputs []*G.Node, err error) {
		g, b := G.NewGraph(), new(Builder)
		image := G.NewTensor(g, dt, 4, G.WithShape(2, 1, 6, 6), G.WithName("image"))
		filter := G.NewTensor(g, dt, 4, G.WithShape(3, 1, 3, 3), G.WithName("filter"))
		conv := b.do(func() (*G.Node, error) {
			return G.Conv2d(b.Tanh(image), filter, tensor.Shape{3, 3}, []int{1, 1}, []int{1, 1}, []int{1, 1})
		})
		pool := b.do(func() (*G.Node, error) {
			return G.MaxPool2D(b.Sigmoid(conv), tensor.Shape{2, 2}, []int{0, 0}, []int{2, 2})
		})
		loss := b.Sum(b.Square(pool))
		if b.Err() != nil {
			return nil, nil, b.Err()
		}
		grads, err := Grad(loss, image, filter)
		return []*G.Node{image, filter}, append(grads, pool, loss), err
	}
	isReference(t, write, func(i int, x []float32) { rng.Normal(x, uint64(i), 1) })
}

// One node in several places, outputs that are inputs, constants or each other.
func TestLoweredAliases(t *testing.T) {
	write := func(dt tensor.Dtype) (inputs, outputs []*G.Node, err error) {
		g, b := G.NewGraph(), new(Builder)
		x := G.NewMatrix(g, dt, G.WithShape(3, 3), G.WithName("x"))
		xt := b.Transpose(x)
		square := b.MatMul(x, x)
		sum := b.Add(square, square)
		outputs = []*G.Node{
			x, x, xt, b.Cut(x, 2, 3), b.Const(x, 3), b.RepeatRows(b.Cut(x, 1, 3), 2), square, sum, sum, b.Mul(x, xt), b.Sub(x, x),
			b.MatMul(xt, x), b.Add(b.MatMul(x, xt), b.MatMul(xt, x)), b.Add(x, square), b.Add(b.Const(x, 1), b.MatMul(xt, xt)),
		}
		return []*G.Node{x}, outputs, b.Err()
	}
	isReference(t, write, func(i int, x []float32) { rng.Normal(x, uint64(i), 1) })
}

// NaN and Inf spread through products as the rules of arithmetic have it, and to nothing that does not read them.
func TestLoweredProductsOfNaN(t *testing.T) {
	g, b := G.NewGraph(), new(Builder)
	x := G.NewMatrix(g, G.Float32, G.WithShape(2, 2), G.WithName("x"))
	y := G.NewMatrix(g, G.Float32, G.WithShape(2, 2), G.WithName("y"))
	z := b.Add(b.Tanh(x), b.MatMul(x, y))
	require.NoError(t, b.Err())
	p, err := Compile[float32]([]*G.Node{x, y}, []*G.Node{z})
	require.NoError(t, err)
	inf := float32(math.Inf(1))
	copy(p.In(0), []float32{0, 1, 1, 2})
	copy(p.In(1), []float32{inf, 1, 1, -inf})
	require.NoError(t, p.Run())
	require.Equal(t, "[NaN -Inf +Inf -Inf]", fmt.Sprint(p.Out(0)))
}

func TestLoweringRefuses(t *testing.T) {
	g := G.NewGraph()
	x := G.NewVector(g, G.Float32, G.WithShape(2), G.WithName("x"))
	greater, err := G.Gt(x, x, false)
	require.NoError(t, err)
	_, err = Compile[float32]([]*G.Node{x}, []*G.Node{greater})
	require.ErrorContains(t, err, "is of bool, want float32")
	double, err := Apply(Def{
		Name: "of doubles", Shape: tensor.Shape{2}, F64: Kernel[float64]{Forward: func(dst []float64, in [][]float64) { copy(dst, in[0]) }},
	}, x)
	require.NoError(t, err)
	p, err := Compile[float32]([]*G.Node{x}, []*G.Node{double})
	require.NoError(t, err)
	require.ErrorContains(t, p.Run(), "of doubles has no kernel for float32")
}

// A program allocates nothing, if all of it is lowered.
func TestLoweredAllocatesNothing(t *testing.T) {
	g, b := G.NewGraph(), new(Builder)
	x := G.NewMatrix(g, G.Float32, G.WithShape(30, 20), G.WithName("x"))
	w := G.NewMatrix(g, G.Float32, G.WithShape(20, 40), G.WithName("w"))
	y := b.Mul(b.Sigmoid(b.Columns(b.MatMul(x, w), 0, 20)), b.Exp(b.Columns(b.MatMul(x, w), 20, 40)))
	loss := b.Sum(b.Square(b.sumAlong(y, 0)))
	require.NoError(t, b.Err())
	grads, err := Grad(loss, x, w)
	require.NoError(t, err)
	p, err := Compile[float32]([]*G.Node{x, w}, append(grads, loss))
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(10, func() { _ = p.Run() }))
}
