package predictive

import (
	"errors"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/params"
)

// GraphOf is a scalar loss whose gradient is found by predictive coding. It is for one goroutine at a time.
type GraphOf[F params.Float] struct {
	config   Config
	inputs   []*G.Node // the weights, then the inputs of New
	weights  int       // how many of them are weights
	vertices []vertex  // from the loss down
	depth    int

	prog   *graph.Reference[F]
	value  func() error // the forward pass as far as the loss needs it
	freeze func() error // the forward pass and the Jacobians: all that does not depend on errors
	steps  []step
	credit func() error // the gradient from the errors
}

// Graph is GraphOf in use.
type Graph = GraphOf[float32]

// A vertex of the graph, with the nodes that stand for its error before and after a step.
type vertex struct {
	op            *G.Node
	err, relaxed  *G.Node
	distance      int // vertices on the longest path to the loss, this one included and the loss not
	input, output int // of the program: its error, its relaxed error
}

// A step of inference: a part of the program, and the vertices whose errors it moves.
type step struct {
	run   func() error
	moves []vertex
}

// New prepares predictive coding on the graph of loss, a scalar of element type F. inputs and weights are the leaves
// that are fed on each call; a leaf that has a value of its own may be left out. A weight that the loss does not depend
// on has a zero gradient.
//
// New adds nodes to the graph of loss, which is not to be built on by others meanwhile, and not to be given to a machine
// of Gorgonia's afterwards.
//
// A loss that is not a scalar of type F, an input or weight that is not a leaf or is listed twice, a leaf that is
// neither fed nor has a value, a Config out of range, a Vertex that picks no operation on the way from the weights to
// the loss, and an operation there without a derivative are errors.
func New[F params.Float](loss *G.Node, inputs, weights []*G.Node, config Config) (*GraphOf[F], error) {
	config, err := config.resolve()
	if err != nil {
		return nil, fmt.Errorf("predictive: %w", err)
	}
	if err := checkNodes[F](loss, inputs, weights); err != nil {
		return nil, fmt.Errorf("predictive: %w", err)
	}
	g := &GraphOf[F]{config: config, inputs: slices.Concat(weights, inputs), weights: len(weights)}
	err = graph.Exclusive(func() (err error) {
		defer func() { // some of Gorgonia's operations panic when asked for a derivative that they do not have
			if v := recover(); v != nil {
				err = fmt.Errorf("panic in Gorgonia: %v", v)
			}
		}()
		return g.build(loss)
	})
	if err != nil {
		return nil, fmt.Errorf("predictive: %w", err)
	}
	return g, nil
}

func checkNodes[F params.Float](loss *G.Node, inputs, weights []*G.Node) error {
	switch {
	case loss == nil:
		return errors.New("no loss")
	case !loss.Shape().IsScalar():
		return fmt.Errorf("the loss has shape %v; want a scalar", loss.Shape())
	case loss.Dtype() != graph.Dtype[F]():
		return fmt.Errorf("the loss is of %v; want %v", loss.Dtype(), graph.Dtype[F]())
	case len(weights) == 0:
		return errors.New("there are no weights")
	}
	seen := make(map[*G.Node]bool)
	for i, n := range slices.Concat(weights, inputs) {
		what := fmt.Sprintf("weight %d", i)
		if i >= len(weights) {
			what = fmt.Sprintf("input %d", i-len(weights))
		}
		switch {
		case n == nil:
			return fmt.Errorf("%s is nil", what)
		case n.Op() != nil:
			return fmt.Errorf("%s is the result of an operation, %v; want a leaf", what, n)
		case n.Graph() != loss.Graph():
			return fmt.Errorf("%s, %q, is of another graph than the loss", what, n.Name())
		case seen[n]:
			return fmt.Errorf("%s, %q, is listed twice", what, n.Name())
		}
		seen[n] = true
	}
	return nil
}

func (g *GraphOf[F]) build(loss *G.Node) error {
	grads, err := g.derive(loss)
	if err != nil {
		return err
	}
	if g.config.Vertex != nil && len(g.vertices) == 0 && loss.Op() != nil {
		return errors.New("nothing that Vertex picks lies on the way from the weights to the loss")
	}
	inputs, outputs := slices.Clone(g.inputs), []*G.Node{loss}
	for i := range g.vertices {
		v := &g.vertices[i]
		v.input, v.output = len(inputs), len(outputs)
		inputs, outputs = append(inputs, v.err), append(outputs, v.relaxed)
	}
	outputs = append(outputs, grads...)
	if g.prog, err = graph.NewReference[F](inputs, outputs); err != nil {
		return err
	}
	all := make([]int, len(outputs))
	for i := range all {
		all[i] = i
	}
	g.value = g.prog.Part(0, len(g.inputs), 0)
	g.freeze = g.prog.Part(0, len(g.inputs), all...)
	g.credit = g.prog.Part(len(g.inputs), len(inputs), all[len(all)-len(grads):]...)
	g.schedule()
	return nil
}

// schedule plans the steps.
func (g *GraphOf[F]) schedule() {
	if g.config.Rule == ZIL {
		at := make([][]vertex, g.depth) // by distance
		for _, v := range g.vertices {
			at[v.distance-1] = append(at[v.distance-1], v)
		}
		for _, moves := range at {
			g.steps = append(g.steps, g.step(moves))
		}
		return
	}
	n := g.config.Steps
	if n == 0 {
		n = stepsFor(g.depth, g.config.Gamma, g.config.Sequential)
	}
	g.steps = slices.Repeat([]step{g.step(g.vertices)}, n)
}

func (g *GraphOf[F]) step(moves []vertex) step {
	var outs []int
	for _, v := range moves {
		outs = append(outs, v.output)
	}
	return step{g.prog.Part(len(g.inputs), len(g.inputs)+len(g.vertices), outs...), moves}
}

// Steps returns the number T of steps of inference.
func (g *GraphOf[F]) Steps() int { return len(g.steps) }

// Depth returns the number of vertices on the longest path from a weight to the loss, the loss not counted.
func (g *GraphOf[F]) Depth() int { return g.depth }

// Vertices returns the operations that have an error of their own, consumers before what they consume.
func (g *GraphOf[F]) Vertices() []*G.Node {
	ops := make([]*G.Node, len(g.vertices))
	for i, v := range g.vertices {
		ops[i] = v.op
	}
	return ops
}

// Error returns the error of the i-th of Vertices after the last ParamGrad, row-major: the negative gradient of the loss
// with respect to its value, as far as inference has come. It is valid until the next one.
func (g *GraphOf[F]) Error(i int) []F { return g.prog.In(g.vertices[i].input) }

// Loss returns the loss. inputs and weights are in the order of New, each row-major.
func (g *GraphOf[F]) Loss(inputs, weights [][]F) (float64, error) {
	g.load(inputs, weights)
	if err := g.value(); err != nil {
		return 0, fmt.Errorf("predictive: %w", err)
	}
	return float64(g.prog.Out(0)[0]), nil
}

// ParamGrad runs the forward pass and the steps of inference, overwrites grads with what they make of the gradient with
// respect to each of the weights, and returns the loss. inputs and weights are in the order of New, each row-major, and
// grads are like weights. Values that are not finite are results, not errors.
func (g *GraphOf[F]) ParamGrad(grads, inputs, weights [][]F) (loss float64, err error) {
	g.checkLens("gradient", grads, g.inputs[:g.weights])
	g.load(inputs, weights)
	if err := g.infer(); err != nil {
		return 0, fmt.Errorf("predictive: %w", err)
	}
	for i, grad := range grads {
		for k, x := range g.prog.Out(1 + len(g.vertices) + i) {
			grad[k] = -x
		}
	}
	return float64(g.prog.Out(0)[0]), nil
}

// infer relaxes the errors, from zero, and takes the gradient from them.
func (g *GraphOf[F]) infer() error {
	if err := g.freeze(); err != nil {
		return err
	}
	for _, v := range g.vertices {
		clear(g.prog.In(v.input))
	}
	for t, s := range g.steps {
		if err := s.run(); err != nil {
			return err
		}
		for _, v := range s.moves {
			copy(g.prog.In(v.input), g.prog.Out(v.output))
		}
		if g.config.Observe != nil {
			g.config.Observe(t+1, g.energy())
		}
	}
	return g.credit()
}

func (g *GraphOf[F]) energy() float64 {
	sum := 0.0
	for _, v := range g.vertices {
		for _, e := range g.prog.In(v.input) {
			sum += float64(e) * float64(e)
		}
	}
	return sum / 2
}

func (g *GraphOf[F]) load(inputs, weights [][]F) {
	g.checkLens("weight", weights, g.inputs[:g.weights])
	g.checkLens("input", inputs, g.inputs[g.weights:])
	for i, w := range weights {
		copy(g.prog.In(i), w)
	}
	for i, x := range inputs {
		copy(g.prog.In(g.weights+i), x)
	}
}

// checkLens panics unless there is a slice of the right length for each of the nodes.
func (g *GraphOf[F]) checkLens(what string, vectors [][]F, nodes []*G.Node) {
	if len(vectors) != len(nodes) {
		panic(fmt.Sprintf("predictive: %d %ss, want %d", len(vectors), what, len(nodes)))
	}
	for i, v := range vectors {
		if n := nodes[i].Shape().TotalSize(); len(v) != n {
			panic(fmt.Sprintf("predictive: %s %d of length %d, want %d", what, i, len(v), n))
		}
	}
}
