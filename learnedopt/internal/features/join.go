package features

import (
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
)

// Join lays scalars, vectors and matrices end to end, row-major, as a matrix of one row: what a network sees at a time.
func Join(b *graph.Builder, parts ...*G.Node) *G.Node {
	if b.Err() != nil {
		return nil
	}
	n, columns := 0, make([]*G.Node, len(parts))
	for i, x := range parts {
		k := size(x.Shape())
		n, columns[i] = n+k, b.Reshape(x, k, 1)
	}
	return b.Reshape(b.Stack(columns...), 1, n)
}
