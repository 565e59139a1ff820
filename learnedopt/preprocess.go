package learnedopt

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/params"
)

// logSign is the input preprocessing of Andrychowicz et al. 2016, appendix A: from a vector of n gradients it makes an
// n×2 matrix whose rows are, with the constant p,
//
//	(log|g|/p, sgn g)   where |g| ≥ e^−p
//	(−1, e^p g)         elsewhere
//
// Both columns stay of order one over many orders of magnitude of g. The derivative, used by the exact meta-gradient
// only, is (1/(pg), 0) and (0, e^p).
func logSign(b *graph.Builder, g *G.Node, p float64) *G.Node {
	if b.Err() != nil {
		return nil
	}
	return b.Apply(graph.Def{
		Name:  fmt.Sprintf("log and sign, p=%g", p),
		Shape: tensor.Shape{g.Shape()[0], 2},
		F32:   logSignKernel[float32](p),
		F64:   logSignKernel[float64](p),
	}, g)
}

func logSignKernel[F params.Float](p float64) graph.Kernel[F] {
	small, big := F(math.Exp(-p)), F(math.Exp(p))
	return graph.Kernel[F]{
		Forward: func(dst []F, in [][]F) {
			for i, g := range in[0] {
				x := dst[2*i : 2*i+2]
				switch size := max(g, -g); {
				case size >= small:
					x[0] = F(math.Log(float64(size)) / p)
					x[1] = F(math.Copysign(1, float64(g)))
				case size < small:
					x[0], x[1] = -1, big*g
				default: // NaN passes through
					x[0], x[1] = g, g
				}
			}
		},
		Pullback: func(din, in [][]F, _, cot []F) {
			for i, g := range in[0] {
				if size := max(g, -g); size < small {
					din[0][i] = big * cot[2*i+1]
				} else {
					din[0][i] = cot[2*i] / (F(p) * g)
				}
			}
		},
	}
}
