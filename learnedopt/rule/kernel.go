package rule

import "github.com/seed1498fded/unroll/params"

// A Point is what one step is computed from, as flat vectors: State laid out by a StateLayout, Grad and Theta by a Binding.
// What the rule does not read may be left out.
type Point[F params.Float] struct {
	Phi, State, Grad, Theta []F

	Loss    []F // one a run
	Step    int // steps taken before this one, the same in all runs
	Horizon int // steps of the whole run
	Senses  []F // laid out by a Binding, one run's after another
}

// Cotangents are the derivatives of a meta-loss with respect to the parts of one step. A pullback reads the first two and
// writes the others.
type Cotangents[F params.Float] struct {
	Step  []F // of the step
	Next  []F // of the next state
	Phi   []F // added to
	State []F // overwritten; may be Next itself
	Grad  []F // overwritten, with zeros if the rule does not read it; nil if not wanted
	Theta []F // likewise
	Loss  []F // likewise

	Senses []F // likewise; what the rule does not read is zero
}

// A Window is a number of consecutive steps whose inputs but phi and state count as constants.
type Window[F params.Float] struct {
	Phi   []F
	State []F   // where the first step began
	Grads [][]F // what each step saw
	DStep [][]F // the cotangent of each step
	DPhi  []F   // added to
}

// Kernels is implemented by rules that have float32 arithmetic of their own beside their expression. The expression stays
// what the rule means: the laws hold a kernel to it.
type Kernels interface {
	// Kernel returns the arithmetic for r on the bound weights, using up to so many workers, or nil for none. The bits must
	// not depend on the number of workers. r is the rule that is being bound: where it is not the method's own receiver but
	// something that embeds it, and so has an expression of its own, the answer is nil.
	Kernel(r Rule, b Binding, workers int) Kernel
}

// A Kernel computes a bound rule's steps. One goroutine calls it at a time. What it implements of the other interfaces here
// is used; what it lacks is done by the rule's expression.
type Kernel interface {
	// Step overwrites the step and the next state, which may be p.State itself.
	Step(step, next []float32, p Point[float32]) error
}

// PullbackKernel is a kernel with a backward pass.
type PullbackKernel interface {
	// Pullback carries the cotangents of a step's results back to what the step was computed from.
	Pullback(d Cotangents[float32], p Point[float32]) error
}

// WindowKernel is a kernel that carries a whole window back at once, for rules that do not read Theta or Loss.
type WindowKernel interface {
	// PullbackWindow adds to w.DPhi what Pullback would over all steps, from the last to the first.
	PullbackWindow(w Window[float32]) error
}

// MoveKernel is a kernel that adds the step to the weights itself, so that it need not go through memory.
type MoveKernel interface {
	// Move adds the step from p, whose Theta is theta, and computes the next state, which may be p.State itself. The weights are
	// the same bits as with Step and an addition.
	Move(theta, next []float32, p Point[float32]) error
}
