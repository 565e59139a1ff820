package predictive

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/params"
)

// relaxed is a vertex's error after one step: ε + γ(−ε + heard), with what it hears clipped.
func (c Config) relaxed(err, heard *G.Node) (*G.Node, error) {
	return graph.Apply(graph.Def{
		Name:  fmt.Sprintf("relax by %v within %v", c.Gamma, c.Clip),
		Shape: err.Shape(),
		F32:   graph.Kernel[float32]{Forward: relax[float32](c.Gamma, c.Clip)},
		F64:   graph.Kernel[float64]{Forward: relax[float64](c.Gamma, c.Clip)},
	}, err, heard)
}

func relax[F params.Float](gamma, clip float64) func(dst []F, in [][]F) {
	keep, rate, bound := F(1-gamma), F(gamma), F(clip)
	return func(dst []F, in [][]F) {
		err, heard := in[0], in[1]
		for i, h := range heard {
			dst[i] = keep*err[i] + rate*min(max(h, -bound), bound)
		}
	}
}
