package lstm

import (
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// stacked returns something of all tensors as one matrix of width columns, a row a coordinate.
func stacked(b *graph.Builder, tensors []rule.TensorInputs, width int, of func(rule.TensorInputs) *G.Node) *G.Node {
	rows := make([]*G.Node, len(tensors))
	for i, t := range tensors {
		rows[i] = b.Reshape(of(t), t.Spec.Len(), width)
	}
	if len(rows) == 1 {
		return rows[0]
	}
	return b.Stack(rows...)
}

// parts are the outputs of tensors that are computed as one.
type parts struct {
	inputs  []rule.TensorInputs
	outputs []rule.TensorOutputs
}

func newParts(inputs []rule.TensorInputs) parts {
	p := parts{inputs, make([]rule.TensorOutputs, len(inputs))}
	for i := range p.outputs {
		p.outputs[i].State = make(map[string]*G.Node)
	}
	return p
}

// keep makes rows the next value of a state.
func (p parts) keep(b *graph.Builder, name string, rows *G.Node) {
	p.each(b, rows, func(i int, part *G.Node) {
		p.outputs[i].State[name] = b.Reshape(part, p.inputs[i].State[name].Shape()...)
	})
}

// step makes rows, of one number each, the steps.
func (p parts) step(b *graph.Builder, rows *G.Node) {
	p.each(b, rows, func(i int, part *G.Node) { p.outputs[i].Step = b.Reshape(part, p.inputs[i].Grad.Shape()...) })
}

// each calls f with every tensor's share of the rows.
func (p parts) each(b *graph.Builder, rows *G.Node, f func(i int, part *G.Node)) {
	at := 0
	for i, t := range p.inputs {
		n := t.Spec.Len()
		f(i, b.Rows(rows, at, at+n))
		at += n
	}
}
