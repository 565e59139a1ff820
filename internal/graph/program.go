package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/params"
)

// A Program is a graph compiled once and run many times: slices in, slices out. In float64 it is the graph as it is written,
// a [Reference]. In float32 it is lowered: onto the loops of package kernel, with chains of elementwise operations in one
// pass over memory, views in place of copies, and memory that is planned ahead; an operation that lowering does not know
// runs as Gorgonia has it. Nothing is shared with other Programs. A Program is for one goroutine.
type Program[F params.Float] struct {
	runner[F]
	in  [][]F // the inputs' memory, which stays where it is
	out [][]F // likewise; nil where outputs move
}

// In returns the memory of the i-th input, to be filled before Run.
func (p *Program[F]) In(i int) []F { return p.in[i] }

// Out returns the i-th output of the last Run. It is valid until the next one.
func (p *Program[F]) Out(i int) []F {
	if p.out != nil {
		return p.out[i]
	}
	return p.runner.Out(i)
}

// newProgram makes a program with so many inputs.
func newProgram[F params.Float](r runner[F], inputs int) *Program[F] {
	p := &Program[F]{runner: r}
	for i := range inputs {
		p.in = append(p.in, r.In(i))
	}
	return p
}

// A runner is a way to run a graph.
type runner[F params.Float] interface {
	// In returns the memory of the i-th input, to be filled before Run.
	In(i int) []F
	// Out returns the i-th output of the last Run. It is valid until the next one.
	Out(i int) []F
	// Run computes the outputs from the inputs.
	Run() error
}

// Compile makes a program that computes outputs from inputs. Every input node that the outputs depend on must be among
// inputs or carry a value of its own; all must have element type F.
func Compile[F params.Float](inputs, outputs []*G.Node) (*Program[F], error) {
	if Dtype[F]() == Dtype[float32]() {
		lowered, err := lower(inputs, outputs)
		if err != nil {
			return nil, err
		}
		p := newProgram(any(lowered).(runner[F]), len(inputs))
		for i := range outputs {
			p.out = append(p.out, p.runner.Out(i))
		}
		return p, nil
	}
	return CompileUnlowered[F](inputs, outputs)
}

// CompileUnlowered is Compile without lowering, in either element type: what lowered programs are tested against.
func CompileUnlowered[F params.Float](inputs, outputs []*G.Node) (*Program[F], error) {
	r, err := NewReference[F](inputs, outputs)
	if err != nil {
		return nil, err
	}
	return newProgram[F](r, len(inputs)), nil
}

func checkInputs[F params.Float](inputs []*G.Node) error {
	for _, n := range inputs {
		if n.Dtype() != Dtype[F]() {
			return fmt.Errorf("graph: input %q is of %v, want %v", n.Name(), n.Dtype(), Dtype[F]())
		}
	}
	return nil
}

// ownValue returns the value that a node carries which is not an input.
func ownValue(n *G.Node) (G.Value, error) {
	if n.Value() == nil {
		return nil, fmt.Errorf("graph: input %q is neither fed nor has a value of its own", n.Name())
	}
	return n.Value(), nil
}
