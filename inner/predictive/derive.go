package predictive

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
)

// derive finds the vertices, writes a step of each one's error as an expression of all the errors, and returns the
// expression of the negative gradient. Each vertex is a relay: behind it goes on its own error and not what it has heard.
func (g *GraphOf[F]) derive(loss *G.Node) (grads []*G.Node, err error) {
	far := make(distances)
	grads, err = g.relay(loss, func(op, heard *G.Node) (*G.Node, error) {
		v := vertex{op: op, err: errorOf(op), distance: 1 + far.of(heard)}
		far[v.err] = v.distance
		g.depth = max(g.depth, v.distance)
		var err error
		v.relaxed, err = g.config.relaxed(v.err, heard)
		g.vertices = append(g.vertices, v)
		return v.err, err
	})
	if err != nil || !g.config.Sequential {
		return grads, err
	}
	// The steps once more, each from its consumers' new errors. The gradient stays that of the old ones, from which it is
	// taken when the last step is over.
	i := 0
	_, err = g.relay(loss, func(_, heard *G.Node) (*G.Node, error) {
		v := &g.vertices[i]
		i++
		var err error
		v.relaxed, err = g.config.relaxed(v.err, heard)
		return v.relaxed, err
	})
	return grads, err
}

// relay differentiates the loss, whose error is −1, with respect to the weights, with f at each vertex.
func (g *GraphOf[F]) relay(loss *G.Node, f graph.Relay) ([]*G.Node, error) {
	b := new(graph.Builder)
	clamped := []*G.Node{b.Const(loss, -1)}
	return graph.RelayedVJP([]*G.Node{loss}, clamped, g.inputs[:g.weights], func(op, heard *G.Node) (*G.Node, error) {
		if op == loss || g.config.Vertex != nil && !g.config.Vertex(op) {
			return heard, nil
		}
		return f(op, heard)
	})
}

// errorOf makes the leaf that stands for an operation's error. Its name holds the operation's number, because Gorgonia
// takes leaves of one name and shape for one.
func errorOf(op *G.Node) *G.Node {
	name := G.WithName(fmt.Sprintf("error of %d", op.ID()))
	shape := op.Shape()
	if len(shape) == 0 {
		return G.NewScalar(op.Graph(), op.Dtype(), name)
	}
	return G.NewTensor(op.Graph(), op.Dtype(), len(shape), G.WithShape(shape.Clone()...), name)
}

// distances holds, of the nodes looked at so far, the largest distance of a vertex whose error they depend on.
type distances map[*G.Node]int

func (d distances) of(n *G.Node) int {
	if far, ok := d[n]; ok {
		return far
	}
	far := 0
	for _, in := range graph.Inputs(n) {
		far = max(far, d.of(in))
	}
	d[n] = far
	return far
}
