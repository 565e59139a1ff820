package learnedopt

import (
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// An Optimizer moves the weights of one training run. It is for one goroutine at a time.
type Optimizer struct {
	compiled *Compiled[float32]
	phi      []float32
	state    []float32
	step     []float32 // nil where the engine moves the weights itself
}

// New returns an optimizer that applies rule r with meta-parameters phi to weights of the given layout. A layout of a
// single vector will do wherever the shapes of the weights do not matter, which is so for every coordinatewise rule. A
// nil phi stands for the rule's own start, the hyperparameters of a hand-made rule.
func New(r Rule, phi []float32, theta params.Layout) (*Optimizer, error) {
	if phi == nil {
		phi = Phi(r, 0)
	}
	c, err := Compile[float32](r, theta)
	if err != nil {
		return nil, err
	}
	c.check("phi", phi, c.phi.Len())
	o := &Optimizer{compiled: c, phi: append([]float32(nil), phi...), state: make([]float32, c.state.Len())}
	if _, ok := c.engine.(mover); !ok {
		o.step = make([]float32, c.n)
	}
	return o, nil
}

// Phi returns the start of a rule's meta-parameters under a key.
func Phi(r Rule, key uint64) []float32 {
	phi := make([]float32, r.Phi().Len())
	r.Init(phi, key)
	return phi
}

// Step moves theta by one step, given the gradient of the loss at theta. It panics if either has the wrong length. A
// coordinate whose gradient is not finite may lose its weight and its state. With the rules of this package it allocates
// nothing, but for an LSTM of a hidden size without kernels.
func (o *Optimizer) Step(theta, grad []float32) error {
	o.compiled.check("theta", theta, o.compiled.n)
	p := Point[float32]{Phi: o.phi, State: o.state, Grad: grad, Theta: theta}
	if m, ok := o.compiled.engine.(mover); ok {
		o.compiled.checkPoint(p)
		return m.move(theta, o.state, p)
	}
	if err := o.compiled.Step(o.step, o.state, p); err != nil {
		return err
	}
	kernel.Add(theta, theta, o.step)
	return nil
}

// Reset forgets all steps: the next one is the first of a run.
func (o *Optimizer) Reset() { clear(o.state) }

// State returns the optimizer's memory, the live one: copy it to save a run, copy into it to go on with one.
func (o *Optimizer) State() []float32 { return o.state }
