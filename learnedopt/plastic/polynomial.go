package plastic

import (
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// A polynomial is a rule that sums up products of what a synapse feels,
//
//	Δw(i,j) = gate·Σ_k φ_k·y(i)^a_k·w(i,j)^c_k·(a product of what neuron j feels)
//
// with a and c 0 or 1. All but two factors belong to the neuron j alone, so that it is two matrix products at most, however many
// terms there are.
type polynomial struct {
	terms []term
	gate  gate
}

// A term is a product, times a number of phi.
type term struct {
	phi         string // the name of that number; "" for a factor of 1
	pre, weight bool   // whether y(i), and w(i,j), is a factor
	post        rule.Vars
	falls       bool // the factor is −φ², which is never above zero, in place of φ
}

// A gate is what multiplies the whole, if it is not zero.
type gate struct {
	logRate  string // a number of phi whose exponential is a factor; "" for none
	reward   bool   // whether the reward is one
	baseline string // a number of phi that is taken from the reward; "" for none
}

// behind are the senses of a postsynaptic neuron.
var behind = []rule.Vars{rule.Potential, rule.Post, rule.Mod, rule.Target}

// phi names the numbers that are learned: those of the terms, in order, then those of the gate.
func (p polynomial) phi() []string {
	var names []string
	for _, t := range p.terms {
		if t.phi != "" {
			names = append(names, t.phi)
		}
	}
	for _, name := range []string{p.gate.logRate, p.gate.baseline} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// spec is that of the rule.
func (p polynomial) spec() rule.Spec {
	s := rule.Spec{Scope: rule.Tensor, Phi: hyper.Scalars(p.phi()...), Reads: rule.Pre}
	for _, t := range p.terms {
		s.Reads |= t.post
		if t.weight {
			s.Reads |= rule.Theta
		}
	}
	if p.gate.reward {
		s.Reads |= rule.Reward
	}
	return s
}

// A side is the sum of the terms that have the same factors y(i) and w(i,j): a matrix [examples, post], a number, or both.
type side struct{ matrix, number *G.Node }

// update writes the step.
func (p polynomial) update(in rule.Inputs) (rule.Outputs, error) {
	b := new(graph.Builder)
	x := in.Tensors[0]
	var sides [2][2]side // by whether w(i,j), and y(i), is a factor
	for _, t := range p.terms {
		sides[index(t.weight)][index(t.pre)].add(b, t.value(b, in))
	}
	var step *G.Node
	pre, post := neurons(x.Spec)
	for weight := range sides {
		var part *G.Node
		for before := range sides[weight] {
			part = plus(b, part, sides[weight][before].times(b, x.Pre, before == 1, pre, post))
		}
		if part != nil && weight == 1 {
			part = b.Mul(part, b.Reshape(x.Theta, pre, post))
		}
		step = plus(b, step, part)
	}
	if g := p.gate.node(b, in); g != nil {
		step = b.Mul(g, step)
	}
	return rule.One(shaped(b, step, x.Spec), nil), b.Err()
}

func index(is bool) int {
	if is {
		return 1
	}
	return 0
}

// plus adds what is there.
func plus(b *graph.Builder, x, y *G.Node) *G.Node {
	switch {
	case x == nil:
		return y
	case y == nil:
		return x
	}
	return b.Add(x, y)
}

// value returns a term without y(i) and w(i,j): a matrix, or a number where no sense of the neuron j is in it.
func (t term) value(b *graph.Builder, in rule.Inputs) *G.Node {
	x := in.Tensors[0]
	var v *G.Node
	for k, n := range []*G.Node{x.Potential, x.Post, x.Mod, x.Target} {
		switch {
		case t.post&behind[k] == 0:
		case v == nil:
			v = n
		default:
			v = b.Mul(v, n)
		}
	}
	if t.phi == "" {
		return v
	}
	c := in.Phi[t.phi]
	if t.falls {
		c = b.Neg(b.Square(c))
	}
	if v == nil {
		return c
	}
	return b.Mul(c, v)
}

func (s *side) add(b *graph.Builder, v *G.Node) {
	if len(v.Shape()) == 0 {
		s.number = plus(b, s.number, v)
		return
	}
	s.matrix = plus(b, s.matrix, v)
}

// times sums over the examples, with or without the factor y(i), and returns a matrix [pre, post], or nil where there are no terms.
func (s side) times(b *graph.Builder, y *G.Node, before bool, pre, post int) *G.Node {
	switch {
	case s.matrix == nil && s.number == nil:
		return nil
	case s.matrix == nil && before:
		return b.Mul(s.number, b.Spread(b.SumAlong(y, 0), 1, pre, post))
	case s.matrix == nil:
		n := float64(y.Shape()[0])
		return b.Reshape(b.Spread(b.Scale(n, s.number), 0, pre*post), pre, post)
	}
	m := plus(b, s.matrix, s.number)
	if before {
		return b.MatMul(b.Transpose(y), m)
	}
	return b.Spread(b.SumAlong(m, 0), 0, pre, post)
}

// node returns the gate, nil if it is always open.
func (g gate) node(b *graph.Builder, in rule.Inputs) *G.Node {
	var n *G.Node
	if g.reward {
		if n = in.Reward; g.baseline != "" {
			n = b.Sub(n, in.Phi[g.baseline])
		}
	}
	if g.logRate == "" {
		return n
	}
	rate := b.Exp(in.Phi[g.logRate])
	if n == nil {
		return rate
	}
	return b.Mul(rate, n)
}

// find returns where a tensor of a layout begins.
func find(l params.Layout, name string) int {
	i := slices.IndexFunc(l, func(s params.Spec) bool { return s.Name == name })
	return l[:i].Len()
}
