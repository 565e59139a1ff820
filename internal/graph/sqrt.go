package graph

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/params"
)

// RootOrZero returns √x with the derivative at 0 defined as 0, where that of Sqrt is infinite. It is for the root of an
// average of squares, which is 0 only where every square so far was: a weight that has had no gradient yet.
func (b *Builder) RootOrZero(x *G.Node) *G.Node {
	if b.err != nil {
		return nil
	}
	return b.Apply(Def{
		Name:  "root or zero",
		Shape: x.Shape(),
		lower: applies{squareRoot},
		F32:   Kernel[float32]{root[float32], rootPullback[float32]},
		F64:   Kernel[float64]{root[float64], rootPullback[float64]},
	}, x)
}

func root[F params.Float](dst []F, in [][]F) {
	for i, x := range in[0] {
		dst[i] = F(math.Sqrt(float64(x)))
	}
}

func rootPullback[F params.Float](din, _ [][]F, out, cot []F) {
	for i, y := range out {
		din[0][i] = 0
		if y != 0 {
			din[0][i] = cot[i] / (2 * y)
		}
	}
}
