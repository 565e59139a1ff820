package graph

import (
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/params"
)

// bilinear is z = Σ x∘y as a fused operation with a numeric pullback.
func bilinear(n int) Def {
	return Def{
		Name: "bilinear", Shape: tensor.Shape{},
		F32: Kernel[float32]{dot[float32], dotPullback[float32]},
		F64: Kernel[float64]{dot[float64], dotPullback[float64]},
	}
}

func dot[F params.Float](dst []F, in [][]F) {
	dst[0] = 0
	for i, x := range in[0] {
		dst[0] += x * in[1][i]
	}
}

func dotPullback[F params.Float](din, in [][]F, _, cot []F) {
	for i := range in[0] {
		din[0][i], din[1][i] = cot[0]*in[1][i], cot[0]*in[0][i]
	}
}

func testFused[F params.Float](t *testing.T) {
	g := G.NewGraph()
	x := G.NewMatrix(g, Dtype[F](), G.WithShape(2, 2), G.WithName("x"))
	y := G.NewVector(g, Dtype[F](), G.WithShape(4), G.WithName("y"))
	z, err := Apply(bilinear(4), x, y)
	require.NoError(t, err)
	grads, err := Grad(z, x, y)
	require.NoError(t, err)
	require.Equal(t, tensor.Shape{2, 2}, grads[0].Shape())
	p, err := Compile[F]([]*G.Node{x, y}, append(grads, z))
	require.NoError(t, err)
	copy(p.In(0), []F{1, 2, 3, 4})
	copy(p.In(1), []F{5, 6, 7, 8})
	require.NoError(t, p.Run())
	require.Equal(t, []F{5, 6, 7, 8}, p.Out(0))
	require.Equal(t, []F{1, 2, 3, 4}, p.Out(1))
	require.Equal(t, []F{70}, p.Out(2))
	require.Zero(t, testing.AllocsPerRun(10, func() { _ = p.Run() }), "our operations allocate nothing")
	b := new(Builder)
	second := b.Sum(grads[0])
	_, err = Grad(second, y)
	require.ErrorContains(t, err, "no derivative", "a numeric pullback is good for one differentiation")
}

func TestFusedOperation(t *testing.T) {
	t.Run("float32", testFused[float32])
	t.Run("float64", testFused[float64])
}

// Gorgonia's own Slice would make one node of these two.
func TestRowsBeyondAByte(t *testing.T) {
	g := G.NewGraph()
	x := G.NewVector(g, G.Float64, G.WithShape(300), G.WithName("x"))
	b := new(Builder)
	low, high := b.Rows(x, 0, 4), b.Rows(x, 256, 260)
	require.NoError(t, b.Err())
	p, err := Compile[float64]([]*G.Node{x}, []*G.Node{low, high})
	require.NoError(t, err)
	for i := range p.In(0) {
		p.In(0)[i] = float64(i)
	}
	require.NoError(t, p.Run())
	require.Equal(t, []float64{0, 1, 2, 3}, p.Out(0))
	require.Equal(t, []float64{256, 257, 258, 259}, p.Out(1))
}

func TestCompileRefuses(t *testing.T) {
	g := G.NewGraph()
	x := G.NewVector(g, G.Float64, G.WithShape(2), G.WithName("x"))
	y := G.NewVector(g, G.Float64, G.WithShape(2), G.WithName("forgotten"))
	b := new(Builder)
	z := b.Add(x, y)
	_, err := Compile[float64]([]*G.Node{x}, []*G.Node{z})
	require.ErrorContains(t, err, `"forgotten" is neither fed`)
	_, err = Compile[float32]([]*G.Node{x, y}, []*G.Node{z})
	require.ErrorContains(t, err, "float64, want float32")
	require.NoError(t, G.Let(y, tensor.New(tensor.WithBacking([]float64{1, 2}), tensor.WithShape(2))))
	p, err := Compile[float64]([]*G.Node{x}, []*G.Node{z})
	require.NoError(t, err, "a node that carries a value needs no feeding")
	require.NoError(t, p.Run())
	require.Equal(t, []float64{1, 2}, p.Out(0))
}

// The cotangents of the parts of a vector come together in one operation, whatever else reaches the vector.
func TestJoin(t *testing.T) {
	for _, twice := range []bool{false, true} {
		g := G.NewGraph()
		x := G.NewVector(g, G.Float64, G.WithShape(5), G.WithName("x"))
		b := new(Builder)
		ys := []*G.Node{b.Cut(x, 0, 3), b.Cut(x, 2, 2)}
		cots := []*G.Node{b.Cut(x, 0, 3), b.Cut(x, 0, 2)}
		want, insts := []float64{1, 2, 3 + 1, 2, 0}, 3
		if twice {
			ys, cots = append(ys, x), append(cots, x)
			want, insts = []float64{1 + 1, 2 + 2, 3 + 1 + 3, 2 + 4, 0 + 5}, 6
		}
		require.NoError(t, b.Err())
		grads, err := VJP(ys, cots, []*G.Node{x})
		require.NoError(t, err)
		p, err := NewReference[float64]([]*G.Node{x}, grads)
		require.NoError(t, err)
		require.Len(t, p.insts, insts)
		copy(p.In(0), []float64{1, 2, 3, 4, 5})
		require.NoError(t, p.Run())
		require.Equal(t, want, p.Out(0))
	}
	b := new(Builder)
	b.Cut(G.NewVector(G.NewGraph(), G.Float64, G.WithShape(5), G.WithName("x")), 3, 3)
	require.ErrorContains(t, b.Err(), "cut of [3] from element 3 of shape (5)")
}

func TestBuilderKeepsFirstError(t *testing.T) {
	g := G.NewGraph()
	x := G.NewVector(g, G.Float64, G.WithShape(2), G.WithName("x"))
	b := new(Builder)
	y := b.Tanh(b.Rows(x, 1, 5))
	require.Nil(t, y)
	require.ErrorContains(t, b.Err(), "rows 1 to 5 of shape (2)")
	require.Nil(t, b.RepeatRows(b.Add(y, x), 3))
	require.ErrorContains(t, b.Err(), "rows 1 to 5")
}

func TestBuilderRefusesWhatDoesNotFit(t *testing.T) {
	x := G.NewMatrix(G.NewGraph(), G.Float64, G.WithShape(2, 3), G.WithName("x"))
	for want, write := range map[string]func(b *Builder) *G.Node{
		"graph: spread of (2, 3) along axis 1 to [2 4 2]": func(b *Builder) *G.Node { return b.Spread(x, 1, 2, 4, 2) },
		"graph: spread of (2, 3) along axis 3 to [2 3 1]": func(b *Builder) *G.Node { return b.Spread(x, 3, 2, 3, 1) },
		"graph: sum along axis 2 of (2, 3)":               func(b *Builder) *G.Node { return b.SumAlong(x, 2) },
		"graph: clamp to ±0; want a limit above 0":        func(b *Builder) *G.Node { return b.Clamp(x, 0) },
	} {
		b := new(Builder)
		require.Nil(t, write(b))
		require.EqualError(t, b.Err(), want)
	}
}
