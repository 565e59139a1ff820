// Package rule is the contract between those who write optimizers and those who run them. A [Rule] is one step of an
// optimizer, hand-made or learned, as a Gorgonia expression; package learnedopt names everything here too, and makes
// ordinary optimizers of rules.
//
// Rules see tensors. What a rule works on at a time is its [Scope]: coordinates, each by itself; one tensor; or all tensors
// together. Its memory, the [State], says who owns each number: a coordinate, a tensor, or all. Nothing is guessed from
// shapes.
package rule

import (
	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/params"
)

// Vars says what a rule looks at.
type Vars uint16

const (
	Grad    Vars = 1 << iota // the gradient, or the teaching signal that stands in its place
	Theta                    // the weights themselves
	Loss                     // the loss at theta, on the minibatch that the gradient is of
	Step                     // the number of steps taken before this one
	Horizon                  // the number of steps of the whole run

	// What a synapse can feel where it is, in scopes Tensor and Whole; see package params for what each is. Problems that
	// are no networks have none of these.
	Pre
	Potential
	Post
	Mod
	Target
	Reward
)

// senses are the Vars that a problem shows as senses.
var senses = []struct {
	read  Vars
	sense params.Sense
}{
	{Pre, params.Pre}, {Potential, params.Potential}, {Post, params.Post}, {Mod, params.Mod}, {Target, params.Target}, {Reward, params.Reward},
}

// Senses lists the senses among some Vars.
func (v Vars) Senses() []params.Sense {
	var list []params.Sense
	for _, s := range senses {
		if v&s.read != 0 {
			list = append(list, s.sense)
		}
	}
	return list
}

// A Scope says what a rule works on at a time.
type Scope uint8

const (
	// Coordinates is the scope of a rule that moves every coordinate by itself, with the same phi: permuting the coordinates
	// permutes the step. Such a rule sees any number of coordinates as one vector, a block, whatever tensors they are from.
	Coordinates Scope = iota
	// Tensor is the scope of a rule that sees one tensor at a time, in its own shape.
	Tensor
	// Whole is the scope of a rule that sees all tensors together.
	Whole
)

// String returns the scope's name.
func (s Scope) String() string {
	switch s {
	case Coordinates:
		return "coordinates"
	case Tensor:
		return "tensor"
	case Whole:
		return "whole"
	}
	return "unknown scope"
}

// A Spec is what a rule is, apart from its arithmetic. It follows from the rule's configuration alone.
type Spec struct {
	Reads Vars
	Scope Scope
	Phi   params.Layout // the meta-parameters, what can be learned in the rule; may be empty
	State State         // the memory between steps; every run starts from zeros, or see InitialState
}

// State says what a rule remembers from step to step, and for whom. Names are unique among all three.
type State struct {
	PerCoordinate []Row                                  // each coordinate has these
	PerTensor     func(tensor params.Spec) params.Layout // a tensor has these; nil: nothing; not in scope Coordinates

	// Shared lays out what there is once. In scopes Coordinates and Tensor, where many see it at a time, its next value must
	// follow from itself, phi, step and horizon alone; that is checked.
	Shared params.Layout
}

// A Row is what each coordinate remembers under a name: a number if Width is 0, else a vector of Width numbers.
type Row struct {
	Name  string
	Width int
}

// Len returns how many numbers a coordinate has.
func (r Row) Len() int { return max(1, r.Width) }

// A Rule proposes the step of an optimizee's weights theta, theta ← theta + step. LSTM, Adam and SGD are all rules. A rule is
// a value: its methods change nothing, and may be called by several goroutines.
//
// A configuration is the rule's own struct; its JSON form goes into files, and must be enough to make the rule again.
type Rule interface {
	// Name is the rule's name in files and on command lines: lower case, one word.
	Name() string

	// Spec says what the rule reads, works on, learns and remembers.
	Spec() Spec

	// Init fills phi, laid out by Spec().Phi, with a start for meta-training, or with the hyperparameters of a hand-made rule.
	// Equal keys give equal numbers.
	Init(phi []float32, key uint64)

	// Update writes one step as an expression of its inputs.
	Update(in Inputs) (Outputs, error)
}

// Inputs are what one step is computed from. A tensor of one element and shape [1] is a Gorgonia scalar; all others keep
// their shape. What Spec().Reads does not name is nil.
type Inputs struct {
	Tensors []TensorInputs     // one; in scope Whole one for each tensor of theta
	Net     params.Layout      // all tensors of one run, for rules that go by the depth of a net; nil in scope Coordinates
	Phi     map[string]*G.Node // by the names of Spec().Phi
	Shared  map[string]*G.Node // by the names of Spec().State.Shared

	Loss, Step, Horizon *G.Node // scalars
	Reward              *G.Node // likewise
}

// TensorInputs are what a step sees of one tensor of theta, or of a block of coordinates.
type TensorInputs struct {
	Spec  params.Spec // name and shape; a block of n coordinates is a vector of shape [n], n at least 2
	Grad  *G.Node     // of that shape
	Theta *G.Node     // likewise

	// What the synapses feel, a row for each example. Pre is [examples, pre], the others are [examples, post], also where
	// there is one example or one neuron. A step on several examples is the sum of what each would do by itself.
	Pre, Potential, Post, Mod, Target *G.Node

	// State holds the tensors of per-coordinate and per-tensor state by name. A number a coordinate has the tensor's shape; a
	// vector of w has one dimension more, [shape..., w].
	State map[string]*G.Node
}

// Outputs are what a step consists of.
type Outputs struct {
	Tensors []TensorOutputs    // one for each of Inputs.Tensors
	Shared  map[string]*G.Node // the next shared state
}

// TensorOutputs are the step of one tensor, in its shape, and the next state, in the shapes of Inputs.
type TensorOutputs struct {
	Step  *G.Node
	State map[string]*G.Node
}

// One is the outputs of a rule that sees one tensor, or a block of coordinates, at a time.
func One(step *G.Node, next map[string]*G.Node) Outputs {
	return Outputs{Tensors: []TensorOutputs{{step, next}}}
}

// Validator is implemented by rules whose configuration can be wrong. Whoever binds a rule asks it first. The error names
// the field as in JSON, its value, and what is allowed.
type Validator interface{ Validate() error }

// InitialState is implemented by rules whose memory does not start at zero. The expression may be learned: the
// meta-gradient goes through it.
type InitialState interface {
	// InitState writes the state at the start of a run as an expression of in.Phi and of the shapes in in.Tensors; all other
	// inputs are nil. State that is left out starts at zero. Steps are left out.
	InitState(in Inputs) (Outputs, error)
}

// Phi returns the start of a rule's meta-parameters under a key.
func Phi(r Rule, key uint64) []float32 {
	phi := make([]float32, r.Spec().Phi.Len())
	r.Init(phi, key)
	return phi
}

// Validate reports what is wrong with a rule's configuration, nil for rules that take any.
func Validate(r Rule) error {
	if v, ok := r.(Validator); ok {
		return v.Validate()
	}
	return nil
}
