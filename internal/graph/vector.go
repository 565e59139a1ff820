package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/params"
)

// Vector returns the given numbers, at least one, as a vector in the element type and graph of like.
func (b *Builder) Vector(like *G.Node, values ...float64) *G.Node {
	if b.err != nil {
		return nil
	}
	return b.Apply(Def{
		Name:  fmt.Sprintf("vector %v", values),
		Shape: tensor.Shape{len(values)},
		F32:   Kernel[float32]{Forward: fixed[float32](values)},
		F64:   Kernel[float64]{Forward: fixed[float64](values)},
		Stop:  true,
	}, like)
}

func fixed[F params.Float](values []float64) func(dst []F, in [][]F) {
	v := params.Convert[F](values)
	return func(dst []F, _ [][]F) { copy(dst, v) }
}
