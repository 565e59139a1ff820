package formula

import (
	"math"

	"github.com/seed1498fded/unroll/internal/rng"
)

// A Grammar says which formulas genetic programming draws.
type Grammar struct {
	Variables []Kind // one or more
	Functions []Kind // one or more
	Size      int    // the most nodes that a formula has
}

// Random draws a formula of at most some nodes, few being as likely as many. Constants are normal.
func (g Grammar) Random(r *rng.Stream, most int) *Node {
	return g.grow(r, 1+r.IntN(max(1, min(most, g.Size))))
}

// grow draws a formula of at most some nodes, close to as many as there can be.
func (g Grammar) grow(r *rng.Stream, most int) *Node {
	if most < 2 {
		return g.leaf(r)
	}
	k := g.Functions[r.IntN(len(g.Functions))]
	if k.Arity() == 1 {
		return New(k, g.grow(r, most-1))
	}
	if most < 3 {
		return g.leaf(r)
	}
	left := 1 + r.IntN(most-2)
	return New(k, g.grow(r, left), g.grow(r, most-1-left))
}

// leaf draws a variable, or a constant one time in five.
func (g Grammar) leaf(r *rng.Stream) *Node {
	if r.Float64() < 0.2 {
		return Number(float32(r.NormFloat64()))
	}
	return New(g.Variables[r.IntN(len(g.Variables))])
}

// Cross puts a part of another formula in the place of a part of n (Koza 1992, "Genetic programming"). A formula that would be
// too large is n itself.
func (g Grammar) Cross(r *rng.Stream, n, other *Node) *Node {
	parts := other.All()
	for range 5 {
		if c := n.replace(r.IntN(n.Size()), parts[r.IntN(len(parts))]); c.Size() <= g.Size {
			return c
		}
	}
	return n
}

// Mutate changes a formula in one of four ways: a new part in the place of one, one node for another of as many arguments,
// constants moved a little, or a part instead of the whole, which keeps formulas short.
func (g Grammar) Mutate(r *rng.Stream, n *Node) *Node {
	at := r.IntN(n.Size())
	part := n.All()[at]
	switch way := r.IntN(8); {
	case way < 2:
		room := g.Size - n.Size() + part.Size()
		return n.replace(at, g.Random(r, min(room, 7)))
	case way < 4:
		return n.replace(at, g.point(r, part))
	case way < 7:
		return jolt(r, n)
	}
	return part
}

// point returns a node with another kind of as many arguments.
func (g Grammar) point(r *rng.Stream, n *Node) *Node {
	arity := n.Kind.Arity()
	if arity == 0 {
		return g.leaf(r)
	}
	var kinds []Kind
	for _, k := range g.Functions {
		if k.Arity() == arity {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) == 0 {
		return n
	}
	return New(kinds[r.IntN(len(kinds))], n.Args...)
}

// jolt moves the constants by normal draws of many sizes.
func jolt(r *rng.Stream, n *Node) *Node {
	size := 0.3 * math.Exp(r.NormFloat64()-1)
	var walk func(n *Node) *Node
	walk = func(n *Node) *Node {
		if n.Kind == Const {
			v := float32(float64(n.Value) + size*(0.1+math.Abs(float64(n.Value)))*r.NormFloat64())
			if v-v != 0 {
				return n
			}
			return Number(v)
		}
		c := &Node{Kind: n.Kind}
		for _, a := range n.Args {
			c.Args = append(c.Args, walk(a))
		}
		return c
	}
	return walk(n)
}

// replace returns a formula in which the node at a place in the order of All is another.
func (n *Node) replace(at int, by *Node) *Node {
	if at == 0 {
		return by
	}
	c := &Node{Kind: n.Kind, Value: n.Value, Args: append([]*Node{}, n.Args...)}
	at--
	for i, a := range n.Args {
		if size := a.Size(); at < size {
			c.Args[i] = a.replace(at, by)
			break
		} else {
			at -= size
		}
	}
	return c
}

// Simplify returns a shorter formula of the same value wherever the value is finite, but for rounding: numbers are computed, and
// what adds 0, multiplies by 0 or 1, takes a thing from itself or is negated twice goes.
func (n *Node) Simplify() *Node {
	c := &Node{Kind: n.Kind, Value: n.Value}
	numbers := len(n.Args) > 0
	for _, a := range n.Args {
		c.Args = append(c.Args, a.Simplify())
		numbers = numbers && c.Args[len(c.Args)-1].Kind == Const
	}
	if numbers {
		if v := float32(c.Eval(nil)); v-v == 0 {
			return Number(v)
		}
	}
	switch len(c.Args) {
	case 1:
		return simpler1(c)
	case 2:
		return simpler2(c, c.Args[0], c.Args[1])
	}
	return c
}

func (n *Node) is(v float32) bool { return n.Kind == Const && n.Value == v }

// negative returns −x.
func negative(x *Node) *Node {
	switch x.Kind {
	case Const:
		return Number(-x.Value)
	case Neg:
		return x.Args[0]
	case Sub:
		return New(Sub, x.Args[1], x.Args[0])
	}
	return New(Neg, x)
}

func simpler1(n *Node) *Node {
	x := n.Args[0]
	switch {
	case n.Kind == Neg:
		return negative(x)
	case n.Kind == Abs && x.Kind == Neg:
		return New(Abs, x.Args[0])
	case n.Kind == Abs && x.Kind == Abs:
		return x
	}
	return n
}

func simpler2(n, x, y *Node) *Node {
	switch n.Kind {
	case Add:
		return simplerSum(n, x, y)
	case Sub:
		return simplerDifference(n, x, y)
	case Mul:
		return simplerProduct(n, x, y)
	}
	switch {
	case y.is(1):
		return x
	case y.is(-1):
		return negative(x)
	}
	return n
}

func simplerSum(n, x, y *Node) *Node {
	switch {
	case x.is(0):
		return y
	case y.is(0):
		return x
	case y.Kind == Neg:
		return simplerDifference(New(Sub, x, y.Args[0]), x, y.Args[0])
	case x.Kind == Neg:
		return simplerDifference(New(Sub, y, x.Args[0]), y, x.Args[0])
	}
	return n
}

func simplerDifference(n, x, y *Node) *Node {
	switch {
	case x.Equal(y):
		return Number(0)
	case y.is(0):
		return x
	case x.is(0):
		return negative(y)
	case y.Kind == Neg:
		return New(Add, x, y.Args[0])
	}
	return n
}

func simplerProduct(n, x, y *Node) *Node {
	switch {
	case x.is(0), y.is(0):
		return Number(0)
	case x.is(1):
		return y
	case y.is(1):
		return x
	case x.is(-1):
		return negative(y)
	case y.is(-1):
		return negative(x)
	case x.Kind == Neg && y.Kind == Neg:
		return New(Mul, x.Args[0], y.Args[0])
	}
	return n
}
