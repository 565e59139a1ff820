package features

import (
	"fmt"

	G "gorgonia.org/gorgonia"
)

// MaxOrthogonal is of how many matrices Orthogonalise takes a tensor.
const MaxOrthogonal = 1024

// Orthogonalise takes the matrices of the last two dimensions of a tensor, x in its shape, to ones with singular values near
// 1 and the same singular vectors, by five steps of the Newton-Schulz iteration of Muon (Jordan et al. 2024):
//
//	X ← X/(‖X‖ + 1e-8); five times A = XXᵀ, X ← 3.4445·X + (−4.775·A + 2.0315·A²)·X
func (t *Tensor) Orthogonalise(x *G.Node) *G.Node {
	shape, parts := t.Spec.Shape, t.Matrices()
	if len(shape) < 2 || parts > MaxOrthogonal {
		t.Fail(fmt.Errorf("tensor %v is orthogonalised; want one of at least two dimensions and at most %d matrices",
			t.Spec, MaxOrthogonal))
		return nil
	}
	rows, cols := shape[len(shape)-2], shape[len(shape)-1]
	flat := make([]*G.Node, parts)
	for i := range parts {
		flat[i] = t.Reshape(t.orthogonal(t.Cut(x, i*rows*cols, rows, cols), rows > cols), 1, rows*cols)
	}
	return t.like(t.Stack(flat...), x)
}

func (t *Tensor) orthogonal(x *G.Node, tall bool) *G.Node {
	x = t.Div(x, t.Shift(1e-8, t.RootOrZero(t.Sum(t.Square(x)))))
	if tall {
		x = t.Transpose(x)
	}
	for range 5 {
		a := t.MatMul(x, t.Transpose(x))
		b := t.Add(t.Scale(-4.775, a), t.Scale(2.0315, t.MatMul(a, a)))
		x = t.Add(t.Scale(3.4445, x), t.MatMul(b, x))
	}
	if tall {
		x = t.Transpose(x)
	}
	return x
}
