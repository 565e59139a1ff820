package graph

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// A lowering translates the nodes of a graph into operations on views, in order. What a node is stays open as long as its
// consumers may have a better use for it than a matrix of its own, see pending.
type lowering struct {
	nodes map[*G.Node]pending
	uses  map[*G.Node]int // consumers, and outputs
	made  map[view]view   // gapless copies
	fixed map[float32]view
	ops   int // so far
}

// An op is one operation of a lowered program: it writes dst from what in shows. It is an elementwise function, or work.
type op struct {
	function *function
	work     work
	in       []view
	dst      view
	after    []*op // operations that must be done before, beside the writers of in
	index    int   // in the order of creation, in which inputs come before results
}

// A work is what an operation does that is not elementwise.
type work interface {
	// bind returns what carries it out, once all memory is planned.
	bind(o *op) func() error
}

// A pending is what a node has become: a view, a *box, or a *product or *pieces, of which a view can still be made.
type pending any

// A box holds a value that is no float32, for operations that run as Gorgonia has them.
type box struct {
	value  G.Value
	writer *op
}

// lower makes a program of a graph in float32.
func lower(inputs, outputs []*G.Node) (*lowered, error) {
	if err := checkInputs[float32](inputs); err != nil {
		return nil, err
	}
	order := topological(outputs)
	l := &lowering{
		nodes: make(map[*G.Node]pending), uses: uses(order, outputs), made: make(map[view]view), fixed: make(map[float32]view),
	}
	p := new(lowered)
	for _, n := range inputs {
		m := newMatrix(n)
		m.mem = lineSlice(m.size())
		p.in = append(p.in, m.mem)
		l.nodes[n] = all(m)
	}
	if err := l.translate(order); err != nil {
		return nil, err
	}
	var results []view
	for _, n := range outputs {
		if n.Dtype() != tensor.Float32 {
			return nil, fmt.Errorf("graph: output %v is of %v, want %v", n, n.Dtype(), tensor.Float32)
		}
		results = append(results, l.result(n))
	}
	p.finish(results)
	return p, nil
}

// translate goes through the nodes in order, inputs before results.
func (l *lowering) translate(order []*G.Node) error {
	for _, n := range order {
		if _, fed := l.nodes[n]; fed {
			continue
		}
		in := children(n)
		if len(in) > 0 {
			l.nodes[n] = l.node(n, in)
			continue
		}
		v, err := ownValue(n)
		if err != nil {
			return err
		}
		l.nodes[n] = leaf(n, v)
	}
	return nil
}

// uses counts the consumers of each node.
func uses(order, outputs []*G.Node) map[*G.Node]int {
	u := make(map[*G.Node]int)
	for _, n := range order {
		for _, c := range children(n) {
			u[c]++
		}
	}
	for _, n := range outputs {
		u[n]++
	}
	return u
}

// newMatrix returns a matrix for the value of a node.
func newMatrix(n *G.Node) *matrix {
	rows, cols := dims(n.Shape())
	return &matrix{rows: rows, cols: cols}
}

// leaf takes a node's own value as it lies.
func leaf(n *G.Node, v G.Value) pending {
	if v.Dtype() != tensor.Float32 {
		return &box{value: v}
	}
	m := newMatrix(n)
	m.mem = Floats[float32](v)
	return all(m)
}

// constant shows one number.
func (l *lowering) constant(x float32) view {
	v, ok := l.fixed[x]
	if !ok {
		m := &matrix{rows: 1, cols: 1, mem: []float32{x}}
		v = all(m)
		l.fixed[x] = v
	}
	return v
}

// add appends an operation that writes dst.
func (l *lowering) add(o *op) view {
	o.index = l.ops
	l.ops++
	o.dst.of.writers = append(o.dst.of.writers, o)
	return o.dst
}

// apply appends an elementwise operation over rows×cols numbers.
func (l *lowering) apply(f *function, rows, cols int, in ...view) view {
	for i, v := range in {
		in[i] = l.shaped(v, rows, cols)
	}
	return l.add(&op{function: f, in: in, dst: all(&matrix{rows: rows, cols: cols})})
}

// shaped shows v as rows×cols: a single number repeated, or the same numbers in another shape.
func (l *lowering) shaped(v view, rows, cols int) view {
	if v.size() == 1 && rows*cols > 1 {
		return v.repeated(rows, cols)
	}
	if w, ok := v.as(rows, cols); ok {
		return w
	}
	w, _ := l.gapless(v).as(rows, cols)
	return w
}

// gapless returns a view of the same numbers in their order, without gaps: a copy where need be.
func (l *lowering) gapless(v view) view {
	if v.gapless() {
		return v
	}
	c, ok := l.made[v]
	if !ok {
		c = l.apply(identity, v.rows, v.cols, v)
		l.made[v] = c
	}
	return c
}

// view returns what shows a node, in the rows and columns of its shape.
func (l *lowering) view(n *G.Node) view {
	v := l.show(n)
	rows, cols := dims(n.Shape())
	return l.shaped(v, rows, cols)
}

// show settles what a node is.
func (l *lowering) show(n *G.Node) view {
	switch p := l.nodes[n].(type) {
	case view:
		return p
	case *product:
		v := l.multiply(p)
		l.nodes[n] = v
		return v
	case *pieces:
		v := l.assemble(p)
		l.nodes[n] = v
		return v
	}
	panic("graph: a node that is not of float32 among numbers")
}

// result returns a matrix that holds an output after every run, whatever is in the inputs by then.
func (l *lowering) result(n *G.Node) view {
	v := l.view(n)
	if len(v.of.writers) == 0 || !v.whole() {
		v = l.apply(identity, v.rows, v.cols, v)
	}
	return v
}

// node translates one operation.
func (l *lowering) node(n *G.Node, in []*G.Node) pending {
	name := stockName(n.Op())
	numbers := in
	if name == "repeatOp" {
		numbers = in[:1] // the others count
	}
	if n.Dtype() == tensor.Float32 && !slices.ContainsFunc(numbers, func(c *G.Node) bool { return c.Dtype() != tensor.Float32 }) {
		var p pending
		switch name {
		case "":
			p = l.own(n, in)
		case "elemUnaryOp":
			p = l.unary(n, in)
		case "elemBinOp":
			p = l.binary(n, in)
		case "linAlgBinOp":
			p = l.linear(n, in)
		case "transposeOp":
			p = l.transpose(n, in)
		case "sumOp":
			p = l.sum(n, in)
		case "reshapeOp":
			p = l.view(in[0])
		case "sliceOp":
			p = l.slice(n, in)
		case "repeatOp":
			p = l.repeat(n, in)
		case "concatOp":
			p = l.concat(n, in)
		}
		if p != nil {
			return p
		}
	}
	return l.stock(n, in)
}

// own translates our operations: those that only move numbers, and kernels.
func (l *lowering) own(n *G.Node, in []*G.Node) pending {
	var def *Def
	switch o := n.Op().(type) {
	case *opBase:
		def = &o.def
	case *diffOp:
		def = &o.def
	default:
		return nil
	}
	if p := l.move(def, in); p != nil {
		return p
	}
	return l.kernel(n, def, in)
}

func (l *lowering) unary(n *G.Node, in []*G.Node) pending {
	x := l.view(in[0])
	rows, cols := dims(n.Shape())
	do := func(f *function, v ...view) view { return l.apply(f, rows, cols, v...) }
	switch unaryName(n.Op()) {
	case "neg":
		return do(times, l.constant(-1), x)
	case "square":
		return do(times, x, x)
	case "cube":
		return do(times, do(times, x, x), x)
	case "inv":
		return do(over, l.constant(1), x)
	case "invSqrt":
		return do(over, l.constant(1), do(squareRoot, x))
	case "sign":
		if len(n.Shape()) == 0 {
			return do(signOfScalar, x)
		}
	}
	if f := functionsOfOne[unaryName(n.Op())]; f != nil {
		return do(f, x)
	}
	return nil
}

func (l *lowering) binary(n *G.Node, in []*G.Node) pending {
	symbol, _, _ := strings.Cut(n.Op().String(), " ")
	f := functionsOfTwo[symbol]
	for _, c := range in {
		if s := size(c.Shape()); s != 1 && s != size(n.Shape()) {
			return nil
		}
	}
	if f == nil {
		return nil
	}
	if f == plus {
		if p := l.accumulate(n, in); p != nil {
			return p
		}
	}
	rows, cols := dims(n.Shape())
	return l.apply(f, rows, cols, l.view(in[0]), l.view(in[1]))
}

// linear translates products. The operation's name tells what it multiplies.
func (l *lowering) linear(n *G.Node, in []*G.Node) pending {
	a, b, name := l.view(in[0]), l.view(in[1]), n.Op().String()
	left, right, _ := strings.Cut(name, " ")
	if strings.HasSuffix(left, "ᵀ") {
		a = a.transposed()
	}
	if strings.HasSuffix(right, "ᵀ") {
		b = b.transposed()
	}
	switch strings.TrimSuffix(right, "ᵀ") {
	case "× B":
		return newProduct(a, b)
	case "× b":
		if a.row == 1 { // its transpose lies row by row, along which the kernels are fast
			return newProduct(l.shaped(b, 1, b.size()), a.transposed())
		}
		return newProduct(a, l.shaped(b, b.size(), 1))
	case "⋅ b":
		rows, cols := b.rows, b.cols
		return l.total(l.apply(times, rows, cols, a, b))
	case "⊗ b":
		x, _ := l.shaped(a, 1, a.size()).spread(tensor.Shape{a.size(), b.size()}, 1)
		y, _ := l.shaped(b, 1, b.size()).spread(tensor.Shape{a.size(), b.size()}, 0)
		return l.apply(times, a.size(), b.size(), x, y)
	}
	return nil
}

func (l *lowering) transpose(n *G.Node, in []*G.Node) pending {
	if n.Op().String() != "Aᵀ{1, 0}" {
		return nil
	}
	return l.view(in[0]).transposed()
}

func (l *lowering) slice(n *G.Node, in []*G.Node) pending {
	s, whole := sliceStride(n.Op())
	if whole {
		return l.view(in[0])
	}
	if v, ok := l.view(in[0]).take(in[0].Shape(), s); ok {
		return v
	}
	return nil
}

// repeat translates a broadcast along an axis of length one.
func (l *lowering) repeat(n *G.Node, in []*G.Node) pending {
	axis, err := strconv.Atoi(strings.TrimPrefix(n.Op().String(), "Repeat"))
	from, to := in[0].Shape(), n.Shape()
	switch {
	case err != nil:
		return nil
	case size(from) == 1:
		return l.view(in[0]).repeated(dims(to))
	case len(from) == len(to) && from[axis] == 1:
		if v, ok := l.view(in[0]).spread(to, axis); ok {
			return v
		}
	}
	return nil
}

// concat lays its inputs one behind the other along an axis.
func (l *lowering) concat(n *G.Node, in []*G.Node) pending {
	var s stride
	if _, err := fmt.Sscanf(n.Op().String(), "Concat(axis=%d)", &s.axis); err != nil {
		return nil
	}
	s.step = 1
	p := newPieces(dims(n.Shape()))
	for _, c := range in {
		s.from, s.to = s.to, s.to+c.Shape()[s.axis]
		dst, ok := all(&matrix{rows: p.rows, cols: p.cols}).take(n.Shape(), s)
		if !ok || !p.add(dst, l.view(c)) {
			return nil
		}
	}
	return p
}

// sum translates the sum over one axis or over all.
func (l *lowering) sum(n *G.Node, in []*G.Node) pending {
	whole := in[0].Shape()
	if n.Shape().IsScalar() && len(n.Shape()) == 0 {
		axes := strings.Fields(strings.Trim(n.Op().String(), "Σ[]"))
		if len(axes) == len(whole) {
			return l.total(l.view(in[0]))
		}
	}
	axis, err := strconv.Atoi(strings.Trim(n.Op().String(), "Σ[]"))
	if err != nil || axis >= len(whole) {
		return nil
	}
	return l.sumAlong(l.view(in[0]), whole, axis)
}
