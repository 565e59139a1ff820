package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/params"
)

// A Program is a graph compiled once and run many times: slices in, slices out. It carries out the operations one after
// another in a fixed order, each into memory it keeps, so a run is a plain loop that one can step through; nothing is
// shared with other Programs, and no value is overwritten before the run ends. A Program is for one goroutine.
type Program[F params.Float] struct {
	values  []G.Value // one slot a node
	in, out []int     // slots of the inputs and outputs
	insts   []inst
}

// An inst is one operation: the slots it reads, the slot it writes, and room for its arguments.
type inst struct {
	node *G.Node
	src  []int
	dst  int
	args []G.Value
	into func(dst G.Value, args ...G.Value) (G.Value, error) // runs into dst's memory; nil: the operation allocates
}

// Compile makes a program that computes outputs from inputs. Every input node that the outputs depend on must be among
// inputs or carry a value of its own; all must have element type F.
func Compile[F params.Float](inputs, outputs []*G.Node) (*Program[F], error) {
	p := new(Program[F])
	slot := make(map[*G.Node]int)
	add := func(n *G.Node, v G.Value) int {
		slot[n] = len(p.values)
		p.values = append(p.values, v)
		return slot[n]
	}
	for _, n := range inputs {
		if n.Dtype() != Dtype[F]() {
			return nil, fmt.Errorf("graph: input %q is of %v, want %v", n.Name(), n.Dtype(), Dtype[F]())
		}
		p.in = append(p.in, add(n, newValue(n.Dtype(), n.Shape())))
	}
	for _, n := range topological(outputs) {
		if _, ok := slot[n]; ok {
			continue
		}
		in := children(n)
		if len(in) == 0 {
			if n.Value() == nil {
				return nil, fmt.Errorf("graph: input %q is neither fed nor has a value of its own", n.Name())
			}
			add(n, n.Value())
			continue
		}
		c := inst{node: n, args: make([]G.Value, len(in)), into: into(n.Op())}
		for _, child := range in {
			c.src = append(c.src, slot[child])
		}
		c.dst = add(n, nil)
		if c.into != nil {
			p.values[c.dst] = newValue(n.Dtype(), n.Shape())
		}
		p.insts = append(p.insts, c)
	}
	for _, n := range outputs {
		p.out = append(p.out, slot[n])
	}
	return p, nil
}

// In returns the memory of the i-th input, to be filled before Run.
func (p *Program[F]) In(i int) []F { return Floats[F](p.values[p.in[i]]) }

// Out returns the i-th output of the last Run. It is valid until the next one.
func (p *Program[F]) Out(i int) []F { return Floats[F](p.values[p.out[i]]) }

// Run computes the outputs from the inputs.
func (p *Program[F]) Run() error {
	for i := range p.insts {
		if err := p.do(&p.insts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *Program[F]) do(c *inst) error {
	for j, s := range c.src {
		c.args[j] = p.values[s]
	}
	var v G.Value
	var err error
	if c.into != nil {
		v, err = c.into(p.values[c.dst], c.args...)
	} else {
		v, err = c.node.Op().Do(c.args...)
	}
	if err != nil {
		return fmt.Errorf("graph: %v: %w", c.node, err)
	}
	p.values[c.dst] = aligned(v)
	return nil
}

// into returns how op runs into memory it was given, or nil where it has no safe way: then each run allocates anew.
func into(op G.Op) func(dst G.Value, args ...G.Value) (G.Value, error) {
	var f func(dst G.Value, args ...G.Value) (G.Value, error)
	switch stockName(op) {
	case "": // ours
		return op.(G.UsePreallocDoer).UsePreallocDo
	case "elemBinOp", "linAlgBinOp":
		f = op.(G.UsePreallocDoer).UsePreallocDo
	case "elemUnaryOp": // has no form with a destination, but one that works in place: copy, then transform
		f = func(dst G.Value, args ...G.Value) (G.Value, error) {
			if _, err := G.Copy(dst, args[0]); err != nil {
				return nil, err
			}
			return op.(G.UnsafeDoer).UnsafeDo(dst)
		}
	default:
		return nil
	}
	return func(dst G.Value, args ...G.Value) (G.Value, error) {
		if _, scalar := dst.(G.Scalar); scalar {
			return op.Do(args...)
		}
		return f(dst, args...)
	}
}
