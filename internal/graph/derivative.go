package graph

import (
	"fmt"
	"math"
	"strings"

	G "gorgonia.org/gorgonia"
)

// A symbolicDerivative gives the cotangents of an operation's inputs as expressions.
type symbolicDerivative func(in []*G.Node, out, cot *G.Node) ([]*G.Node, error)

// ownDerivative returns our derivative of a stock operation whose own one is wrong or can't be differentiated again,
// and nil for all others. The tests of this package found them, by comparing first and second derivatives of every
// operation with central differences:
//
//   - invSqrt and log2: wrong at first order;
//   - softmax, log softmax: second order panics;
//   - outer product, slice: second order wrong;
//   - col2im, the derivative of a convolution: has inherited another operation's derivative, which crashes;
//   - reshape: second order of a reshaped scalar fails at run time, and with it that of Sum and Mean.
func ownDerivative(op G.Op) symbolicDerivative {
	switch name := stockName(op); {
	case name == "elemUnaryOp" && unaryName(op) == "invSqrt":
		return invSqrtDerivative
	case name == "elemUnaryOp" && unaryName(op) == "log2":
		return log2Derivative
	case name == "softmaxOp":
		return softmaxDerivative(op)
	case name == "linAlgBinOp" && op.String() == "a ⊗ b":
		return outerDerivative
	case name == "sliceOp":
		return sliceDerivative(op)
	case name == "reshapeOp":
		return reshapeDerivative
	case name == "col2imOp":
		return noDerivative(op)
	}
	return nil
}

// stockName returns the name of Gorgonia's type of operation, or "" for one of ours.
func stockName(op G.Op) string {
	name, stock := strings.CutPrefix(strings.TrimPrefix(fmt.Sprintf("%T", op), "*"), "gorgonia.")
	if !stock {
		return ""
	}
	return name
}

// unaryName returns the function of an elementwise operation, as in "tanh".
func unaryName(op G.Op) string { return op.String() }

// noDerivative makes asking an error.
func noDerivative(op G.Op) symbolicDerivative {
	return func([]*G.Node, *G.Node, *G.Node) ([]*G.Node, error) {
		return nil, fmt.Errorf("operation %v has no derivative", op)
	}
}

// y = 1/√x: dx = −½ y³ dy
func invSqrtDerivative(_ []*G.Node, y, dy *G.Node) ([]*G.Node, error) {
	b := new(Builder)
	return []*G.Node{b.Mul(b.Scale(-0.5, b.Mul(y, b.Square(y))), dy)}, b.Err()
}

// y = log₂x: dx = dy/(x ln 2)
func log2Derivative(in []*G.Node, _, dy *G.Node) ([]*G.Node, error) {
	b := new(Builder)
	return []*G.Node{b.Div(dy, b.Scale(math.Ln2, in[0]))}, b.Err()
}

// softmax y: dx = y∘(dy − Σ y∘dy); log softmax y: dx = dy − e^y Σ dy; the sums run along the axis and are spread over it.
func softmaxDerivative(op G.Op) symbolicDerivative {
	var axis int
	var log bool
	if _, err := fmt.Sscanf(op.String(), "Softmax{%d, %t}()", &axis, &log); err != nil {
		panic(fmt.Sprintf("graph: a softmax that calls itself %q", op))
	}
	return func(in []*G.Node, y, dy *G.Node) ([]*G.Node, error) {
		along := axis
		if along < 0 {
			along = len(y.Shape()) - 1
		}
		b := new(Builder)
		spread := func(x *G.Node) *G.Node { return b.spread(b.sumAlong(x, along), y.Shape(), along) }
		if log {
			return []*G.Node{b.Sub(dy, b.Mul(b.Exp(y), spread(dy)))}, b.Err()
		}
		return []*G.Node{b.Mul(y, b.Sub(dy, spread(b.Mul(y, dy))))}, b.Err()
	}
}

// Y = a bᵀ: da = dY b, db = dYᵀ a
func outerDerivative(in []*G.Node, _, dy *G.Node) ([]*G.Node, error) {
	b := new(Builder)
	return []*G.Node{b.MatMul(dy, in[1]), b.MatMul(b.Transpose(dy), in[0])}, b.Err()
}

func reshapeDerivative(in []*G.Node, _, cot *G.Node) ([]*G.Node, error) {
	c, err := cut(cot, 0, in[0].Shape())
	return []*G.Node{c}, err
}

func sliceDerivative(op G.Op) symbolicDerivative {
	s, whole := sliceStride(op)
	return func(in []*G.Node, _, cot *G.Node) ([]*G.Node, error) {
		if whole {
			return []*G.Node{cot}, nil
		}
		p, err := s.paste(cot, in[0].Shape())
		return []*G.Node{p}, err
	}
}

// sliceStride reads the bounds of a stock slice off its name, T[:, :, 0:4:1...], the only place that tells its axis.
func sliceStride(op G.Op) (s stride, whole bool) {
	text := strings.TrimSuffix(strings.TrimPrefix(op.String(), "T["), "...]")
	parts := strings.Split(text, ", ")
	s.axis = len(parts) - 1
	if parts[s.axis] == ":" {
		return s, true
	}
	if _, err := fmt.Sscanf(parts[s.axis], "%d:%d:%d", &s.from, &s.to, &s.step); err != nil {
		panic(fmt.Sprintf("graph: a slice that calls itself %q", op))
	}
	s.step = max(s.step, 1) // a single index has step 0
	return s, false
}
