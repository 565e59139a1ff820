// Package formula holds formulas of what a synapse feels, as trees: their text, which is read back as it was written, their
// value, how genetic programming draws, crosses and changes them, and their form as a vector of numbers.
//
// Trees are never changed once they are made, so that they may share parts.
package formula

import (
	"math"
	"slices"
)

// A Kind is what a node of a formula is. Kinds are written into files and never change their numbers.
type Kind uint8

// The kinds; the variables come behind them.
const (
	End   Kind = iota // none: behind the last node of a vector
	Const             // a number
	Add               // x + y
	Sub               // x − y
	Mul               // x·y
	Div               // x/y, not finite where y is 0
	Neg               // −x
	Tanh              // tanh x
	Abs               // |x|
)

// The variables, by the names of package params' senses and of rules' inputs.
const (
	Pre Kind = iota + 16
	Post
	Potential
	Weight
	Mod
	Target
	Reward
)

// names are those of variables and functions in text.
var names = map[Kind]string{
	Tanh: "tanh", Abs: "abs",
	Pre: "pre", Post: "post", Potential: "potential", Weight: "weight", Mod: "mod", Target: "target", Reward: "reward",
}

// operators are the kinds of two arguments in text.
var operators = map[Kind]string{Add: "+", Sub: "-", Mul: "*", Div: "/"}

// Variables lists all variables.
func Variables() []Kind { return []Kind{Pre, Post, Potential, Weight, Mod, Target, Reward} }

// Functions lists all operators and functions.
func Functions() []Kind { return []Kind{Add, Sub, Mul, Div, Neg, Tanh, Abs} }

// Name returns the text of a variable, function or operator; a minus of one argument is called neg. Empty for others.
func (k Kind) Name() string {
	if k == Neg {
		return "neg"
	}
	if name, ok := names[k]; ok {
		return name
	}
	return operators[k]
}

// Named returns the variable, function or operator of a name.
func Named(name string) (Kind, bool) {
	for _, k := range append(Variables(), Functions()...) {
		if k.Name() == name {
			return k, true
		}
	}
	return End, false
}

// Arity returns the number of arguments.
func (k Kind) Arity() int {
	switch k {
	case Add, Sub, Mul, Div:
		return 2
	case Neg, Tanh, Abs:
		return 1
	}
	return 0
}

// Variable reports whether a kind is a variable.
func (k Kind) Variable() bool { return k >= Pre && k <= Reward }

// A Node is a formula.
type Node struct {
	Kind  Kind
	Value float32 // of a Const
	Args  []*Node // as many as Kind.Arity
}

// Number returns the formula of a constant.
func Number(v float32) *Node { return &Node{Kind: Const, Value: v} }

// New returns the formula of a variable, or of a function of its arguments.
func New(k Kind, args ...*Node) *Node { return &Node{Kind: k, Args: args} }

// Size returns the number of nodes.
func (n *Node) Size() int {
	size := 1
	for _, a := range n.Args {
		size += a.Size()
	}
	return size
}

// All lists a formula's nodes, each before its arguments.
func (n *Node) All() []*Node {
	list := []*Node{n}
	for _, a := range n.Args {
		list = append(list, a.All()...)
	}
	return list
}

// Constants lists the numbers in a formula from left to right.
func (n *Node) Constants() []float32 {
	var list []float32
	for _, x := range n.All() {
		if x.Kind == Const {
			list = append(list, x.Value)
		}
	}
	return list
}

// With returns the formula with other numbers, as many as Constants lists, in their order.
func (n *Node) With(constants []float32) *Node {
	next := 0
	var walk func(n *Node) *Node
	walk = func(n *Node) *Node {
		c := &Node{Kind: n.Kind}
		if n.Kind == Const {
			c.Value = constants[next]
			next++
		}
		for _, a := range n.Args {
			c.Args = append(c.Args, walk(a))
		}
		return c
	}
	return walk(n)
}

// Reads reports whether a variable is in a formula.
func (n *Node) Reads(variable Kind) bool {
	return n.Kind == variable || slices.ContainsFunc(n.Args, func(a *Node) bool { return a.Reads(variable) })
}

// Equal reports whether two formulas are the same tree, numbers to the bit.
func (n *Node) Equal(m *Node) bool {
	return n.Kind == m.Kind && math.Float32bits(n.Value) == math.Float32bits(m.Value) && slices.EqualFunc(n.Args, m.Args, (*Node).Equal)
}

// Eval returns the value of a formula where value tells the variables'.
func (n *Node) Eval(value func(variable Kind) float64) float64 {
	if n.Kind == Const {
		return float64(n.Value)
	}
	if n.Kind.Variable() {
		return value(n.Kind)
	}
	x := n.Args[0].Eval(value)
	switch n.Kind {
	case Neg:
		return -x
	case Tanh:
		return math.Tanh(x)
	case Abs:
		return math.Abs(x)
	}
	y := n.Args[1].Eval(value)
	switch n.Kind {
	case Add:
		return x + y
	case Sub:
		return x - y
	case Mul:
		return x * y
	}
	return x / y
}
