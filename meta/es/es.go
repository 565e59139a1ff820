// Package es estimates meta-gradients by evolution strategies: phi is perturbed, training goes on under both signs of the
// perturbation, and the difference of the losses tells the derivative along it. Nothing is differentiated, so that everything
// that runs can be learned, and what is estimated is the gradient of the meta-loss smoothed by a Gaussian of width sigma, which
// stays small where that of the meta-loss itself explodes.
//
// Full ES perturbs whole episodes. The others estimate from windows of an episode, as truncated backpropagation does: truncated ES is
// biased as that is; PES, NRES and GPES are not, because they remember what an episode has been perturbed by from its beginning.
//
// An [EstimatorOf] is a [meta.EstimatorOf]. What it perturbs is a [SystemOf]; [TrainingOf] is one, the training of problems by a rule.
package es

import (
	"context"

	"github.com/seed1498fded/unroll/params"
)

// SystemOf is what an estimator perturbs: something that goes step by step under phi from a state that is a vector, and that
// has a loss after each step. It is for one goroutine at a time. All systems of an estimator must do the same.
type SystemOf[F params.Float] interface {
	// State lays out a state.
	State() params.Layout

	// Start overwrites state with the start of an episode. phi is read only.
	Start(state, phi []F, e Episode) error

	// Unroll takes len(losses) steps of an episode, of which from are taken already, from state on and under phi: it overwrites
	// losses with the loss after each step, and state with where the last one led to. A loss that is not finite is a result,
	// not an error. Everything follows from the arguments. phi is read only. If ctx ends first, the error is ctx's.
	Unroll(ctx context.Context, losses []float64, state, phi []F, e Episode, from int) error
}

// VariedOf is implemented by systems whose states differ in length from episode to episode. State then lays out the longest, and
// Start and Unroll are given states of the episode's own length.
type VariedOf[F params.Float] interface {
	// StateLen returns the length of an episode's states.
	StateLen(e Episode) (int, error)
}

// System is the form in use.
type System = SystemOf[float32]

// An Episode is a run of a system from a start: what is random in it, and how long it is.
type Episode struct {
	Key    uint64 // names all that is random, for all branches of a pair alike
	Length int    // steps in all

	// Outer is how many estimates there were before, for an Imitation, which weighs a loss by it; else 0.
	Outer int

	// Pair is the number of the pair whose episode it is. A system may keep what belongs to an episode by it: episodes of a pair
	// come one after the other. Windows of one may come to several systems, one at a time.
	Pair int
}

// StateLen returns the length of the states of an episode of any system.
func StateLen[F params.Float](s SystemOf[F], e Episode) (int, error) {
	if v, ok := s.(VariedOf[F]); ok {
		return v.StateLen(e)
	}
	return s.State().Len(), nil
}
