package learnedopt

import (
	"fmt"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// An Optimizer moves the weights of one training run. It is for one goroutine at a time.
type Optimizer struct {
	compiled *Compiled[float32]
	phi      []float32
	state    []float32
	step     []float32 // nil where the rule moves the weights itself
	steps    int       // taken
	loss     []float32 // for rules that read it
	horizon  int       // for rules that read it; 0: nobody knows

	guard *guard // of a trained rule's optimizer; nil of a bare one
	slab  slabOf[float32]
	slabs []slab // slab alone
}

// New returns an optimizer that applies rule r with meta-parameters phi to weights of the given layout. A layout of a
// single vector will do wherever the shapes of the weights do not matter, which is so for every coordinatewise rule. A
// nil phi stands for the rule's own start, the hyperparameters of a hand-made rule.
//
// It is the bare rule, as meta-training sees it: every coordinate moves at every step, and what is not finite goes where
// the formulas take it. To train with a rule, [Trained.New] is the safer choice.
func New(r Rule, phi []float32, theta params.Layout) (*Optimizer, error) {
	if phi == nil {
		phi = Phi(r, 0)
	}
	c, err := Compile[float32](r, theta)
	if err != nil {
		return nil, err
	}
	o := &Optimizer{
		compiled: c, phi: append([]float32(nil), phi...), state: make([]float32, c.State().Len()), loss: make([]float32, 1),
	}
	if !c.Moves() {
		o.step = make([]float32, c.Coordinates())
	}
	return o, c.Start(o.state, o.phi)
}

// New returns an optimizer for weights of the given layout, to be stepped by hand, with the guards of a rule in use:
//
//   - A gradient with a NaN or an infinity in it is an error that names the tensor and the index, and moves nothing; see
//     [SkipNonFinite]. So is a phi that is not finite, and a step.
//   - A coordinate whose gradient has been exactly zero ever since the start stays where it is, and so does its state:
//     its first gradient finds it as it was. (Otherwise learned rules carry such weights away, of pixels that are always
//     blank, say, and AdamW lets them decay.) What coordinates share, such as Adam's count of steps, goes on. Of a rule
//     of another scope than [Coordinates] only the steps are held back. See [EveryCoordinate] and [Sparse].
//
// On gradients without zeros, the steps are the same bits as [New]'s. Whether they lead anywhere is another matter: see
// [WithGuard] for rules that one does not trust.
func (t *Trained) New(theta params.Layout, opts ...Option) (*Optimizer, error) {
	o, err := newOptions("New", opts, "WithPatience")
	if err != nil {
		return nil, err
	}
	return t.guarded(theta, o)
}

// guarded returns an optimizer with guards.
func (t *Trained) guarded(theta params.Layout, opts *options) (*Optimizer, error) {
	o, err := New(t.Rule, t.Phi, theta)
	if err != nil {
		return nil, err
	}
	if err := checkPhi(t.Rule, o.phi); err != nil {
		return nil, err
	}
	o.slabs = []slab{&o.slab}
	o.guard, err = newGuard(o, opts)
	return o, err
}

// Step moves theta by one step, given the gradient of the loss at theta. It panics if either has the wrong length. With
// the rules of this package it allocates nothing, but for an LSTM of a hidden size without kernels.
//
// Of an optimizer that the function [New] made, a coordinate whose gradient is not finite may lose its weight and its
// state; for one of [Trained.New] such a gradient is an error.
func (o *Optimizer) Step(theta, grad []float32) error {
	if r := o.wantsLoss(); r != nil {
		return fmt.Errorf("learnedopt: %s reads the loss; want StepLoss", r.Name())
	}
	return o.stepTold(theta, grad, told{})
}

// wantsLoss returns the rule, itself or its fallback, that reads a loss which nobody has said where to ask for; nil if there is none.
func (o *Optimizer) wantsLoss() Rule {
	g := o.guard
	switch {
	case g != nil && g.options.loss != nil:
		return nil
	case o.compiled.Reads()&Loss != 0:
		return o.compiled.Rule()
	case g != nil && g.second != nil:
		return g.second.o.wantsLoss()
	}
	return nil
}

// StepLoss is Step for rules that read the loss at theta, and for [LossCheck]; others pass over it. What [WithLoss] says comes
// before it.
func (o *Optimizer) StepLoss(theta, grad []float32, loss float64) error {
	return o.stepTold(theta, grad, told{loss, true})
}

func (o *Optimizer) stepTold(theta, grad []float32, t told) error {
	o.check("theta", theta)
	o.check("gradient", grad)
	o.loss[0] = float32(t.loss)
	if o.guard != nil {
		o.guard.told = t
		o.slab.theta, o.slab.grad = theta, grad
		return o.guard.step(o.slabs)
	}
	p := o.point(grad, theta)
	o.steps++
	if o.compiled.Moves() {
		return o.compiled.Move(theta, o.state, p)
	}
	if err := o.compiled.Step(o.step, o.state, p); err != nil {
		return err
	}
	kernel.Add(theta, theta, o.step)
	return nil
}

// point is what the next step is computed from.
func (o *Optimizer) point(grad, theta []float32) Point[float32] {
	return Point[float32]{Phi: o.phi, State: o.state, Grad: grad, Theta: theta, Loss: o.loss, Step: o.steps, Horizon: o.horizon}
}

func (o *Optimizer) check(what string, v []float32) {
	if n := o.compiled.Coordinates(); len(v) != n {
		panic(fmt.Sprintf("learnedopt: %s: %s of length %d, want %d", o.compiled.Rule().Name(), what, len(v), n))
	}
}

// Reset forgets all steps: the next one is the first of a run.
func (o *Optimizer) Reset() error {
	o.steps = 0
	if o.guard != nil {
		if err := o.guard.reset(); err != nil {
			return err
		}
	}
	return o.compiled.Start(o.state, o.phi)
}

// State returns the rule's memory, the live one: copy it to save a run, copy into it to go on with one. For an optimizer
// of [Trained.New], and for a rule that reads the number of its step, it is not all there is to a run; MarshalBinary saves
// that.
func (o *Optimizer) State() []float32 { return o.state }

// StateLayout says what lies where in State.
func (o *Optimizer) StateLayout() params.Layout { return o.compiled.State() }

// Skipped returns how many steps were left out since the start or the last Reset; see [SkipNonFinite].
func (o *Optimizer) Skipped() int {
	if o.guard == nil {
		return 0
	}
	return o.guard.skipped
}

// Checks returns what the guard of [LossCheck] has done since the start or the last Reset; zeros without it.
func (o *Optimizer) Checks() Checks {
	if o.guard == nil || o.guard.race == nil {
		return Checks{}
	}
	return o.guard.race.Checks
}

// Finish ends a run under [LossCheck]: if the loss at theta, which is loss unless [WithLoss] says it, is not the lowest of the points
// that the guard could go back to, theta becomes that of the lowest. Without that guard nothing happens. If there is another step
// after it, a check begins with that. It panics if theta has the wrong length.
func (o *Optimizer) Finish(theta []float32, loss float64) error {
	o.check("theta", theta)
	if o.guard == nil || o.guard.race == nil {
		return nil
	}
	o.guard.told = told{loss, true}
	o.slab.theta = theta
	return o.guard.finish(o.slabs)
}
