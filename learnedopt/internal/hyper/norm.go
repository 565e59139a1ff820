package hyper

import (
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
)

// Norm returns the length of tensors together, with a derivative of 0 at 0.
func Norm(b *graph.Builder, tensors ...*G.Node) *G.Node {
	return b.RootOrZero(SquaredNorm(b, tensors...))
}

// SquaredNorm returns the squared length of tensors together.
func SquaredNorm(b *graph.Builder, tensors ...*G.Node) *G.Node {
	var sum *G.Node
	for _, x := range tensors {
		s := b.Sum(b.Square(x))
		if sum != nil {
			s = b.Add(sum, s)
		}
		sum = s
	}
	return sum
}
