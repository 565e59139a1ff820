package plastic

import (
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/formula"
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// A formulaSide is what a factor of a formula belongs to.
type formulaSide int

const (
	formulaScalar formulaSide = iota // nothing: a number or the reward
	formulaPre                       // the presynaptic neuron and the example
	formulaPost                      // the postsynaptic neuron and the example
	formulaWeight                    // the synapse
	formulaSides
)

// A formulaTerm is a product of at most one factor of each side; nil is a factor of 1.
type formulaTerm [formulaSides]*G.Node

// side returns the only side that a term has factors of but numbers, and false if there are several.
func (t formulaTerm) side() (side formulaSide, one bool) {
	for s := formulaPre; s < formulaSides; s++ {
		if t[s] == nil {
			continue
		}
		if side != formulaScalar {
			return side, false
		}
		side = s
	}
	return side, true
}

// formulaMostTerms bounds the products that a formula may become.
const formulaMostTerms = 24

// A formulaWriter writes formulas as sums of products. It gives up on a formula that is none: apart is false then.
type formulaWriter struct {
	*graph.Builder
	in        rule.Inputs
	constants int
	apart     bool
}

// formulaByProducts writes the step as matrix products, or returns nil for formulas that can't be written so.
func formulaByProducts(b *graph.Builder, n *formula.Node, in rule.Inputs) *G.Node {
	w := &formulaWriter{Builder: b, in: in, apart: true}
	terms := w.terms(n)
	if !w.apart || b.Err() != nil {
		return nil
	}
	return w.sum(terms)
}

// terms writes a formula.
func (w *formulaWriter) terms(n *formula.Node) []formulaTerm {
	var t formulaTerm
	switch {
	case n.Kind == formula.Const:
		t[formulaScalar] = w.in.Phi[formulaConstant(w.constants)]
		w.constants++
		return []formulaTerm{t}
	case n.Kind.Variable():
		side, node := formulaPost, formulaInput(n.Kind, w.in)
		switch n.Kind {
		case formula.Reward:
			side = formulaScalar
		case formula.Pre:
			side = formulaPre
		case formula.Weight:
			pre, post := neurons(w.in.Tensors[0].Spec)
			side, node = formulaWeight, w.Reshape(node, pre, post)
		}
		t[side] = node
		return []formulaTerm{t}
	}
	var args [][]formulaTerm
	for _, a := range n.Args {
		args = append(args, w.terms(a))
	}
	if !w.apart || w.Err() != nil {
		return nil
	}
	return w.function(n.Kind, args)
}

// function writes one operation on sums of products.
func (w *formulaWriter) function(k formula.Kind, args [][]formulaTerm) []formulaTerm {
	if t, ok := w.within(k, args); ok {
		return []formulaTerm{t}
	}
	switch k {
	case formula.Add:
		return w.collect(append(args[0], args[1]...))
	case formula.Sub:
		return w.collect(append(args[0], w.negated(args[1])...))
	case formula.Neg:
		return w.negated(args[0])
	case formula.Mul:
		return w.product(args[0], args[1])
	case formula.Div:
		if t, ok := w.inverse(args[1]); ok {
			return w.product(args[0], []formulaTerm{t})
		}
	}
	w.apart = false
	return nil
}

// within writes an operation whose arguments all belong to one side, or to none.
func (w *formulaWriter) within(k formula.Kind, args [][]formulaTerm) (t formulaTerm, ok bool) {
	side := formulaScalar
	var nodes []*G.Node
	for _, a := range args {
		if len(a) != 1 {
			return t, false
		}
		s, one := a[0].side()
		if !one || s != formulaScalar && side != formulaScalar && s != side {
			return t, false
		}
		side = max(side, s)
		nodes = append(nodes, w.value(a[0], s))
	}
	if k == formula.Mul && side != formulaScalar { // numbers stay apart, and are multiplied with each other first
		return w.multiplied(args[0][0], args[1][0]), true
	}
	t[side] = formulaFunction(w.Builder, k, nodes)
	return t, true
}

// value returns the product of a term's number and its factor of a side.
func (w *formulaWriter) value(t formulaTerm, side formulaSide) *G.Node {
	if side == formulaScalar {
		return t[formulaScalar]
	}
	return w.times(t[formulaScalar], t[side])
}

// times multiplies two factors, of which one may be nil.
func (w *formulaWriter) times(x, y *G.Node) *G.Node {
	switch {
	case x == nil:
		return y
	case y == nil:
		return x
	}
	return w.Mul(x, y)
}

func (w *formulaWriter) multiplied(x, y formulaTerm) (t formulaTerm) {
	for s := range t {
		t[s] = w.times(x[s], y[s])
	}
	return t
}

func (w *formulaWriter) negated(terms []formulaTerm) []formulaTerm {
	var list []formulaTerm
	for _, t := range terms {
		for s, n := range t {
			if n != nil {
				t[s] = w.Neg(n)
				break
			}
		}
		list = append(list, t)
	}
	return list
}

func (w *formulaWriter) product(x, y []formulaTerm) []formulaTerm {
	if len(x)*len(y) > formulaMostTerms {
		w.apart = false
		return nil
	}
	var list []formulaTerm
	for _, a := range x {
		for _, b := range y {
			list = append(list, w.multiplied(a, b))
		}
	}
	return w.collect(list)
}

// inverse returns 1/x for what belongs to one side.
func (w *formulaWriter) inverse(x []formulaTerm) (t formulaTerm, ok bool) {
	if len(x) != 1 {
		return t, false
	}
	side, one := x[0].side()
	if !one {
		return t, false
	}
	n := w.value(x[0], side)
	t[side] = w.Div(w.Const(n, 1), n)
	return t, true
}

// collect makes one term of those that differ in one side alone, numbers not counted: that of the postsynaptic neuron, so that a
// matrix product is of the sum; and of those that belong to one side altogether.
func (w *formulaWriter) collect(terms []formulaTerm) []formulaTerm {
	var list []formulaTerm
next:
	for _, t := range terms {
		for i := range list {
			if sum, ok := w.merged(list[i], t); ok {
				list[i] = sum
				continue next
			}
		}
		list = append(list, t)
	}
	return list
}

// merged adds two terms if the sum is one.
func (w *formulaWriter) merged(x, y formulaTerm) (t formulaTerm, ok bool) {
	side := formulaPost
	if x[formulaPre] != y[formulaPre] || x[formulaWeight] != y[formulaWeight] {
		s, one := x.side()
		r, other := y.side()
		if !one || !other || s != r {
			return t, false
		}
		side = s
	}
	t = x
	t[formulaScalar], t[side] = nil, nil
	a, b := w.value(x, side), w.value(y, side)
	if a == nil || b == nil { // a product of other sides alone, which has no factor to be added to
		return t, false
	}
	to := side
	if x[side] == nil && y[side] == nil {
		to = formulaScalar
	}
	t[to] = w.Add(a, b)
	return t, true
}

// sum sums the terms over examples and then up, [pre, post]. Terms with the same factor of the synapse share the product with it.
func (w *formulaWriter) sum(terms []formulaTerm) *G.Node {
	var weights, sums []*G.Node
	for _, t := range terms {
		part := w.overExamples(t)
		i := 0
		for i < len(weights) && weights[i] != t[formulaWeight] {
			i++
		}
		if i == len(weights) {
			weights, sums = append(weights, t[formulaWeight]), append(sums, part)
		} else {
			sums[i] = w.Add(sums[i], part)
		}
	}
	var total *G.Node
	for i, s := range sums {
		if s = w.times(weights[i], s); total == nil {
			total = s
		} else {
			total = w.Add(total, s)
		}
	}
	return total
}

// overExamples sums a term over the examples, without its factor of the synapse: a matrix [pre, post].
func (w *formulaWriter) overExamples(t formulaTerm) *G.Node {
	pre, post := neurons(w.in.Tensors[0].Spec)
	before, behind, number := t[formulaPre], t[formulaPost], t[formulaScalar]
	var sum *G.Node
	switch {
	case before != nil && behind != nil:
		return w.MatMul(w.Transpose(before), w.times(number, behind))
	case before != nil:
		sum = w.Spread(w.times(number, w.SumAlong(before, 0)), 1, pre, post)
	case behind != nil:
		sum = w.Spread(w.times(number, w.SumAlong(behind, 0)), 0, pre, post)
	default:
		if number == nil {
			number = w.Const(t[formulaWeight], 1)
		}
		if felt := formulaFelt(w.in.Tensors[0]); len(felt) > 0 {
			number = w.Scale(float64(felt[0].Shape()[0]), number)
		}
		sum = w.Reshape(w.Spread(number, 0, pre*post), pre, post)
	}
	return sum
}
