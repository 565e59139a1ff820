// Package learnedopt holds the rules that turn gradients into steps, the learned and the hand-made alike, and makes
// ordinary optimizers of them.
//
// A [Rule] is one step written as a Gorgonia expression. Its learnable numbers are phi, its memory between steps is
// state; both are plain data.
//
// [Load] reads a trained rule, and [Trained] hands it out in three forms for use: an [Optimizer] that steps plain slices, a
// gorgonia [Solver], and an optimize.Method of gonum. All three have the same guards, described at [Trained.New], and the
// same options, from [WithRate] to Gorgonia's own.
//
// [New] binds any rule to phi and to the shape of a problem, without guards: the bare rule of the papers, for meta-training
// and measurements. [Compile] is the way in for those who need the step and its pullback, such as package meta.
package learnedopt

import (
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/params"
)

// Vars says what a rule looks at.
type Vars uint8

const (
	Grad  Vars = 1 << iota // the gradient of each coordinate, or the teaching signal that stands in its place
	Theta                  // the weights themselves
)

// A Rule proposes the step of an optimizee's weights theta, theta ← theta + step. LSTM, Adam and SGD are all Rules.
type Rule interface {
	// Name is the rule's name in files and on command lines: lower case, one word.
	Name() string

	// Reads says what the rule looks at; Inputs holds nothing else.
	Reads() Vars

	// Phi lays out the meta-parameters, what can be learned in the rule. It may be empty.
	Phi() params.Layout

	// Init fills phi, of length Phi().Len(), with a start for meta-training, or with the hyperparameters of a hand-made
	// rule. Equal keys give equal numbers.
	Init(phi []float32, key uint64)

	// State lays out the memory for weights of the given layout. A tensor whose first dimension is theta.Len() is taken
	// to hold one row a coordinate. Every episode starts from a state of zeros.
	State(theta params.Layout) params.Layout

	// Update writes one step as an expression of its inputs: the step, a vector like Inputs.Grad, and the next state,
	// by the names of State.
	Update(in Inputs) (step *G.Node, next map[string]*G.Node, err error)
}

// Inputs are what one step is computed from. A tensor of shape [1] is a Gorgonia scalar; all others keep their shape.
type Inputs struct {
	Grad  *G.Node            // a vector with one element a coordinate; nil unless Reads names it
	Theta *G.Node            // likewise
	Phi   map[string]*G.Node // by the names of Phi
	State map[string]*G.Node // by the names of State
}

// Validator is implemented by rules whose configuration can be wrong. Whoever binds a rule asks it first.
type Validator interface{ Validate() error }

// Coordinatewise is implemented by rules that move every coordinate by itself, with the same phi: permuting the
// coordinates permutes the step. Such a rule may be run over blocks of coordinates, on several cores.
type Coordinatewise interface {
	Rule
	Coordinatewise()
}
