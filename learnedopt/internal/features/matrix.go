package features

import (
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/params"
)

// MatrixShape is the shape of a tensor as a matrix, [the product of all axes but the last, the last], or as the vector that it is.
func MatrixShape(shape []int) []int {
	if len(shape) < 3 {
		return shape
	}
	last := len(shape) - 1
	return []int{size(shape[:last]), shape[last]}
}

// MatrixState is the state of second moments that are kept as means over rows and over columns, for each of n decays, of a tensor
// as the matrix of MatrixShape, whatever is larger; of a vector as they are.
func MatrixState(n int) func(params.Spec) params.Layout {
	vector := FactoredState(n)
	return func(tensor params.Spec) params.Layout {
		shape := MatrixShape(tensor.Shape)
		if len(shape) < 2 {
			return vector(tensor)
		}
		return factoredState(n, shape[:1], shape[1:])
	}
}

// AsMatrix has everything that follows see the tensor in its MatrixShape, and keep the state of MatrixState. The step that comes
// out has that shape, too.
func (t *Tensor) AsMatrix() *Tensor {
	t.rowsFirst = true
	shape := MatrixShape(t.Spec.Shape)
	if len(shape) == len(t.Spec.Shape) || t.Err() != nil {
		return t
	}
	view := func(x *G.Node) *G.Node {
		if x == nil {
			return nil
		}
		return t.Reshape(x, shape...)
	}
	t.Grad, t.Theta, t.Spec.Shape = view(t.Grad), view(t.Theta), shape
	return t
}

// axes are the second-largest and the largest, or those of a matrix.
func (t *Tensor) axes() (d1, d0 int) {
	if t.rowsFirst {
		return 0, 1
	}
	return largest(t.Spec.Shape)
}
