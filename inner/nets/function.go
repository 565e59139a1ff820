package nets

import (
	"errors"

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
	d, err := newDerivedStage[F](in, f.Write)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// A derivedStage is a map without weights, given by an expression.
type derivedStage[F params.Float] struct {
	in, result Shape
	shelf      *shelf[*stagePrograms[F]]
}

type stagePrograms[F params.Float] struct {
	forward *graph.Program[F] // y from x
	back    *graph.Program[F] // dx from x and dy
	out     Shape
}

func newDerivedStage[F params.Float](in Shape, write func(x *G.Node) (*G.Node, error)) (*derivedStage[F], error) {
	first, err := newStagePrograms[F](in, write)
	if err != nil {
		return nil, err
	}
	return &derivedStage[F]{in: in, result: first.out, shelf: &shelf[*stagePrograms[F]]{
		free: []*stagePrograms[F]{first}, build: func() *stagePrograms[F] { return must(newStagePrograms[F](in, write)) },
	}}, nil
}

func newStagePrograms[F params.Float](in Shape, write func(x *G.Node) (*G.Node, error)) (*stagePrograms[F], error) {
	p := new(stagePrograms[F])
	return p, building(func() error {
		g := G.NewGraph()
		x := input[F](g, "x", in.dims())
		y, err := write(x)
		if p.out, err = resultShape[F](g, y, err); err != nil {
			return err
		}
		dy := input[F](g, "dy", y.Shape())
		d, err := graph.VJP([]*G.Node{y}, []*G.Node{dy}, []*G.Node{x})
		if err != nil {
			return err
		}
		if p.forward, err = graph.Compile[F]([]*G.Node{x}, []*G.Node{y}); err != nil {
			return err
		}
		if p.back, err = graph.Compile[F]([]*G.Node{x, dy}, d); err != nil {
			return err
		}
		return errors.Join(p.forward.Run(), p.back.Run())
	})
}

func (d *derivedStage[F]) out() Shape { return d.result }

func (d *derivedStage[F]) forward(y, x []F, n int) {
	p, in, out := d.shelf.take(), d.in.Size(), d.result.Size()
	for row := range n {
		copy(p.forward.In(0), x[row*in:(row+1)*in])
		run(p.forward)
		copy(y[row*out:(row+1)*out], p.forward.Out(0))
	}
	d.shelf.put(p)
}

func (d *derivedStage[F]) back(dx, x, _, dy []F, n int) {
	p, in, out := d.shelf.take(), d.in.Size(), d.result.Size()
	for row := range n {
		copy(p.back.In(0), x[row*in:(row+1)*in])
		copy(p.back.In(1), dy[row*out:(row+1)*out])
		run(p.back)
		copy(dx[row*in:(row+1)*in], p.back.Out(0))
	}
	d.shelf.put(p)
}
