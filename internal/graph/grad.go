package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Grad returns the gradient of the scalar y with respect to each of xs, which may be any nodes that y depends on, inputs
// or intermediate. An x that y does not depend on has a zero gradient. The result is made of ordinary nodes: applying
// Grad to it gives second derivatives.
func Grad(y *G.Node, xs ...*G.Node) ([]*G.Node, error) {
	if !y.Shape().IsScalar() {
		return nil, fmt.Errorf("graph: gradient of %v, which has shape %v; want a scalar", y, y.Shape())
	}
	return VJP([]*G.Node{y}, []*G.Node{constant(y, 1)}, xs)
}

// VJP returns the vector-Jacobian products sum_i <cots[i], d ys[i] / d x> for each x of xs. It is reverse-mode
// differentiation as a transformation of the graph: the cotangents live in a map of this call, not in the nodes, so it
// is correct however often and wherever it is applied.
func VJP(ys, cots, xs []*G.Node) ([]*G.Node, error) {
	return RelayedVJP(ys, cots, xs, func(_, arrived *G.Node) (*G.Node, error) { return arrived, nil })
}

// A Relay stands between an operation's consumers and its inputs. It is given the operation and what has arrived there,
// the sum of the cotangents that the consumers send, and returns the cotangent, of the same shape, that the operation's
// own pullback sends on.
type Relay func(op, arrived *G.Node) (sent *G.Node, err error)

// RelayedVJP is VJP with a relay at each operation that a cotangent reaches and that depends on one of xs. It asks for
// an operation's relay after those of all its consumers. A relay that returns what has arrived changes nothing; one that
// returns a node of its own cuts the chain rule there, and leaves derivatives that reach from one cut to the next.
func RelayedVJP(ys, cots, xs []*G.Node, relay Relay) ([]*G.Node, error) {
	if len(ys) != len(cots) {
		return nil, fmt.Errorf("graph: %d cotangents for %d results", len(cots), len(ys))
	}
	order := topological(ys)
	active := dependents(order, xs)
	terms := make(map[*G.Node][]*G.Node) // the cotangents that have reached a node, still to be summed
	for i, y := range ys {
		if cs := cots[i].Shape(); size(cs) != size(y.Shape()) {
			return nil, fmt.Errorf("graph: cotangent of shape %v for a result of shape %v", cs, y.Shape())
		}
		terms[y] = append(terms[y], cots[i])
	}
	total := make(map[*G.Node]*G.Node)
	for i := len(order) - 1; i >= 0; i-- {
		n := order[i]
		if !active[n] || len(terms[n]) == 0 {
			continue
		}
		cot, err := sum(terms[n])
		if err != nil {
			return nil, fmt.Errorf("graph: cotangent of %v: %w", n, err)
		}
		total[n] = cot
		if n.Op() == nil {
			continue
		}
		if cot, err = relayed(relay, n, cot); err != nil {
			return nil, err
		}
		if err := pullback(n, cot, active, terms); err != nil {
			return nil, fmt.Errorf("graph: derivative of %v: %w", n, err)
		}
	}
	grads := make([]*G.Node, len(xs))
	for i, x := range xs {
		var err error
		if grads[i] = total[x]; grads[i] == nil {
			if grads[i], err = zerosLike(x); err != nil {
				return nil, err
			}
		}
	}
	return grads, nil
}

func relayed(relay Relay, n, arrived *G.Node) (*G.Node, error) {
	sent, err := relay(n, arrived)
	switch {
	case err != nil:
		return nil, fmt.Errorf("graph: relay at %v: %w", n, err)
	case size(sent.Shape()) != size(arrived.Shape()):
		return nil, fmt.Errorf("graph: relay at %v sends shape %v on; want %v", n, sent.Shape(), arrived.Shape())
	}
	return sent, nil
}

// StopGrad is the identity with a derivative of zero.
func StopGrad(x *G.Node) (*G.Node, error) {
	return Apply(Def{
		Name:  "stopgrad",
		Shape: x.Shape(),
		lower: same{},
		F32:   Kernel[float32]{Forward: func(dst []float32, in [][]float32) { copy(dst, in[0]) }},
		F64:   Kernel[float64]{Forward: func(dst []float64, in [][]float64) { copy(dst, in[0]) }},
		Stop:  true,
	}, x)
}

// pullback sends the cotangent of n to its active inputs.
func pullback(n, cot *G.Node, active map[*G.Node]bool, terms map[*G.Node][]*G.Node) error {
	in := children(n)
	wrt, cots, err := derivative(n, in, cot)
	if err != nil {
		return err
	}
	for i, c := range in {
		if !wrt[i] || !active[c] || cots[i] == nil {
			continue
		}
		t, err := reshapeLike(cots[i], c)
		if err != nil {
			return err
		}
		terms[c] = append(terms[c], t)
	}
	return nil
}

// derivative asks our own table first, for the operations whose stock derivative is wrong or can't be differentiated
// again, and the operation itself otherwise.
func derivative(n *G.Node, in []*G.Node, cot *G.Node) (wrt []bool, cots []*G.Node, err error) {
	wrt = differentiable(n, len(in))
	if d := ownDerivative(n.Op()); d != nil {
		cots, err = d(in, n, cot)
		return wrt, cots, err
	}
	op, ok := n.Op().(G.SDOp)
	if !ok {
		return nil, nil, fmt.Errorf("operation %v has no derivative", n.Op())
	}
	cots, err = op.SymDiff(in, n, cot)
	return wrt, cots, err
}

// differentiable says which inputs of n carry a derivative. An operation that knows no derivatives is taken to have
// them all, so that asking for one is an error and not a silent zero.
func differentiable(n *G.Node, inputs int) []bool {
	if op, ok := n.Op().(G.SDOp); ok && inputs > 0 {
		if wrt := op.DiffWRT(inputs); len(wrt) == inputs {
			return wrt
		}
	}
	wrt := make([]bool, inputs)
	for i := range wrt {
		wrt[i] = true
	}
	return wrt
}

// topological lists the nodes that ys depend on, ys included, inputs before results.
func topological(ys []*G.Node) []*G.Node {
	var order []*G.Node
	seen := make(map[*G.Node]bool)
	var visit func(n *G.Node)
	visit = func(n *G.Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		for _, c := range children(n) {
			visit(c)
		}
		order = append(order, n)
	}
	for _, y := range ys {
		visit(y)
	}
	return order
}

// dependents returns the nodes of order that depend differentiably on one of xs, xs included.
func dependents(order, xs []*G.Node) map[*G.Node]bool {
	active := make(map[*G.Node]bool)
	for _, x := range xs {
		active[x] = true
	}
	for _, n := range order {
		in := children(n)
		if len(in) == 0 {
			continue
		}
		for i, d := range differentiable(n, len(in)) {
			if d && active[in[i]] {
				active[n] = true
			}
		}
	}
	return active
}

// Inputs returns the nodes that n is computed from, in order; a leaf has none.
func Inputs(n *G.Node) []*G.Node { return children(n) }

// children returns the inputs of n in order.
func children(n *G.Node) []*G.Node {
	if n.Graph() == nil {
		return nil // a constant that no graph holds yet
	}
	it := n.Graph().From(n.ID())
	if it == nil {
		return nil
	}
	var in []*G.Node
	for it.Next() {
		in = append(in, it.Node().(*G.Node))
	}
	return in
}

func sum(terms []*G.Node) (*G.Node, error) {
	total := terms[0]
	if len(terms) > 1 {
		if joined, err := join(terms); joined != nil || err != nil {
			return joined, err
		}
	}
	for _, t := range terms[1:] {
		var err error
		if total, err = G.Add(total, t); err != nil {
			return nil, err
		}
	}
	return total, nil
}

// reshapeLike gives t the shape of x: stock derivatives are at times off by dimensions of one, or leave a scalar's
// cotangent unsummed.
func reshapeLike(t, x *G.Node) (*G.Node, error) {
	from, to := t.Shape(), x.Shape()
	switch {
	case from.Eq(to) && len(from) == len(to):
		return t, nil
	case size(from) == size(to):
		return cut(t, 0, to)
	case len(to) == 0:
		return G.Sum(t)
	}
	return nil, fmt.Errorf("cotangent of shape %v for a value of shape %v", from, to)
}

func zerosLike(x *G.Node) (*G.Node, error) {
	return Apply(Def{
		Name:  "zeros",
		Shape: x.Shape(),
		lower: zeros{},
		F32:   Kernel[float32]{Forward: func(dst []float32, _ [][]float32) { clear(dst) }},
		F64:   Kernel[float64]{Forward: func(dst []float64, _ [][]float64) { clear(dst) }},
		Stop:  true,
	}, x)
}

// constant returns a scalar constant of the element type and graph of n.
func constant(n *G.Node, v float64) *G.Node {
	if n.Dtype() == tensor.Float32 {
		return n.Graph().Constant(G.NewF32(float32(v)))
	}
	return n.Graph().Constant(G.NewF64(v))
}
