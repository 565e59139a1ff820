package compose

import (
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// block returns a tensor as a rule of scope Coordinates wants to see it, as a vector of two coordinates or more; a single number
// is there twice. For other rules it is as it is.
func (p part) block(b *graph.Builder, x rule.TensorInputs) rule.TensorInputs {
	if p.spec.Scope != rule.Coordinates {
		return x
	}
	n := x.Spec.Len()
	own := x
	own.Spec = params.Spec{Name: x.Spec.Name, Shape: []int{max(2, n)}}
	own.Grad, own.Theta, own.State = flat(b, x.Grad, n, 0), flat(b, x.Theta, n, 0), make(map[string]*G.Node)
	for _, r := range p.spec.State.PerCoordinate {
		own.State[r.Name] = flat(b, x.State[r.Name], n, r.Width)
	}
	return own
}

// flat returns what each of n coordinates has, a number if width is 0, as a row for each.
func flat(b *graph.Builder, x *G.Node, n, width int) *G.Node {
	if x == nil || b.Err() != nil {
		return x
	}
	shape := rowShape([]int{max(2, n)}, width)
	if n > 1 {
		return shaped(b, x, shape)
	}
	var row []int // of the one coordinate; Gorgonia takes a vector of one number for a scalar
	if width > 1 {
		row = []int{width}
	}
	return shaped(b, b.Spread(b.Reshape(x, row...), 0, append([]int{2}, row...)...), shape)
}

// rowShape is the shape of what each number of a tensor has.
func rowShape(tensor []int, width int) []int {
	if width == 0 {
		return tensor
	}
	return append(slices.Clone(tensor), width)
}

// shaped returns the first elements of x in a shape; the shape [1] is a scalar's.
func shaped(b *graph.Builder, x *G.Node, shape []int) *G.Node {
	if len(shape) == 1 && shape[0] == 1 {
		shape = nil
	}
	if x == nil || b.Err() != nil || slices.Equal([]int(x.Shape()), shape) {
		return x
	}
	return b.Cut(x, 0, shape...)
}
