package lstm

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
	ls := newLogSign[F](p)
	return graph.Kernel[F]{
		Forward: func(dst []F, in [][]F) {
			for i, g := range in[0] {
				dst[2*i], dst[2*i+1] = ls.features(g, F(math.Log(math.Abs(float64(g)))))
			}
		},
		Pullback: func(din, in [][]F, _, cot []F) {
			for i, g := range in[0] {
				din[0][i] = ls.pullback(g, cot[2*i], cot[2*i+1])
			}
		},
	}
}

// logSignOf is the preprocessing of one gradient.
type logSignOf[F params.Float] struct {
	p          F
	small, big F // e^−p and e^p
}

func newLogSign[F params.Float](p float64) logSignOf[F] {
	return logSignOf[F]{F(p), F(math.Exp(-p)), F(math.Exp(p))}
}

// features returns what the LSTM sees of g, whose log|g| is given.
func (l logSignOf[F]) features(g, log F) (x, y F) {
	switch size := max(g, -g); {
	case size >= l.small:
		return log / l.p, F(math.Copysign(1, float64(g)))
	case size < l.small:
		return -1, l.big * g
	default: // NaN passes through
		return g, g
	}
}

func (l logSignOf[F]) pullback(g, dx, dy F) F {
	if size := max(g, -g); size < l.small {
		return l.big * dy
	}
	return dx / (l.p * g)
}
