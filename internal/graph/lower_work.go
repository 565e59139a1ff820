package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/internal/kernel"
)

// A product is the sum of products of matrices and of what is to be added to each number of it.
type product struct {
	a, b []view
	bias *view
}

func newProduct(a, b view) *product { return &product{a: []view{a}, b: []view{b}} }

// accumulate translates a sum of which a term is a product, or pieces, that nobody else wants: nil where there is none.
func (l *lowering) accumulate(n *G.Node, in []*G.Node) pending {
	x, y := in[0], in[1]
	if x == y || l.uses[x] > 1 && l.uses[y] > 1 {
		return nil
	}
	if p, ok := l.nodes[x].(*pieces); ok && l.uses[x] == 1 {
		if q, ok := l.nodes[y].(*pieces); ok && l.uses[y] == 1 {
			if sum := p.plus(q); sum != nil {
				return sum
			}
		}
		return nil
	}
	p, q := l.open(x), l.open(y)
	switch {
	case p == nil && q == nil:
		return nil
	case p == nil:
		return l.biased(q, x, n)
	case q == nil:
		return l.biased(p, y, n)
	case p.rows() != q.rows() || p.cols() != q.cols() || p.bias != nil && q.bias != nil:
		return l.biased(p, y, n)
	}
	sum := &product{a: append(p.a[:len(p.a):len(p.a)], q.a...), b: append(p.b[:len(p.b):len(p.b)], q.b...), bias: p.bias}
	if sum.bias == nil {
		sum.bias = q.bias
	}
	return sum
}

// open returns the product that a node is, if nothing but the sum wants it.
func (l *lowering) open(n *G.Node) *product {
	if p, ok := l.nodes[n].(*product); ok && l.uses[n] == 1 {
		return p
	}
	return nil
}

// biased adds a node to a product, unless something has been or it has another shape.
func (l *lowering) biased(p *product, n, sum *G.Node) pending {
	if p.bias != nil || size(n.Shape()) > 1 && size(n.Shape()) != size(sum.Shape()) || p.rows()*p.cols() != size(sum.Shape()) {
		return nil
	}
	bias := l.shaped(l.view(n), p.rows(), p.cols())
	return &product{a: p.a, b: p.b, bias: &bias}
}

func (p *product) rows() int { return p.a[0].rows }
func (p *product) cols() int { return p.b[0].cols }

// multiply makes a matrix of a product.
func (l *lowering) multiply(p *product) view {
	o := &op{work: p, dst: all(l.matrix(p.rows(), p.cols()))}
	if p.bias != nil {
		o.in = append(o.in, *p.bias)
	}
	for i := range p.a {
		o.in = append(o.in, p.a[i], l.adjacent(p.b[i]))
	}
	return l.add(o)
}

// adjacent returns a view of which a row, or a column, lies together, as kernels want it of their right operand.
func (l *lowering) adjacent(v view) view {
	if v.col == 1 || v.row == 1 || v.cols == 1 {
		return v
	}
	return l.gapless(v)
}

func (p *product) bind(o *op) func() error {
	in, dst := o.in, o.dst.strided()
	rows, cols := o.dst.rows, o.dst.cols
	begin := func() {}
	if p.bias != nil {
		src, at := in[0].strided(), dst.Data
		begin = func() { gather(at, src, rows, cols) }
		in = in[1:]
	}
	type term struct {
		a, b  kernel.Strided
		depth int
		add   bool
	}
	var terms []term
	for i := 0; i < len(in); i += 2 {
		b := in[i+1].strided()
		if cols == 1 {
			b.Col = 1
		}
		terms = append(terms, term{in[i].strided(), b, in[i].cols, p.bias != nil || i > 0})
	}
	return func() error {
		begin()
		for i := range terms {
			t := &terms[i]
			kernel.GemmStrided(dst, t.a, t.b, rows, t.depth, cols, t.add)
		}
		return nil
	}
}

// sumAlong sums over one axis of a tensor of the shape whole.
func (l *lowering) sumAlong(v view, whole tensor.Shape, axis int) pending {
	outer, n, inner := size(whole[:axis]), whole[axis], size(whole[axis+1:])
	switch {
	case outer == 1: // as a product with ones
		return newProduct(l.constant(1).repeated(1, n), l.shaped(v, n, inner))
	case inner == 1:
		return l.totals(l.shaped(v, outer, n))
	}
	dst := all(l.matrix(outer, inner))
	f := func(dst []float32, in [][]float32) { sumAxis(dst, in[0], whole, axis) }
	return l.add(&op{work: numeric{"sum", f}, in: []view{l.gapless(v)}, dst: dst})
}

// total sums over everything.
func (l *lowering) total(v view) view { return l.totals(l.shaped(v, 1, v.size())) }

// totals sums over every row.
func (l *lowering) totals(v view) view {
	f := func(dst []float32, in [][]float32) {
		for i := range dst {
			dst[i] = total(in[0][i*v.cols : (i+1)*v.cols])
		}
	}
	return l.add(&op{work: numeric{"sum", f}, in: []view{l.gapless(v)}, dst: all(l.matrix(1, v.rows))})
}

// total adds in eight chains, which a processor follows at a time.
func total(x []float32) float32 {
	var s [8]float32
	for ; len(x) >= 8; x = x[8:] {
		for i := range s {
			s[i] += x[i]
		}
	}
	for i, v := range x {
		s[i] += v
	}
	return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]))
}

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
	o := &op{work: numeric{def.Name, def.F32.Forward}, dst: all(l.matrix(dims(n.Shape())))}
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
	o := &op{work: s, dst: all(l.matrix(dims(n.Shape())))}
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
	fill := func() {
		for i, a := range s.args {
			if a.box != nil {
				args[i] = a.box.value
			}
		}
	}
	f := func(_ G.Value, args ...G.Value) (G.Value, error) { return s.node.Op().Do(args...) }
	if g := into(s.node.Op()); g != nil {
		f = g
	}
	if s.result != nil {
		return func() (err error) {
			fill()
			if s.result.value, err = s.node.Op().Do(args...); err != nil {
				return fmt.Errorf("graph: %v: %w", s.node, err)
			}
			return nil
		}
	}
	mem, dst := o.dst.slice(), valueOver(o.dst.slice(), s.node.Shape())
	return func() error {
		fill()
		v, err := f(dst, args...)
		if err != nil {
			return fmt.Errorf("graph: %v: %w", s.node, err)
		}
		if v != dst {
			copy(mem, Floats[float32](v))
		}
		return nil
	}
}
