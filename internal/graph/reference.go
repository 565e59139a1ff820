package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/params"
)

// A Reference is a graph run as it is written: Gorgonia's operations and ours, one after another in a fixed order, each into
// memory it keeps, so a run is a plain loop that one can step through; nothing is shared with others, and no value is
// overwritten before the run ends. It says what a Program has to compute, and can run some of its operations by themselves
// ([Reference.Part]). A Reference is for one goroutine.
type Reference[F params.Float] struct {
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

// NewReference makes what computes outputs from inputs. Every input node that the outputs depend on must be among inputs or
// carry a value of its own; all must have element type F.
func NewReference[F params.Float](inputs, outputs []*G.Node) (*Reference[F], error) {
	p := new(Reference[F])
	if err := checkInputs[F](inputs); err != nil {
		return nil, err
	}
	slot := make(map[*G.Node]int)
	add := func(n *G.Node, v G.Value) int {
		slot[n] = len(p.values)
		p.values = append(p.values, v)
		return slot[n]
	}
	for _, n := range inputs {
		p.in = append(p.in, add(n, newValue(n.Dtype(), n.Shape())))
	}
	for _, n := range topological(outputs) {
		if _, ok := slot[n]; ok {
			continue
		}
		in := children(n)
		if len(in) == 0 {
			v, err := ownValue(n)
			if err != nil {
				return nil, err
			}
			add(n, v)
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
func (p *Reference[F]) In(i int) []F { return Floats[F](p.values[p.in[i]]) }

// Out returns the i-th output of the last Run. It is valid until the next one.
func (p *Reference[F]) Out(i int) []F { return Floats[F](p.values[p.out[i]]) }

// Run computes the outputs from the inputs.
func (p *Reference[F]) Run() error {
	for i := range p.insts {
		if err := p.do(&p.insts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *Reference[F]) do(c *inst) error {
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
