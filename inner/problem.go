// Package inner holds the problems that optimizers are learned on: something with weights theta, a loss and a gradient.
//
// A [Problem] may be any Go code; nothing is differentiated through it. A [Family] samples problems that share one
// layout, so that a rule is trained on many and tested on others. [Expression] makes a problem of any Gorgonia loss, and
// package credit problems of the networks in package nets.
//
// All randomness is in keys: a key names the start of an episode or a minibatch, and the same key always names the same.
package inner

import "github.com/seed1498fded/unroll/params"

// ProblemOf is an optimizee with weights of element type F. Its methods may share memory: one goroutine at a time.
type ProblemOf[F params.Float] interface {
	// Params lays out the weights.
	Params() params.Layout

	// Init fills theta with the start of an episode.
	Init(theta []F, key uint64)

	// Eval returns the loss at theta on the minibatch named by key, and overwrites grad with its gradient. With a nil
	// grad it returns the loss alone. A loss that is not finite is a result, not an error.
	Eval(grad, theta []F, key uint64) (loss float64, err error)
}

// CurvatureOf is implemented by problems that know their second derivatives; the exact meta-gradient needs it.
type CurvatureOf[F params.Float] interface {
	// HessianVector overwrites dst with the product of v and the Hessian of the loss at theta on the minibatch named by
	// key.
	HessianVector(dst, theta, v []F, key uint64) error
}

// SignalledOf is implemented by problems whose Eval hands out a teaching signal that is not the derivative of the loss.
// Rules step on the signal; how good their steps were is a matter of the derivative, so the meta-gradient needs both.
type SignalledOf[F params.Float] interface {
	// Derivative overwrites dst with the derivative of the loss at theta on the minibatch named by key.
	Derivative(dst, theta []F, key uint64) error
}

// Sized is implemented by problems whose own memory counts, that of their minibatches for instance.
type Sized interface {
	// Bytes estimates the memory that an instance takes, weights and gradients not counted.
	Bytes() float64
}

// TestedOf is implemented by problems that also tell how good weights are on what they are not trained on: on examples held out, or,
// of a function that comes with noise, without it.
type TestedOf[F params.Float] interface {
	// TestLoss returns the mean loss at theta over all that is held out: always the same examples, and without terms that
	// are for training alone, such as weight decay. A loss that is not finite is a result, not an error.
	TestLoss(theta []F) (loss float64, err error)
}

// FamilyOf is a distribution over problems of one layout.
type FamilyOf[F params.Float] interface {
	// Sample returns the problem named by key.
	Sample(key uint64) (ProblemOf[F], error)
}

// The float32 forms are the ones in use; float64 is for tests that need the digits.
type (
	Problem   = ProblemOf[float32]
	Curvature = CurvatureOf[float32]
	Signalled = SignalledOf[float32]
	Tested    = TestedOf[float32]
	Family    = FamilyOf[float32]
)
