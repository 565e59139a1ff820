// Package meta learns rules: it unrolls the training of inner problems under a rule, differentiates the losses met on
// the way with respect to the rule's meta-parameters phi, and moves phi.
//
// A [Trajectory] is the training of a problem under a rule. An [Estimator] estimates the derivative of what a trajectory
// comes to; [BPTT] is one. A [Learner] moves phi; [GradientLearner] does it by an estimator and an outer optimizer. A
// [Trainer] lets a learner learn, validates, keeps the best phi, and can be saved and resumed to the bit. Package meta sees
// vectors only: what a step is made of is the business of learnedopt, what a problem is made of that of inner.
package meta

import (
	"context"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/params"
)

// EstimatorOf estimates the derivative of a meta-loss with respect to phi. An estimator may carry an unfinished episode
// from one call to the next. It is for one goroutine at a time.
type EstimatorOf[F params.Float] interface {
	// Phi lays out the meta-parameters.
	Phi() params.Layout

	// Estimate overwrites grad with an estimate at phi. All that is random in it follows from key and from the calls
	// before. If ctx ends first, the error is ctx's and the estimator is as it was before the call.
	Estimate(ctx context.Context, grad, phi []F, key uint64) (Estimate, error)
}

// Estimate is what an estimator saw.
type Estimate struct {
	Loss     float64 // the meta-loss; +Inf if the inner training diverged, and then the gradient is zero
	Steps    int     // inner steps taken
	Episodes int     // episodes that ended with this estimate, in all copies
}

// Resumable is implemented by what carries something from one call to the next and can be saved. Loading into a new one of
// the same configuration makes it go on as the old one would have, to the bit.
type Resumable interface {
	// Save adds what is carried to a file: tensors and metadata whose names begin with prefix.
	Save(f *checkpoints.File, prefix string) error
	// Load reads it back. What does not fit is an error that names the tensor or the entry.
	Load(f *checkpoints.File, prefix string) error
}

// Estimator is the form in use.
type Estimator = EstimatorOf[float32]
