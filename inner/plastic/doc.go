// Package plastic holds problems whose weights are synapses, for plasticity rules to be learned on: rules that see what is on
// both sides of a synapse and what modulates it, beside a gradient or in its place. All problems show that as inner.SynapticOf
// says, and their runs are lives of a natural length (inner.Lived), a step for each example, trial or move:
//
//   - [BooleanOf]: a neuron learns a separable Boolean function
//   - [ConditioningOf]: six preparations of classical conditioning, side by side
//   - [AssociationOf]: which action each stimulus calls for, told by reward alone
//   - [ForagingOf]: finding food with a broken sensor
//   - [XOROf]: functions that take hidden neurons, with modulators from a credit rule
//
// Networks on images are synaptic problems too: see package credit.
//
// The loss is that of the whole task at theta, whatever the step, so that the loss after the last step tells how well a life
// went. What is random in a life, its order, world and luck, follows from the keys of Init and of each step.
package plastic

import (
	"cmp"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/params"
)

// The children of a life's key, that of Init.
const (
	keyStart = iota // weights
	keyOrder        // of patterns
	keyWorld        // what is to be learned
)

// checkLen panics unless v has n elements.
func checkLen[F params.Float](what string, v []F, n int) {
	if len(v) != n {
		panic(fmt.Sprintf("plastic: %s of length %d, want %d", what, len(v), n))
	}
}

// checkEval checks the arguments of Eval for weights of length n.
func checkEval[F params.Float](grad, theta []F, n int) {
	checkLen("theta", theta, n)
	if grad != nil {
		checkLen("grad", grad, n)
	}
}

// fillNaN is what a gradient is where the weights are not finite.
func fillNaN[F params.Float](v []F) {
	for i := range v {
		v[i] = F(math.NaN())
	}
}

// amount returns a setting or its default, and an error unless it is a finite number of 0 or more.
func amount(problem, name string, v, otherwise float64) (float64, error) {
	v = cmp.Or(v, otherwise)
	if !(v >= 0) || math.IsInf(v, 1) {
		return 0, fmt.Errorf("plastic: %s: %s is %v; want a number of 0 or more", problem, name, v)
	}
	return v, nil
}

// count returns a setting or its default, and an error unless it is in lo..hi.
func count(problem, name string, v, otherwise, lo, hi int) (int, error) {
	v = cmp.Or(v, otherwise)
	if v < lo || v > hi {
		return 0, fmt.Errorf("plastic: %s: %s is %d; want %d..%d", problem, name, v, lo, hi)
	}
	return v, nil
}

// A modulator is what a teacher tells a neuron.
type modulator uint8

const (
	tellsError modulator = iota
	tellsTarget
)

// modulatorOf returns the modulator of a name; the error is its default.
func modulatorOf(problem, name string) (modulator, error) {
	switch name {
	case "", "error":
		return tellsError, nil
	case "target":
		return tellsTarget, nil
	}
	return 0, fmt.Errorf("plastic: %s: no Mod %q; there are error, target", problem, name)
}

// logistic is 1/(1 + e⁻ᵘ).
func logistic(u float64) float64 { return 1 / (1 + math.Exp(-u)) }
