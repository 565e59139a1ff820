package features

import (
	G "gorgonia.org/gorgonia"
)

// Sizes returns for each of the rows 1/√(eps + the mean of its squares), a vector. For a Perceptron to work on rows that are
// divided by their size, it need not be multiplied out.
func (t *Tensor) Sizes(rows *G.Node, eps float64) *G.Node {
	if t.Err() != nil {
		return nil
	}
	return t.InverseRoot(t.MeanSquares(rows), eps)
}

// MeanSquares returns for each of the rows the mean of its squares, a vector.
func (t *Tensor) MeanSquares(rows *G.Node) *G.Node {
	if t.Err() != nil {
		return nil
	}
	return t.Scale(1/float64(t.Len()), t.SumAlong(t.Square(rows), 1))
}

// Matrices returns how many matrices of its last two dimensions a tensor is made of; one if it has no more than these.
func (t *Tensor) Matrices() int {
	n := 1
	for i := 0; i < len(t.Spec.Shape)-2; i++ {
		n *= t.Spec.Shape[i]
	}
	return n
}

// Normalise divides each row by √(eps + the mean of its squares), where the mean is over one matrix of the tensor's last two
// dimensions at a time.
func (t *Tensor) Normalise(rows *G.Node, eps float64) *G.Node {
	if t.Err() != nil {
		return nil
	}
	parts := size(rows.Shape()) / t.Len() * t.Matrices()
	n := t.Len() / t.Matrices()
	x := t.Reshape(rows, parts, n)
	squares := t.SumAlong(t.Square(x), 1)
	scale := t.InverseRoot(t.Scale(1/float64(n), squares), eps)
	return t.like(t.Mul(x, t.Spread(scale, 1, parts, n)), rows)
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
