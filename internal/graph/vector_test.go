package graph

import (
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// What rules need of limits and of fixed numbers, lowered and not, in closed form.
func TestLimitsAndVectors(t *testing.T) {
	x := []float32{-2, 0, 0.5, 3}
	write := func(dt tensor.Dtype) (in, out []*G.Node, err error) {
		b, g := new(Builder), G.NewGraph()
		n := G.NewVector(g, dt, G.WithShape(len(x)), G.WithName("x"))
		v := b.Vector(n, 1, 2, -3, 4)
		return []*G.Node{n}, []*G.Node{b.Relu(n), b.AtLeast(n, 0.25), b.Min(n, v), b.Mul(n, v)}, b.Err()
	}
	isReference(t, write, func(_ int, dst []float32) { copy(dst, x) })
	got := runTwice(t, write, Compile[float64], func(_ int, dst []float32) { copy(dst, x) })
	require.Equal(t, [][]float64{{0, 0, 0.5, 3}, {0.25, 0.25, 0.5, 3}, {-2, 0, -3, 3}, {-2, 0, -1.5, 12}}, got)
}

// A constant vector has no derivative; that of a limit is of one side or the other.
func TestDerivativeOfLimits(t *testing.T) {
	write := func(dt tensor.Dtype) (in, out []*G.Node, err error) {
		b, g := new(Builder), G.NewGraph()
		n := G.NewVector(g, dt, G.WithShape(4), G.WithName("x"))
		y := b.Sum(b.Mul(b.Vector(n, 1, 2, 3, 4), b.Min(b.AtLeast(n, 0.25), b.Vector(n, 9, 9, 9, 1))))
		if b.Err() != nil {
			return nil, nil, b.Err()
		}
		d, err := Grad(y, n)
		return []*G.Node{n}, d, err
	}
	got := runTwice(t, write, Compile[float64], func(_ int, dst []float32) { copy(dst, []float32{-2, 0.5, 7, 3}) })
	require.Equal(t, [][]float64{{0, 2, 3, 0}}, got)
}
