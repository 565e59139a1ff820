package features

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// Linear is a layer without a nonlinearity, y = xW + b. Its weights are Name.w [In, Out] and Name.b [Out].
type Linear struct {
	Name    string
	In, Out int
}

// Phi lays out the weights.
func (l Linear) Phi() params.Layout {
	return params.Layout{{Name: l.Name + ".w", Shape: []int{l.In, l.Out}}, {Name: l.Name + ".b", Shape: []int{l.Out}}}
}

// Init draws the matrix, laid out by Phi, from the normal distribution of deviation scale/√In; the biases are 0.
func (l Linear) Init(phi []float32, key uint64, scale float64) {
	n := l.In * l.Out
	rng.Normal(phi[:n], key, scale/math.Sqrt(float64(l.In)))
	clear(phi[n:])
}

// Apply returns y [n, Out] of x [n, In].
func (l Linear) Apply(b *graph.Builder, phi map[string]*G.Node, x *G.Node) *G.Node {
	if b.Err() != nil {
		return nil
	}
	return l.biased(b, phi, b.MatMul(x, b.Reshape(phi[l.Name+".w"], l.In, l.Out)))
}

// two applies the layer to the first k inputs x and the rest z.
func (l Linear) two(b *graph.Builder, phi map[string]*G.Node, x, z *G.Node, k int) *G.Node {
	if b.Err() != nil {
		return nil
	}
	w := b.Reshape(phi[l.Name+".w"], l.In, l.Out)
	return l.biased(b, phi, b.Add(b.MatMul(x, b.Rows(w, 0, k)), b.MatMul(z, b.Rows(w, k, l.In))))
}

func (l Linear) biased(b *graph.Builder, phi map[string]*G.Node, y *G.Node) *G.Node {
	if b.Err() != nil {
		return nil
	}
	return b.Add(y, b.RepeatRows(b.Reshape(phi[l.Name+".b"], l.Out), y.Shape()[0]))
}
