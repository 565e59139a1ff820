package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/params"
)

// A Builder writes formulas: each method is one operation, and the first that fails turns all later ones into no-ops
// until Err gives the error back. Operands of a binary method have the same shape, or one of them is a scalar. The zero
// Builder is ready.
type Builder struct{ err error }

// Err returns the first error.
func (b *Builder) Err() error { return b.err }

// Fail records an error of the caller's own, if it is the first.
func (b *Builder) Fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

func (b *Builder) do(f func() (*G.Node, error)) *G.Node {
	if b.err != nil {
		return nil
	}
	n, err := f()
	b.err = err
	return n
}

// Add returns x + y.
func (b *Builder) Add(x, y *G.Node) *G.Node {
	return b.do(func() (*G.Node, error) { return G.Add(x, y) })
}

// Sub returns x − y.
func (b *Builder) Sub(x, y *G.Node) *G.Node {
	return b.do(func() (*G.Node, error) { return G.Sub(x, y) })
}

// Mul returns the elementwise product.
func (b *Builder) Mul(x, y *G.Node) *G.Node {
	return b.do(func() (*G.Node, error) { return G.HadamardProd(x, y) })
}

// Div returns the elementwise quotient.
func (b *Builder) Div(x, y *G.Node) *G.Node {
	return b.do(func() (*G.Node, error) { return G.HadamardDiv(x, y) })
}

// Neg returns −x.
func (b *Builder) Neg(x *G.Node) *G.Node { return b.do(func() (*G.Node, error) { return G.Neg(x) }) }

// Square returns x².
func (b *Builder) Square(x *G.Node) *G.Node {
	return b.do(func() (*G.Node, error) { return G.Square(x) })
}

// Sqrt returns √x.
func (b *Builder) Sqrt(x *G.Node) *G.Node { return b.do(func() (*G.Node, error) { return G.Sqrt(x) }) }

// Exp returns e^x.
func (b *Builder) Exp(x *G.Node) *G.Node { return b.do(func() (*G.Node, error) { return G.Exp(x) }) }

// Log returns the natural logarithm.
func (b *Builder) Log(x *G.Node) *G.Node { return b.do(func() (*G.Node, error) { return G.Log(x) }) }

// Expm1 returns e^x − 1, precise near 0.
func (b *Builder) Expm1(x *G.Node) *G.Node {
	return b.do(func() (*G.Node, error) { return G.Expm1(x) })
}

// Softplus returns log(1 + e^x).
func (b *Builder) Softplus(x *G.Node) *G.Node {
	return b.do(func() (*G.Node, error) { return G.Softplus(x) })
}

// Sin returns the sine, of radians.
func (b *Builder) Sin(x *G.Node) *G.Node { return b.do(func() (*G.Node, error) { return G.Sin(x) }) }

// Tanh returns the hyperbolic tangent.
func (b *Builder) Tanh(x *G.Node) *G.Node { return b.do(func() (*G.Node, error) { return G.Tanh(x) }) }

// Abs returns |x|, with a derivative of 0 at 0.
func (b *Builder) Abs(x *G.Node) *G.Node { return b.do(func() (*G.Node, error) { return G.Abs(x) }) }

// Sigmoid returns 1/(1+e^−x).
func (b *Builder) Sigmoid(x *G.Node) *G.Node {
	return b.do(func() (*G.Node, error) { return G.Sigmoid(x) })
}

// Sum returns the sum of all elements, a scalar.
func (b *Builder) Sum(x *G.Node) *G.Node {
	return b.do(func() (*G.Node, error) {
		if x.Shape().IsScalar() {
			return x, nil
		}
		return G.Sum(x)
	})
}

// MatMul returns the matrix product of two matrices, or of a matrix and a vector.
func (b *Builder) MatMul(x, y *G.Node) *G.Node {
	return b.do(func() (*G.Node, error) { return G.Mul(x, y) })
}

// Transpose returns the transpose of a matrix.
func (b *Builder) Transpose(x *G.Node) *G.Node {
	return b.do(func() (*G.Node, error) { return G.Transpose(x) })
}

// StopGrad returns x with a derivative of zero.
func (b *Builder) StopGrad(x *G.Node) *G.Node {
	return b.do(func() (*G.Node, error) { return StopGrad(x) })
}

// Apply returns the operation d of the inputs.
func (b *Builder) Apply(d Def, in ...*G.Node) *G.Node {
	return b.do(func() (*G.Node, error) { return Apply(d, in...) })
}

// Const returns the scalar v in the element type and graph of like.
func (b *Builder) Const(like *G.Node, v float64) *G.Node {
	return b.do(func() (*G.Node, error) { return constant(like, v), nil })
}

// Scale returns v·x.
func (b *Builder) Scale(v float64, x *G.Node) *G.Node { return b.Mul(b.Const(x, v), x) }

// Shift returns v + x.
func (b *Builder) Shift(v float64, x *G.Node) *G.Node { return b.Add(b.Const(x, v), x) }

// Reshape returns the elements of x, row-major, in another shape.
func (b *Builder) Reshape(x *G.Node, shape ...int) *G.Node {
	return b.do(func() (*G.Node, error) {
		if size(shape) != size(x.Shape()) {
			return nil, fmt.Errorf("graph: reshape of %v to %v", x.Shape(), shape)
		}
		return cut(x, 0, shape)
	})
}

// Cut returns the elements from at on, counted row-major, as a tensor of the given shape: one of several results that an
// operation has packed end to end.
func (b *Builder) Cut(x *G.Node, at int, shape ...int) *G.Node {
	return b.do(func() (*G.Node, error) {
		if at < 0 || at+size(shape) > size(x.Shape()) {
			return nil, fmt.Errorf("graph: cut of %v from element %d of shape %v", shape, at, x.Shape())
		}
		return cut(x, at, shape)
	})
}

// Rows returns the rows from (inclusive) to to (exclusive) of a matrix, or the elements of a vector.
func (b *Builder) Rows(x *G.Node, from, to int) *G.Node {
	return b.do(func() (*G.Node, error) {
		shape := x.Shape().Clone()
		if len(shape) == 0 || from < 0 || to > shape[0] || from >= to {
			return nil, fmt.Errorf("graph: rows %d to %d of shape %v", from, to, shape)
		}
		shape[0] = to - from
		return stride{0, from, to, 1}.take(x, shape)
	})
}

// Columns returns the columns from (inclusive) to to (exclusive) of a matrix.
func (b *Builder) Columns(x *G.Node, from, to int) *G.Node {
	return b.do(func() (*G.Node, error) {
		shape := x.Shape().Clone()
		if len(shape) != 2 || from < 0 || to > shape[1] || from >= to {
			return nil, fmt.Errorf("graph: columns %d to %d of shape %v", from, to, shape)
		}
		shape[1] = to - from
		return stride{1, from, to, 1}.take(x, shape)
	})
}

// RepeatRows returns the n×k matrix each row of which is the k-vector v.
func (b *Builder) RepeatRows(v *G.Node, n int) *G.Node {
	if b.err != nil {
		return nil
	}
	return b.spread(v, tensor.Shape{n, v.Shape()[0]}, 0)
}

// Spread repeats x along a new axis, so that the result has the given shape: x has that shape without the axis.
func (b *Builder) Spread(x *G.Node, axis int, shape ...int) *G.Node {
	if b.err != nil {
		return nil
	}
	if axis < 0 || axis >= len(shape) || size(x.Shape())*shape[axis] != size(shape) {
		b.Fail(fmt.Errorf("graph: spread of %v along axis %d to %v", x.Shape(), axis, shape))
		return nil
	}
	return b.spread(x, shape, axis)
}

// SumAlong returns the sum over one axis, which vanishes: the transpose of Spread.
func (b *Builder) SumAlong(x *G.Node, axis int) *G.Node {
	if b.err != nil {
		return nil
	}
	if axis < 0 || axis >= len(x.Shape()) {
		b.Fail(fmt.Errorf("graph: sum along axis %d of %v", axis, x.Shape()))
		return nil
	}
	return b.sumAlong(x, axis)
}

// Stack returns matrices of equal width one below the other.
func (b *Builder) Stack(parts ...*G.Node) *G.Node {
	return b.do(func() (*G.Node, error) { return G.Concat(0, parts...) })
}

// sumAlong sums over one axis, which vanishes.
func (b *Builder) sumAlong(x *G.Node, axis int) *G.Node {
	if b.err != nil {
		return nil
	}
	whole := x.Shape().Clone()
	part := append(whole[:axis:axis].Clone(), whole[axis+1:]...)
	return b.Apply(Def{
		Name:  fmt.Sprintf("sum along %d", axis),
		Shape: part,
		lower: sums{axis},
		F32:   Kernel[float32]{Forward: func(dst []float32, in [][]float32) { sumAxis(dst, in[0], whole, axis) }},
		F64:   Kernel[float64]{Forward: func(dst []float64, in [][]float64) { sumAxis(dst, in[0], whole, axis) }},
		Diff: func(_ []*G.Node, _, cot *G.Node) ([]*G.Node, error) {
			b := new(Builder)
			return []*G.Node{b.spread(cot, whole, axis)}, b.Err()
		},
	}, x)
}

// spread repeats x along a new axis so that the result has the given shape: the transpose of sumAlong.
func (b *Builder) spread(x *G.Node, whole tensor.Shape, axis int) *G.Node {
	return b.Apply(Def{
		Name:  fmt.Sprintf("spread %d", axis),
		Shape: whole,
		lower: spreads{axis},
		F32:   Kernel[float32]{Forward: func(dst []float32, in [][]float32) { spreadAxis(dst, in[0], whole, axis) }},
		F64:   Kernel[float64]{Forward: func(dst []float64, in [][]float64) { spreadAxis(dst, in[0], whole, axis) }},
		Diff: func(_ []*G.Node, _, cot *G.Node) ([]*G.Node, error) {
			b := new(Builder)
			return []*G.Node{b.sumAlong(cot, axis)}, b.Err()
		},
	}, x)
}

func sumAxis[F params.Float](dst, src []F, whole tensor.Shape, axis int) {
	outer, n, inner := size(whole[:axis]), whole[axis], size(whole[axis+1:])
	clear(dst)
	for o := range outer {
		d := dst[o*inner : (o+1)*inner]
		for k := range n {
			for i, v := range src[(o*n+k)*inner : (o*n+k+1)*inner] {
				d[i] += v
			}
		}
	}
}

func spreadAxis[F params.Float](dst, src []F, whole tensor.Shape, axis int) {
	outer, n, inner := size(whole[:axis]), whole[axis], size(whole[axis+1:])
	for o := range outer {
		for k := range n {
			copy(dst[(o*n+k)*inner:(o*n+k+1)*inner], src[o*inner:(o+1)*inner])
		}
	}
}
