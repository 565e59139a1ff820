// Package meta learns rules: it unrolls the training of inner problems under a rule, differentiates the losses met on
// the way with respect to the rule's meta-parameters phi, and moves phi.
//
// An [Estimator] estimates the derivative; [BPTT] is one. A [Trainer] feeds it to an outer optimizer, validates, keeps
// the best phi, and can be saved and resumed to the bit. Package meta sees vectors only: what a step is made of is the
// business of learnedopt, what a problem is made of that of inner.
package meta

import (
	"context"

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

// Resumable is implemented by estimators that carry something from one call to the next. Restoring a snapshot into a
// new estimator of the same configuration makes it go on as the old one would have.
type Resumable interface {
	Snapshot() Snapshot
	Restore(Snapshot) error
}

// Snapshot is an unfinished episode. The zero Snapshot is that of an estimator about to start one.
type Snapshot struct {
	Key   uint64    // of the episode
	Step  int       // inner steps taken; 0: no episode is under way
	Theta []float32 // the weights now
	State []float32 // the rule's memory now
}

// Estimator is the form in use.
type Estimator = EstimatorOf[float32]
