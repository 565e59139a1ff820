package graph

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
	"pgregory.net/rapid"

	"github.com/seed1498fded/unroll/internal/rng"
)

// A recipe is a random expression: each line adds a node to those there are, made of some of them.
type recipe struct {
	rows, cols, other int
	lines             []recipeLine
	outputs           []int
}

// A recipeLine is an operation, of the nodes x and y, with a parameter.
type recipeLine struct{ op, x, y, p int }

func drawRecipe(t *rapid.T) recipe {
	dim := rapid.SampledFrom([]int{1, 2, 3, 5, 8, 20, 33})
	number := rapid.IntRange(0, 1<<16)
	line := rapid.Custom(func(t *rapid.T) recipeLine {
		return recipeLine{rapid.IntRange(0, len(recipeOps)-1).Draw(t, "op"), number.Draw(t, "x"), number.Draw(t, "y"), number.Draw(t, "p")}
	})
	return recipe{
		dim.Draw(t, "rows"), dim.Draw(t, "cols"), dim.Draw(t, "other"),
		rapid.SliceOfN(line, 1, 25).Draw(t, "lines"), rapid.SliceOfN(number, 1, 3).Draw(t, "outputs"),
	}
}

// recipeOps keep numbers of the order of one, so that no error is blown up. An operation that does not go with the shapes
// of its operands is left out: it returns nil.
var recipeOps = []func(b *Builder, x, y *G.Node, p int) *G.Node{
	func(b *Builder, x, _ *G.Node, _ int) *G.Node { return b.Tanh(x) },
	func(b *Builder, x, _ *G.Node, _ int) *G.Node { return b.Sigmoid(x) },
	func(b *Builder, x, _ *G.Node, _ int) *G.Node { return b.Neg(x) },
	func(b *Builder, x, _ *G.Node, _ int) *G.Node { return b.Square(b.Tanh(x)) },
	func(b *Builder, x, _ *G.Node, _ int) *G.Node { return b.Exp(b.Tanh(x)) },
	func(b *Builder, x, _ *G.Node, _ int) *G.Node { return b.Sqrt(b.Shift(1.5, b.Tanh(x))) },
	func(b *Builder, x, _ *G.Node, p int) *G.Node { return b.Scale(float64(p%5)/4-0.5, x) },
	func(b *Builder, x, _ *G.Node, _ int) *G.Node { return b.StopGrad(x) },
	func(b *Builder, x, y *G.Node, _ int) *G.Node { return likewise(x, y, b.Add) },
	func(b *Builder, x, y *G.Node, _ int) *G.Node { return likewise(x, y, b.Add) },
	func(b *Builder, x, y *G.Node, _ int) *G.Node { return likewise(x, y, b.Sub) },
	func(b *Builder, x, y *G.Node, _ int) *G.Node { return likewise(b.Tanh(x), y, b.Mul) },
	func(b *Builder, x, y *G.Node, _ int) *G.Node { return likewise(x, b.Shift(2, b.Tanh(y)), b.Div) },
	recipeMatMul,
	recipeMatMul,
	func(b *Builder, x, _ *G.Node, _ int) *G.Node {
		if len(x.Shape()) != 2 {
			return nil
		}
		return b.Transpose(x)
	},
	func(b *Builder, x, _ *G.Node, p int) *G.Node {
		if len(x.Shape()) != 2 {
			return nil
		}
		from := p % x.Shape()[1]
		return b.Columns(x, from, from+1+(p/7)%(x.Shape()[1]-from))
	},
	func(b *Builder, x, _ *G.Node, p int) *G.Node {
		if len(x.Shape()) == 0 {
			return nil
		}
		from := p % x.Shape()[0]
		return b.Rows(x, from, from+1+(p/7)%(x.Shape()[0]-from))
	},
	func(b *Builder, x, _ *G.Node, p int) *G.Node {
		n := size(x.Shape())
		at := p % n
		return b.Cut(x, at, 1+(p/7)%(n-at))
	},
	func(b *Builder, x, _ *G.Node, p int) *G.Node {
		switch n := size(x.Shape()); {
		case p%3 == 0:
			return b.Reshape(x, n)
		case p%3 == 1:
			return b.Reshape(x, n, 1)
		case n%2 == 0:
			return b.Reshape(x, 2, n/2)
		default:
			return b.Reshape(x, 1, n)
		}
	},
	func(b *Builder, x, _ *G.Node, p int) *G.Node {
		if len(x.Shape()) != 1 {
			return nil
		}
		n := 1 + p%9
		if p%2 == 0 {
			return b.RepeatRows(x, n)
		}
		return b.spread(x, tensor.Shape{x.Shape()[0], n}, 1)
	},
	func(b *Builder, x, _ *G.Node, p int) *G.Node {
		if len(x.Shape()) != 2 {
			return nil
		}
		axis := p % 2
		return b.Scale(1/float64(x.Shape()[axis]), b.sumAlong(x, axis))
	},
	func(b *Builder, x, _ *G.Node, _ int) *G.Node { return b.Scale(1/float64(size(x.Shape())), b.Sum(x)) },
	func(b *Builder, x, y *G.Node, _ int) *G.Node {
		if len(x.Shape()) != 1 || len(y.Shape()) != 1 || x.Shape()[0] == 1 || y.Shape()[0] == 1 {
			return nil
		}
		return b.do(func() (*G.Node, error) { return G.OuterProd(x, y) })
	},
	func(b *Builder, x, y *G.Node, p int) *G.Node {
		if len(x.Shape()) != 2 || !x.Shape().Eq(y.Shape()) {
			return nil
		}
		return b.do(func() (*G.Node, error) { return G.Concat(p%2, x, y) })
	},
}

// likewise applies f if the shapes are the same, or one is that of a scalar.
func likewise(x, y *G.Node, f func(x, y *G.Node) *G.Node) *G.Node {
	if x == nil || y == nil || len(x.Shape()) > 0 && len(y.Shape()) > 0 && !slices.Equal(x.Shape(), y.Shape()) {
		return nil
	}
	return f(x, y)
}

func recipeMatMul(b *Builder, x, y *G.Node, p int) *G.Node {
	if len(x.Shape()) != 2 {
		return nil
	}
	if len(y.Shape()) == 2 && p%2 == 0 {
		y = b.Transpose(y)
	}
	if y == nil || len(y.Shape()) == 0 || y.Shape()[0] != x.Shape()[1] {
		return nil
	}
	return b.Scale(1/float64(x.Shape()[1]), b.MatMul(x, y))
}

// write writes the expression, and what it makes of cotangents.
func (r recipe) write(dt tensor.Dtype) (inputs, outputs []*G.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	g := G.NewGraph()
	input := func(name string, shape ...int) *G.Node {
		if len(shape) == 0 {
			return G.NewScalar(g, dt, G.WithName(name))
		}
		return G.NewTensor(g, dt, len(shape), G.WithShape(shape...), G.WithName(name))
	}
	inputs = []*G.Node{
		input("a", r.rows, r.cols), input("b", r.rows, r.cols), input("c", r.cols, r.other), input("v", r.cols), input("u", r.rows),
		input("s"),
	}
	xs, nodes, b := inputs, slices.Clone(inputs), new(Builder)
	for _, line := range r.lines {
		n := recipeOps[line.op](b, nodes[line.x%len(nodes)], nodes[line.y%len(nodes)], line.p)
		if b.Err() != nil {
			return nil, nil, b.Err()
		}
		if n != nil && size(n.Shape()) <= 2000 {
			nodes = append(nodes, n)
		}
	}
	var cots []*G.Node
	for i, o := range r.outputs {
		y := nodes[len(nodes)-1-o%min(len(nodes), 4)]
		outputs = append(outputs, y)
		cots = append(cots, input(fmt.Sprint("cotangent", i), y.Shape()...))
	}
	back, err := VJP(outputs, cots, xs)
	return append(inputs[:len(inputs):len(inputs)], cots...), append(outputs, back...), err
}

// runs says whether Gorgonia can run the expression: it can't with some shapes that have an axis of length one.
func (r recipe) runs() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	in, out, err := r.write(tensor.Float32)
	if err != nil {
		return err
	}
	p, err := NewReference[float32](in, out)
	if err != nil {
		return err
	}
	return p.Run()
}

// Random expressions and their derivatives are lowered to the same.
func TestLoweredExpressions(t *testing.T) {
	drawn, ran := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecipe(t)
		drawn++
		if r.runs() != nil {
			return
		}
		ran++
		isReference(t, r.write, func(i int, x []float32) { rng.Normal(x, uint64(i), 1) })
	})
	require.Greater(t, ran, drawn/2, "most recipes can be run")
}
