package learnedopt

import (
	"errors"
	"fmt"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/params"
)

// A Compiled is a rule bound to a number of coordinates, ready to run forwards and backwards. Its methods share memory:
// one goroutine at a time. They use up to runtime.GOMAXPROCS(0) goroutines inside, and give the same bits with any
// number of them.
type Compiled[F params.Float] struct {
	rule   Rule
	phi    params.Layout
	state  params.Layout
	n      int
	theta  params.Layout
	engine engine[F]
}

// Compile binds a rule to weights of the given layout. Where the rule has kernels of its own it uses these, and its
// graph otherwise.
func Compile[F params.Float](r Rule, theta params.Layout) (*Compiled[F], error) {
	c, err := newCompiled[F](r, theta)
	if err != nil {
		return nil, err
	}
	if c32, ok := any(c).(*Compiled[float32]); ok {
		if c32.engine = kernelEngine(c32); c32.engine != nil {
			return c, nil
		}
		return c.onGraph(graph.Compile[F], min(max(blockLen, blockState/(1+c.state.Len()/c.n)), lightBlockLen))
	}
	return c.onGraph(graph.Compile[F], blockLen)
}

// CompileGraph is Compile without kernels: it always runs the expression that the rule's Update writes, as it is written,
// by Gorgonia's operations. It is the reference that kernels are tested against, and the lowering of graphs.
func CompileGraph[F params.Float](r Rule, theta params.Layout) (*Compiled[F], error) {
	c, err := newCompiled[F](r, theta)
	if err != nil {
		return nil, err
	}
	return c.onGraph(graph.CompileUnlowered[F], blockLen)
}

func newCompiled[F params.Float](r Rule, theta params.Layout) (*Compiled[F], error) {
	if v, ok := r.(Validator); ok {
		if err := v.Validate(); err != nil {
			return nil, err
		}
	}
	if err := theta.Validate(); err != nil {
		return nil, fmt.Errorf("learnedopt: %s: %w", r.Name(), err)
	}
	if theta.Len() == 0 {
		return nil, fmt.Errorf("learnedopt: %s: there are no weights", r.Name())
	}
	return &Compiled[F]{rule: r, phi: r.Phi(), state: r.State(theta), n: theta.Len(), theta: theta}, nil
}

// onGraph gives c the engine that every rule has.
func (c *Compiled[F]) onGraph(compile compiler[F], block int) (*Compiled[F], error) {
	e, err := newGraphEngine(c, compile, block)
	if err != nil {
		return nil, err
	}
	c.engine = e
	return c, nil
}

// Coordinates returns the number of weights the rule is bound to.
func (c *Compiled[F]) Coordinates() int { return c.n }

// Phi returns the layout of the meta-parameters.
func (c *Compiled[F]) Phi() params.Layout { return c.phi }

// State returns the layout of the state.
func (c *Compiled[F]) State() params.Layout { return c.state }

// Reads says what the rule looks at.
func (c *Compiled[F]) Reads() Vars { return c.rule.Reads() }

// A Point is what one step is computed from, as flat vectors. Theta may be nil if the rule does not read it.
type Point[F params.Float] struct{ Phi, State, Grad, Theta []F }

// Step computes the step and the next state, overwriting both; next may be p.State itself.
func (c *Compiled[F]) Step(step, next []F, p Point[F]) error {
	c.check("step", step, c.n)
	c.check("next state", next, c.state.Len())
	c.checkPoint(p)
	return c.engine.step(step, next, p)
}

// Cotangents are the derivatives of a loss with respect to the parts of one step. Pullback reads the first two and
// writes the others.
type Cotangents[F params.Float] struct {
	Step  []F // of the step
	Next  []F // of the next state
	Phi   []F // added to
	State []F // overwritten; may be Next itself
	Grad  []F // overwritten; nil if not wanted
	Theta []F // overwritten, with zeros if the rule does not read Theta; nil if not wanted
}

// Pullback carries the cotangents of a step's results back to what the step was computed from.
func (c *Compiled[F]) Pullback(d Cotangents[F], p Point[F]) error {
	c.check("cotangent of the step", d.Step, c.n)
	c.check("cotangent of the next state", d.Next, c.state.Len())
	c.check("cotangent of phi", d.Phi, c.phi.Len())
	c.check("cotangent of the state", d.State, c.state.Len())
	if d.Grad != nil {
		c.check("cotangent of the gradient", d.Grad, c.n)
	}
	if d.Theta != nil {
		c.check("cotangent of theta", d.Theta, c.n)
	}
	c.checkPoint(p)
	return c.engine.pullback(d, p)
}

// A Window is a number of consecutive steps whose gradients count as constants, of a rule that does not read Theta.
type Window[F params.Float] struct {
	Phi   []F
	State []F   // where the first step began
	Grads [][]F // what each step saw
	DStep [][]F // the cotangent of each step
	DPhi  []F   // added to
}

// HasWindow reports whether PullbackWindow is there for this rule.
func (c *Compiled[F]) HasWindow() bool {
	_, ok := c.engine.(windowEngine[F])
	return ok
}

// ErrNoWindow is returned by PullbackWindow for rules that can only go back step by step.
var ErrNoWindow = errors.New("learnedopt: this rule goes back step by step only")

// PullbackWindow adds to w.DPhi what Pullback would over all the window's steps, from the last to the first. It stores no
// states: it computes them again, block by block.
func (c *Compiled[F]) PullbackWindow(w Window[F]) error {
	e, ok := c.engine.(windowEngine[F])
	if !ok {
		return ErrNoWindow
	}
	c.check("phi", w.Phi, c.phi.Len())
	c.check("state", w.State, c.state.Len())
	c.check("cotangent of phi", w.DPhi, c.phi.Len())
	if len(w.Grads) != len(w.DStep) {
		panic(fmt.Sprintf("learnedopt: %s: %d gradients and %d cotangents of steps", c.rule.Name(), len(w.Grads), len(w.DStep)))
	}
	for t := range w.Grads {
		c.check("gradient", w.Grads[t], c.n)
		c.check("cotangent of a step", w.DStep[t], c.n)
	}
	return e.pullbackWindow(w)
}

func (c *Compiled[F]) check(what string, v []F, n int) {
	if len(v) != n {
		panic(fmt.Sprintf("learnedopt: %s: %s of length %d, want %d", c.rule.Name(), what, len(v), n))
	}
}

func (c *Compiled[F]) checkPoint(p Point[F]) {
	c.check("phi", p.Phi, c.phi.Len())
	c.check("state", p.State, c.state.Len())
	c.check("gradient", p.Grad, c.n)
	if c.Reads()&Theta != 0 {
		c.check("theta", p.Theta, c.n)
	}
}
