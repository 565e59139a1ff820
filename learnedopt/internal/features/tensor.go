package features

import (
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// A Tensor is one tensor in a step that is being written: what the step sees of it, and the next state as far as it is
// written.
type Tensor struct {
	*graph.Builder
	rule.TensorInputs
	Next map[string]*G.Node

	rowsFirst bool // the factored moments' rows are of axis 0 and not of the second-largest
}

// NewTensor begins the step of one tensor.
func NewTensor(b *graph.Builder, in rule.TensorInputs) *Tensor {
	return &Tensor{Builder: b, TensorInputs: in, Next: make(map[string]*G.Node)}
}

// Len returns how many numbers the tensor has.
func (t *Tensor) Len() int { return t.Spec.Len() }

// Keep makes x the next value of a state.
func (t *Tensor) Keep(name string, x *G.Node) {
	if t.Err() == nil {
		t.Next[name] = t.like(x, t.State[name])
	}
}

// like gives x the shape of y, of as many numbers.
func (t *Tensor) like(x, y *G.Node) *G.Node {
	if t.Err() != nil || x.Shape().Eq(y.Shape()) && len(x.Shape()) == len(y.Shape()) {
		return x
	}
	return t.Reshape(x, y.Shape()...)
}

// Average takes the state of that name to βs + (1−β)x, keeps it, and returns it in the shape of x.
func (t *Tensor) Average(name string, beta, x *G.Node) *G.Node {
	if t.Err() != nil {
		return nil
	}
	s := t.like(t.State[name], x)
	next := t.Add(t.Mul(beta, s), t.Mul(t.oneMinus(beta), x))
	t.Keep(name, next)
	return next
}

func (t *Tensor) oneMinus(x *G.Node) *G.Node { return t.Shift(1, t.Neg(x)) }

// InverseRoot returns 1/√(x + eps).
func (t *Tensor) InverseRoot(x *G.Node, eps float64) *G.Node {
	if t.Err() != nil {
		return nil
	}
	return t.Div(t.Const(x, 1), t.Sqrt(t.Shift(eps, x)))
}

// Rows stacks values of the tensor's shape as rows.
func (t *Tensor) Rows(values ...*G.Node) *G.Node {
	rows := make([]*G.Node, len(values))
	for i, v := range values {
		rows[i] = t.Reshape(v, 1, t.Len())
	}
	return t.Stack(rows...)
}

// Row returns row i as a value of the tensor's shape.
func (t *Tensor) Row(rows *G.Node, i int) *G.Node {
	if t.Err() != nil {
		return nil
	}
	return t.Cut(rows, i*t.Len(), t.shape()...)
}

// shape is that of the tensor's nodes: a single number is a scalar.
func (t *Tensor) shape() []int {
	if len(t.Spec.Shape) == 1 && t.Spec.Shape[0] == 1 {
		return nil
	}
	return t.Spec.Shape
}

// Mean returns the mean of all numbers.
func (t *Tensor) Mean(x *G.Node) *G.Node { return t.Scale(1/float64(t.Len()), t.Sum(x)) }

// Element returns number i of a vector, which may be the scalar that a vector of one number is.
func Element(b *graph.Builder, x *G.Node, i int) *G.Node {
	if b.Err() != nil || x.Shape().IsScalar() && len(x.Shape()) == 0 {
		return x
	}
	return b.Cut(x, i)
}
