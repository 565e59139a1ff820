package nets

import (
	"fmt"

	"github.com/seed1498fded/unroll/params"
)

// A Layer is one of the kinds of this package: Dense, Conv and Expression have weights, Activation, MaxPool, AvgPool, Skip
// and Function have none. A net is a list of them, cut into blocks: a block begins at each layer that has weights and takes
// in those without that follow it.
type Layer interface {
	// String describes the layer, as in "dense 10". Errors of New quote it.
	String() string
}

// A Shape is that of one image: channels, rows, columns, in which order its elements lie. A vector is n channels of one
// pixel.
type Shape struct{ Channels, Rows, Cols int }

// Size returns the number of elements.
func (s Shape) Size() int { return s.Channels * s.Rows * s.Cols }

// Vector is the shape of n numbers.
func Vector(n int) Shape { return Shape{n, 1, 1} }

// String writes a shape as channels x rows x columns.
func (s Shape) String() string { return fmt.Sprintf("%dx%dx%d", s.Channels, s.Rows, s.Cols) }

// An affine map is the part of a block that has weights: u = A(x; w) + b, linear in x and in w, for a batch of rows.
type affine[F params.Float] interface {
	// weights returns the shapes of w and b.
	weights() (w, b []int)
	// fans returns how many inputs an element of u sees, and how many elements of u see an input.
	fans() (in, out int)
	// out returns the shape of u.
	out() Shape
	// forward overwrites u [n, out].
	forward(u, x, w, b []F, n int)
	// back overwrites dx [n, in] with the cotangent of x, for that of u.
	back(dx, w, du []F, n int)
	// gradient overwrites dw and db with the cotangents of the weights, summed over the batch.
	gradient(dw, db, x, du []F, n int)
}

// A stage is a layer without weights: y = s(x), for a batch of rows, each by itself. Several goroutines may call it at once.
type stage[F params.Float] interface {
	// out returns the shape of y.
	out() Shape
	// forward overwrites y.
	forward(y, x []F, n int)
	// back overwrites dx with the cotangent of x, for that of y.
	back(dx, x, y, dy []F, n int)
	// forwardR overwrites ry with the derivative of y as x moves in the direction rx.
	forwardR(ry, x, y, rx []F, n int)
	// backR overwrites rdx with the derivative of back's dx as x moves in the direction rx and dy in the direction rdy.
	backR(rdx, x, y, dy, rx, rdy []F, n int)
}

// newAffine returns a layer that has weights, nil for others.
func newAffine[F params.Float](l Layer, in Shape) (affine[F], error) {
	switch l := l.(type) {
	case Dense:
		return newDense[F](l, in)
	case Conv:
		return newConv[F](l, in)
	case Expression:
		return newExpression[F](l, in)
	}
	return nil, nil
}

// newStage returns a layer without weights, in a block with the given input.
func newStage[F params.Float](l Layer, in, blockIn Shape) (stage[F], error) {
	switch l := l.(type) {
	case Activation:
		return newElementwise[F](l, in)
	case MaxPool:
		return newMaxPool[F](l, in)
	case AvgPool:
		return newAvgPool[F](l, in)
	case Skip:
		return newSkip[F](in, blockIn)
	case Function:
		return newFunction[F](l, in)
	}
	return nil, fmt.Errorf("no layer of type %T", l)
}
