package graph

import (
	"slices"

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

// plus adds another product of as many rows and columns; nil where both have something to be added already.
func (p *product) plus(q *product) *product {
	if p.rows() != q.rows() || p.cols() != q.cols() || p.bias != nil && q.bias != nil {
		return nil
	}
	sum := &product{a: slices.Concat(p.a, q.a), b: slices.Concat(p.b, q.b), bias: p.bias}
	if sum.bias == nil {
		sum.bias = q.bias
	}
	return sum
}

// accumulate translates a sum of which a term is a product, or pieces, that nobody else wants; nil where there is none.
func (l *lowering) accumulate(n *G.Node, in []*G.Node) pending {
	x, y := in[0], in[1]
	if a, b := sole[*pieces](l, x), sole[*pieces](l, y); a != nil && b != nil {
		if sum := a.plus(b); sum != nil {
			return sum
		}
	}
	a, b := sole[*product](l, x), sole[*product](l, y)
	if a != nil && b != nil {
		if sum := a.plus(b); sum != nil {
			return sum
		}
	}
	switch {
	case a != nil:
		return l.biased(a, y, n)
	case b != nil:
		return l.biased(b, x, n)
	}
	return nil
}

// sole returns what a node is, if it is a P still and has one consumer.
func sole[P *product | *pieces](l *lowering, n *G.Node) (p P) {
	if l.uses[n] == 1 {
		p, _ = l.nodes[n].(P)
	}
	return p
}

// biased adds a node to a product; nil where something has been added already.
func (l *lowering) biased(p *product, n, sum *G.Node) pending {
	if s := size(n.Shape()); p.bias != nil || p.rows()*p.cols() != size(sum.Shape()) || s != 1 && s != size(sum.Shape()) {
		return nil
	}
	bias := l.shaped(l.view(n), p.rows(), p.cols())
	return &product{a: p.a, b: p.b, bias: &bias}
}

func (p *product) rows() int { return p.a[0].rows }
func (p *product) cols() int { return p.b[0].cols }

// multiply makes a matrix of a product.
func (l *lowering) multiply(p *product) view {
	o := &op{work: p, dst: all(&matrix{rows: p.rows(), cols: p.cols()})}
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
	dst := all(&matrix{rows: outer, cols: inner})
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
	return l.add(&op{work: numeric{"sum", f}, in: []view{l.gapless(v)}, dst: all(&matrix{rows: 1, cols: v.rows})})
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
