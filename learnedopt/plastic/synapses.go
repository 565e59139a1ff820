package plastic

import (
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/params"
)

// synapses lists those of one tensor, once for each example, in a row: examples, then presynaptic, then postsynaptic neurons.
// It is for rules that have to ask a network for each.
type synapses struct {
	*graph.Builder
	weights             params.Spec
	examples, pre, post int
}

// of lists the synapses of some weights, with what the postsynaptic neurons feel [examples, post].
func synapsesOf(b *graph.Builder, w params.Spec, felt *G.Node) synapses {
	s := synapses{Builder: b, weights: w, examples: felt.Shape()[0]}
	s.pre, s.post = neurons(w)
	return s
}

func (s synapses) count() int { return s.examples * s.pre * s.post }

// row makes a row of what has the shape [examples, pre, post] but for one axis.
func (s synapses) row(x *G.Node, axis int) *G.Node {
	return s.Reshape(s.Spread(x, axis, s.examples, s.pre, s.post), 1, s.count())
}

// before returns what belongs to presynaptic neurons [examples, pre], for each synapse.
func (s synapses) before(x *G.Node) *G.Node { return s.row(x, 2) }

// behind returns what belongs to postsynaptic neurons [examples, post], for each synapse.
func (s synapses) behind(x *G.Node) *G.Node { return s.row(x, 1) }

// own returns what belongs to the synapse, in the shape of the weights.
func (s synapses) own(x *G.Node) *G.Node { return s.row(s.Reshape(x, s.pre, s.post), 0) }

// all returns what all share, a scalar.
func (s synapses) all(x *G.Node) *G.Node { return s.Reshape(s.Spread(x, 0, s.count()), 1, s.count()) }

// sum adds a row up over the examples, and returns it as [pre, post].
func (s synapses) sum(row *G.Node) *G.Node {
	return s.Reshape(s.SumAlong(s.Reshape(row, s.examples, s.pre*s.post), 0), s.pre, s.post)
}
