package nets

import (
	"errors"
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/params"
)

// Function is a layer without weights that is written with Gorgonia: y = s(x), anything that internal/graph can
// differentiate.
type Function struct {
	Name string // what String returns

	// Write writes s for one example, as in Expression.
	Write func(x *G.Node) (*G.Node, error)
}

// String implements Layer.
func (f Function) String() string { return f.Name }

func newFunction[F params.Float](f Function, in Shape) (stage[F], error) {
	if f.Write == nil {
		return nil, errors.New("no Write")
	}
	first, err := newStagePrograms[F](in, f.Write)
	if err != nil {
		return nil, err
	}
	return newDerivedStage(f, in, first), nil
}

// A derivedStage is a map without weights, given by an expression.
type derivedStage[F params.Float] struct {
	in, result Shape
	programs   *pool[*stagePrograms[F]]
	second     *pool[*secondPrograms[F]]

	differentiateTwice func() error // makes the first of second, once
}

func newDerivedStage[F params.Float](f Function, in Shape, first *stagePrograms[F]) *derivedStage[F] {
	d := &derivedStage[F]{in: in, result: first.out}
	d.programs = &pool[*stagePrograms[F]]{free: []*stagePrograms[F]{first}, build: func() *stagePrograms[F] {
		return must(newStagePrograms[F](in, f.Write))
	}}
	d.second = &pool[*secondPrograms[F]]{build: func() *secondPrograms[F] { return must(newSecondPrograms[F](in, f.Write)) }}
	d.differentiateTwice = sync.OnceValue(func() error {
		p, err := newSecondPrograms[F](in, f.Write)
		if err != nil {
			return fmt.Errorf("%v: no second derivative: %w", f, err)
		}
		d.second.put(p)
		return nil
	})
	return d
}

// A stageGraph is an expression y of x and its vector-Jacobian product dx with dy.
type stageGraph struct{ x, y, dy, dx *G.Node }

func newStageGraph[F params.Float](in Shape, write func(x *G.Node) (*G.Node, error)) (s stageGraph, out Shape, err error) {
	g := G.NewGraph()
	s.x = input[F](g, "x", in.dims())
	s.y, err = write(s.x)
	if out, err = resultShape[F](g, s.y, err); err != nil {
		return s, out, err
	}
	s.dy = input[F](g, "dy", s.y.Shape())
	d, err := graph.VJP([]*G.Node{s.y}, []*G.Node{s.dy}, []*G.Node{s.x})
	if err != nil {
		return s, out, err
	}
	s.dx = d[0]
	return s, out, nil
}

type stagePrograms[F params.Float] struct {
	forward *graph.Program[F] // y from x
	back    *graph.Program[F] // dx from x and dy
	out     Shape
}

func newStagePrograms[F params.Float](in Shape, write func(x *G.Node) (*G.Node, error)) (*stagePrograms[F], error) {
	p := new(stagePrograms[F])
	return p, building(func() error {
		s, out, err := newStageGraph[F](in, write)
		if err != nil {
			return err
		}
		p.out = out
		if p.forward, err = graph.Compile[F]([]*G.Node{s.x}, []*G.Node{s.y}); err != nil {
			return err
		}
		if p.back, err = graph.Compile[F]([]*G.Node{s.x, s.dy}, []*G.Node{s.dx}); err != nil {
			return err
		}
		return errors.Join(p.forward.Run(), p.back.Run())
	})
}

// secondPrograms are R of a derivedStage. Both are vector-Jacobian products of dx = Jᵀ·dy with rx: by dy it is J·rx, for dx is
// linear in dy, and by x the derivative of dx as x moves in the direction rx, for that derivative is symmetric.
type secondPrograms[F params.Float] struct {
	forward *graph.Program[F] // ry from x, rx and any dy
	back    *graph.Program[F] // what x's moving adds to rdx, from x, rx and dy
}

func newSecondPrograms[F params.Float](in Shape, write func(x *G.Node) (*G.Node, error)) (*secondPrograms[F], error) {
	p := new(secondPrograms[F])
	return p, building(func() error {
		s, _, err := newStageGraph[F](in, write)
		if err != nil {
			return err
		}
		rx := input[F](s.x.Graph(), "rx", s.x.Shape())
		r, err := graph.VJP([]*G.Node{s.dx}, []*G.Node{rx}, []*G.Node{s.dy, s.x})
		if err != nil {
			return err
		}
		inputs := []*G.Node{s.x, rx, s.dy}
		if p.forward, err = graph.Compile[F](inputs, r[:1]); err != nil {
			return err
		}
		if p.back, err = graph.Compile[F](inputs, r[1:]); err != nil {
			return err
		}
		return errors.Join(p.forward.Run(), p.back.Run())
	})
}

func (d *derivedStage[F]) out() Shape { return d.result }

func (d *derivedStage[F]) forward(y, x []F, n int) {
	p := d.programs.take()
	rows(p.forward, y, n, x)
	d.programs.put(p)
}

func (d *derivedStage[F]) back(dx, x, _, dy []F, n int) {
	p := d.programs.take()
	rows(p.back, dx, n, x, dy)
	d.programs.put(p)
}

func (d *derivedStage[F]) forwardR(ry, x, _, rx []F, n int) {
	p := d.second.take()
	rows(p.forward, ry, n, x, rx)
	d.second.put(p)
}

func (d *derivedStage[F]) backR(rdx, x, y, dy, rx, rdy []F, n int) {
	p := d.second.take()
	rows(p.back, rdx, n, x, rx, dy)
	d.second.put(p)
	first := d.programs.take()
	addRows(first.back, rdx, n, x, rdy)
	d.programs.put(first)
}
