package graph

import (
	"math"

	G "gorgonia.org/gorgonia"
)

// Asinh returns the inverse hyperbolic sine, which is near x around 0 and ±log 2|x| far from it.
func (b *Builder) Asinh(x *G.Node) *G.Node {
	if b.err != nil {
		return nil
	}
	return b.Apply(Def{
		Name:  "asinh",
		Shape: x.Shape(),
		lower: applies{each(math.Asinh)},
		F32:   Kernel[float32]{Forward: eachInto[float32](math.Asinh)},
		F64:   Kernel[float64]{Forward: eachInto[float64](math.Asinh)},
		Diff: func(in []*G.Node, _, cot *G.Node) ([]*G.Node, error) {
			b := new(Builder)
			return []*G.Node{b.Div(cot, b.Sqrt(b.Shift(1, b.Square(in[0]))))}, b.Err()
		},
	}, x)
}
