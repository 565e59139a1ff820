package nets

import (
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/params"
)

// A layer's map is written once, for one example, and internal/graph derives the backward pass. Programs of one example serve
// batches of every size. They hold activations, so a net keeps a pool of them: however many goroutines use it, each works
// with programs of its own.

// must is for what has gone well before.
func must[T any](t T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("nets: an expression that gave no error before: %v", err))
	}
	return t
}

// building calls f where graphs are built. Some of Gorgonia's functions panic at what they don't like; that becomes an
// error.
func building(f func() error) error {
	return graph.Exclusive(func() (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("panic in the expression: %v", v)
			}
		}()
		return f()
	})
}

// input makes an input node; one number is a scalar to Gorgonia.
func input[F params.Float](g *G.ExprGraph, name string, shape []int) *G.Node {
	if len(shape) == 0 || len(shape) == 1 && shape[0] == 1 {
		return G.NewScalar(g, graph.Dtype[F](), G.WithName(name))
	}
	return G.NewTensor(g, graph.Dtype[F](), len(shape), G.WithShape(shape...), G.WithName(name))
}

// dims returns the dimensions of an expression's tensor: one for a vector.
func (s Shape) dims() []int {
	if s.Rows*s.Cols == 1 {
		return []int{s.Channels}
	}
	return []int{s.Channels, s.Rows, s.Cols}
}

// resultShape reads dims backwards, from what an expression gave.
func resultShape[F params.Float](g *G.ExprGraph, u *G.Node, err error) (Shape, error) {
	switch {
	case err != nil:
		return Shape{}, err
	case u == nil:
		return Shape{}, errors.New("the expression gave no node")
	case u.Graph() != g:
		return Shape{}, errors.New("the result is not made of what the expression was given")
	case u.Dtype() != graph.Dtype[F]():
		return Shape{}, fmt.Errorf("the result is of %v; want %v", u.Dtype(), graph.Dtype[F]())
	}
	switch s := u.Shape(); len(s) {
	case 0:
		return Vector(1), nil
	case 1:
		return Vector(s[0]), nil
	case 3:
		return Shape{s[0], s[1], s[2]}, nil
	default:
		return Shape{}, fmt.Errorf("the result has shape %v; want one dimension, or three: channels, rows, columns", s)
	}
}

// rows runs a program for each of n rows of its inputs and overwrites those of results. Inputs that are not given keep what
// they have.
func rows[F params.Float](p *graph.Program[F], results []F, n int, inputs ...[]F) {
	size := len(results) / n
	for row := range n {
		runRow(p, row, n, inputs)
		copy(results[row*size:(row+1)*size], p.Out(0))
	}
}

// addRows is rows, but adds to the results.
func addRows[F params.Float](p *graph.Program[F], results []F, n int, inputs ...[]F) {
	size := len(results) / n
	for row := range n {
		runRow(p, row, n, inputs)
		to := results[row*size : (row+1)*size]
		add(to, to, p.Out(0))
	}
}

func runRow[F params.Float](p *graph.Program[F], row, n int, inputs [][]F) {
	for i, in := range inputs {
		size := len(in) / n
		copy(p.In(i), in[row*size:(row+1)*size])
	}
	run(p)
}

func run[F params.Float](p *graph.Program[F]) {
	if err := p.Run(); err != nil {
		panic(fmt.Sprintf("nets: an expression that ran before: %v", err))
	}
}
