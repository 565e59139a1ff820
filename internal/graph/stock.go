package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// numeric is a function of whole matrices without gaps.
type numeric struct {
	name string
	f    func(dst []float32, in [][]float32)
}

func (w numeric) bind(o *op) func() error {
	if w.f == nil {
		return func() error { return fmt.Errorf("graph: %s has no kernel for %v", w.name, tensor.Float32) }
	}
	in := make([][]float32, len(o.in))
	for i, v := range o.in {
		in[i] = v.slice()
	}
	dst := o.dst.slice()
	return func() error { w.f(dst, in); return nil }
}

// slice returns the numbers of a view without gaps.
func (v view) slice() []float32 { return v.of.mem[v.at : v.at+v.size() : v.at+v.size()] }

// kernel translates an operation that a Def computes.
func (l *lowering) kernel(n *G.Node, def *Def, in []*G.Node) pending {
	o := &op{work: numeric{def.Name, def.F32.Forward}, dst: all(newMatrix(n))}
	for _, c := range in {
		o.in = append(o.in, l.gapless(l.view(c)))
	}
	return l.add(o)
}

// A stock is an operation that runs as Gorgonia has it.
type stock struct {
	node   *G.Node
	args   []operand
	result *box // of a result that is no float32
}

// An operand is the numbers of a view in the shape of a node, or a box.
type operand struct {
	view view
	node *G.Node
	box  *box
}

// stock leaves an operation as it is.
func (l *lowering) stock(n *G.Node, in []*G.Node) pending {
	s := &stock{node: n}
	o := &op{work: s, dst: all(newMatrix(n))}
	for _, c := range in {
		if b, ok := l.nodes[c].(*box); ok {
			s.args = append(s.args, operand{box: b})
			if b.writer != nil {
				o.after = append(o.after, b.writer)
			}
			continue
		}
		v := l.gapless(l.view(c))
		o.in = append(o.in, v)
		s.args = append(s.args, operand{view: v, node: c})
	}
	v := l.add(o)
	if n.Dtype() != tensor.Float32 {
		s.result = &box{writer: o}
		return s.result
	}
	return v
}

func (s *stock) bind(o *op) func() error {
	args := make([]G.Value, len(s.args))
	for i, a := range s.args {
		if a.box == nil {
			args[i] = valueOver(a.view.slice(), a.node.Shape())
		}
	}
	mem, dst := o.dst.slice(), valueOver(o.dst.slice(), s.node.Shape())
	do := into(s.node.Op())
	if do == nil || s.result != nil {
		do = func(_ G.Value, args ...G.Value) (G.Value, error) { return s.node.Op().Do(args...) }
	}
	return func() error {
		for i, a := range s.args {
			if a.box != nil {
				args[i] = a.box.value
			}
		}
		v, err := do(dst, args...)
		switch {
		case err != nil:
			return fmt.Errorf("graph: %v: %w", s.node, err)
		case s.result != nil:
			s.result.value = v
		case v != dst:
			copy(mem, Floats[float32](v))
		}
		return nil
	}
}
