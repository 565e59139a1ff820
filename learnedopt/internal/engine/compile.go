// Package engine runs rules: it binds one to weights and gives its step and the step's pullback over flat vectors. It has two
// ways to do that: the expression that the rule's Update writes, and kernels that the rule brings with it.
package engine

import (
	"errors"
	"fmt"

	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// Options says how a rule is bound. The zero value is a single run on all processors.
type Options struct {
	Copies  int // runs that go on side by side, with the same phi; 1 if zero
	Workers int // the most goroutines to use at a time; runtime.GOMAXPROCS(0) if zero. The bits do not depend on it

	Senses params.Layout // what one run shows to its synapses, for rules that read it; see params.Sense

	// Reference leaves kernels out: the rule's expression is run, and not lowered onto kernels. That is what kernels are tested
	// against.
	Reference bool
}

// A Compiled is a rule bound to weights, ready to run forwards and backwards. Its methods share memory: one goroutine at a
// time.
type Compiled[F params.Float] struct {
	rule    rule.Rule
	spec    rule.Spec
	binding rule.Binding
	state   rule.StateLayout
	options Options
	kernel  rule.Kernel     // nil: the expression does it all
	graph   *graphEngine[F] // nil until it is needed
	start   *initial[F]     // nil: the state starts at zero

	coordinates, senses, stateLen, phiLen int // lengths of vectors, worked out once
}

// Compile binds a rule to weights of the given layout.
func Compile[F params.Float](r rule.Rule, theta params.Layout, o Options) (*Compiled[F], error) {
	if err := rule.Validate(r); err != nil {
		return nil, err
	}
	c, err := compile[F](r, theta, o)
	if err != nil {
		return nil, fmt.Errorf("learnedopt: %s: %w", r.Name(), err)
	}
	return c, nil
}

func compile[F params.Float](r rule.Rule, theta params.Layout, o Options) (*Compiled[F], error) {
	if err := theta.Validate(); err != nil {
		return nil, err
	}
	if theta.Len() == 0 {
		return nil, errors.New("there are no weights")
	}
	if o.Copies == 0 {
		o.Copies = 1
	}
	if o.Copies < 1 || o.Workers < 0 {
		return nil, fmt.Errorf("%d copies on %d workers; want at least 1 copy, and 0 workers or more", o.Copies, o.Workers)
	}
	c := &Compiled[F]{rule: r, spec: r.Spec(), binding: rule.Binding{Theta: theta, Copies: o.Copies, Senses: o.Senses}, options: o}
	if err := c.spec.Phi.Validate(); err != nil {
		return nil, fmt.Errorf("phi: %w", err)
	}
	if err := checkSenses(c.spec, c.binding); err != nil {
		return nil, err
	}
	var err error
	if c.state, err = c.spec.Layout(c.binding); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	c.coordinates, c.senses = c.binding.Coordinates(), c.binding.Copies*c.binding.Senses.Len()
	c.stateLen, c.phiLen = c.state.Flat.Len(), c.spec.Phi.Len()
	if c.start, err = newInitial(c); err != nil {
		return nil, err
	}
	if k, ok := r.(rule.Kernels); ok && c.lowered() {
		c.kernel = k.Kernel(r, c.binding, o.Workers)
	}
	if c.kernel == nil {
		_, err = c.expression()
	}
	return c, err
}

func isFloat32[F params.Float]() bool {
	_, ok := any(*new(F)).(float32)
	return ok
}

// lowered reports whether the rule's graphs run on kernels.
func (c *Compiled[F]) lowered() bool { return isFloat32[F]() && !c.options.Reference }

// expression returns the engine that every rule has, making it when first asked: those who only take steps on kernels need
// none.
func (c *Compiled[F]) expression() (*graphEngine[F], error) {
	var err error
	if c.graph == nil {
		c.graph, err = newGraphEngine(c)
	}
	return c.graph, err
}

// Coordinates returns the number of coordinates of all copies.
func (c *Compiled[F]) Coordinates() int { return c.coordinates }

// Copies returns how many runs go on side by side.
func (c *Compiled[F]) Copies() int { return c.binding.Copies }

// Rule returns the rule that is bound.
func (c *Compiled[F]) Rule() rule.Rule { return c.rule }

// Theta lays out the weights of one run.
func (c *Compiled[F]) Theta() params.Layout { return c.binding.Theta }

// Spec returns what the rule is.
func (c *Compiled[F]) Spec() rule.Spec { return c.spec }

// Phi returns the layout of the meta-parameters.
func (c *Compiled[F]) Phi() params.Layout { return c.spec.Phi }

// State returns the layout of the state of all copies.
func (c *Compiled[F]) State() params.Layout { return c.state.Flat }

// StateLayout tells what in the state belongs to whom.
func (c *Compiled[F]) StateLayout() rule.StateLayout { return c.state }

// Senses lays out what one run shows to its synapses.
func (c *Compiled[F]) Senses() params.Layout { return c.binding.Senses }

// Reads says what the rule looks at.
func (c *Compiled[F]) Reads() rule.Vars { return c.spec.Reads }

// Start overwrites state with that at the start of a run.
func (c *Compiled[F]) Start(state, phi []F) error {
	c.check("state", state, c.stateLen)
	c.check("phi", phi, c.phiLen)
	clear(state)
	if c.start == nil {
		return nil
	}
	return c.start.run(state, phi)
}

// Starts reports whether the rule has a start of its own, which Start's pullback goes through.
func (c *Compiled[F]) Starts() bool { return c.start != nil }

// StartPullback adds to dPhi the derivative through Start, where dState is the cotangent of the state there.
func (c *Compiled[F]) StartPullback(dPhi, dState, phi []F) error {
	c.check("cotangent of phi", dPhi, c.phiLen)
	c.check("cotangent of the state", dState, c.stateLen)
	c.check("phi", phi, c.phiLen)
	if c.start == nil {
		return nil
	}
	return c.start.pullback(dPhi, dState, phi)
}

// Step computes the step and the next state, overwriting both; next may be p.State itself.
func (c *Compiled[F]) Step(step, next []F, p rule.Point[F]) error {
	c.check("step", step, c.coordinates)
	c.check("next state", next, c.stateLen)
	c.checkPoint(&p)
	if c.kernel != nil {
		return c.kernel.Step(f32(step), f32(next), point32(p))
	}
	return c.graph.step(step, next, p)
}

// Moves reports whether Move is there for this rule: whether its kernel adds the step to the weights by itself.
func (c *Compiled[F]) Moves() bool {
	_, ok := c.kernel.(rule.MoveKernel)
	return ok
}

// Move adds the step to theta, which is p.Theta, and computes the next state. The rule must be one that Moves.
func (c *Compiled[F]) Move(theta, next []F, p rule.Point[F]) error {
	c.check("theta", theta, c.coordinates)
	c.check("next state", next, c.stateLen)
	c.checkPoint(&p)
	return c.kernel.(rule.MoveKernel).Move(f32(theta), f32(next), point32(p))
}

// Pullback carries the cotangents of a step's results back to what the step was computed from.
func (c *Compiled[F]) Pullback(d rule.Cotangents[F], p rule.Point[F]) error {
	n, m := c.coordinates, c.stateLen
	c.check("cotangent of the step", d.Step, n)
	c.check("cotangent of the next state", d.Next, m)
	c.check("cotangent of phi", d.Phi, c.phiLen)
	c.check("cotangent of the state", d.State, m)
	if d.Grad != nil {
		c.check("cotangent of the gradient", d.Grad, n)
	}
	if d.Theta != nil {
		c.check("cotangent of theta", d.Theta, n)
	}
	if d.Loss != nil {
		c.check("cotangent of the loss", d.Loss, c.binding.Copies)
	}
	if d.Senses != nil {
		c.check("cotangent of the senses", d.Senses, c.senses)
	}
	c.checkPoint(&p)
	if k, ok := c.kernel.(rule.PullbackKernel); ok {
		clear(d.Loss)
		clear(d.Senses)
		return k.Pullback(cotangents32(d), point32(p))
	}
	e, err := c.expression()
	if err != nil {
		return err
	}
	return e.pullback(d, p)
}

// HasWindow reports whether PullbackWindow is there for this rule.
func (c *Compiled[F]) HasWindow() bool {
	_, ok := c.kernel.(rule.WindowKernel)
	return ok
}

// ErrNoWindow is returned by PullbackWindow for rules that can only go back step by step.
var ErrNoWindow = errors.New("learnedopt: this rule goes back step by step only")

// PullbackWindow adds to w.DPhi what Pullback would over all the window's steps, from the last to the first. It stores no
// states: it computes them again, block by block.
func (c *Compiled[F]) PullbackWindow(w rule.Window[F]) error {
	k, ok := c.kernel.(rule.WindowKernel)
	if !ok {
		return ErrNoWindow
	}
	c.check("phi", w.Phi, c.phiLen)
	c.check("state", w.State, c.stateLen)
	c.check("cotangent of phi", w.DPhi, c.phiLen)
	if len(w.Grads) != len(w.DStep) {
		panic(fmt.Sprintf("learnedopt: %s: %d gradients and %d cotangents of steps", c.rule.Name(), len(w.Grads), len(w.DStep)))
	}
	for t := range w.Grads {
		c.check("gradient", w.Grads[t], c.coordinates)
		c.check("cotangent of a step", w.DStep[t], c.coordinates)
	}
	return k.PullbackWindow(window32(w))
}

// anySense is all that a problem shows to its synapses.
const anySense = rule.Pre | rule.Potential | rule.Post | rule.Mod | rule.Target | rule.Reward

func (c *Compiled[F]) check(what string, v []F, n int) {
	if len(v) != n {
		c.wrongLength(what, len(v), n)
	}
}

func (c *Compiled[F]) wrongLength(what string, have, want int) {
	panic(fmt.Sprintf("learnedopt: %s: %s of length %d, want %d", c.rule.Name(), what, have, want))
}

func (c *Compiled[F]) checkPoint(p *rule.Point[F]) {
	c.check("phi", p.Phi, c.phiLen)
	c.check("state", p.State, c.stateLen)
	reads := c.spec.Reads
	if reads&rule.Grad != 0 {
		c.check("gradient", p.Grad, c.coordinates)
	}
	if reads&rule.Theta != 0 {
		c.check("theta", p.Theta, c.coordinates)
	}
	if reads&rule.Loss != 0 {
		c.check("losses", p.Loss, c.binding.Copies)
	}
	if reads&anySense != 0 {
		c.check("senses", p.Senses, c.senses)
	}
}

// Kernels are of float32. These turn what is float32 anyway into that for the compiler, without allocating.

func f32[F params.Float](v []F) []float32 {
	w, _ := any(v).([]float32)
	return w
}

func point32[F params.Float](p rule.Point[F]) rule.Point[float32] {
	return rule.Point[float32]{
		Phi: f32(p.Phi), State: f32(p.State), Grad: f32(p.Grad), Theta: f32(p.Theta), Loss: f32(p.Loss), Step: p.Step, Horizon: p.Horizon,
		Senses: f32(p.Senses),
	}
}

func cotangents32[F params.Float](d rule.Cotangents[F]) rule.Cotangents[float32] {
	return rule.Cotangents[float32]{
		Step: f32(d.Step), Next: f32(d.Next), Phi: f32(d.Phi), State: f32(d.State), Grad: f32(d.Grad), Theta: f32(d.Theta), Loss: f32(d.Loss),
		Senses: f32(d.Senses),
	}
}

func window32[F params.Float](w rule.Window[F]) rule.Window[float32] {
	grads, _ := any(w.Grads).([][]float32)
	dStep, _ := any(w.DStep).([][]float32)
	return rule.Window[float32]{Phi: f32(w.Phi), State: f32(w.State), Grads: grads, DStep: dStep, DPhi: f32(w.DPhi)}
}
