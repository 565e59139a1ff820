// Package learnedopt makes optimizers of rules that turn gradients into steps, learned and hand-made alike.
//
// A [Rule] is one step written as a Gorgonia expression. Its learnable numbers are phi, its memory between steps is
// state; both are plain data.
//
// [Load] reads a trained rule, and [Trained] hands it out in three forms for use: an [Optimizer] that steps plain slices, a
// gorgonia [Solver], and an optimize.Method of gonum. All three have the same guards, described at [Trained.New], and the
// same options, from [WithRate] to Gorgonia's own. With [WithGuard] a rule is held to what another one does.
//
// [New] binds any rule to phi and to the shape of a problem, without guards: the bare rule of the papers, for meta-training
// and measurements. [Compile] is the way in for those who need the step and its pullback, such as package meta.
//
// The rules themselves are in packages of their own, one a family: the LSTM in lstm, those that people have designed in
// handmade, and in stepsize. What a rule must be is in package rule, and named here too.
package learnedopt

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/learnedopt/internal/engine"
	"github.com/seed1498fded/unroll/learnedopt/rule"
	"github.com/seed1498fded/unroll/params"
)

// What a rule is and what it is written with; see package rule.
type (
	Rule          = rule.Rule
	Spec          = rule.Spec
	State         = rule.State
	Row           = rule.Row
	Scope         = rule.Scope
	Vars          = rule.Vars
	Inputs        = rule.Inputs
	TensorInputs  = rule.TensorInputs
	Outputs       = rule.Outputs
	TensorOutputs = rule.TensorOutputs
	Validator     = rule.Validator
	InitialState  = rule.InitialState
)

// What a rule may look at, and what it works on at a time; see package rule.
const (
	Grad    = rule.Grad
	Theta   = rule.Theta
	Loss    = rule.Loss
	Step    = rule.Step
	Horizon = rule.Horizon

	Pre       = rule.Pre
	Potential = rule.Potential
	Post      = rule.Post
	Mod       = rule.Mod
	Target    = rule.Target
	Reward    = rule.Reward

	Coordinates = rule.Coordinates
	Tensor      = rule.Tensor
	Whole       = rule.Whole
)

// The step of a bound rule and its pullback, for those who differentiate; see package rule.
type (
	Compiled[F params.Float]   = engine.Compiled[F]
	Options                    = engine.Options
	Point[F params.Float]      = rule.Point[F]
	Cotangents[F params.Float] = rule.Cotangents[F]
	Window[F params.Float]     = rule.Window[F]
)

// ErrNoWindow is returned by [Compiled.PullbackWindow] for rules that can only go back step by step.
var ErrNoWindow = engine.ErrNoWindow

// Compile binds a rule to weights of the given layout, with the defaults of [Options]. Where the rule has kernels of its own
// it uses these, and its expression otherwise.
func Compile[F params.Float](r Rule, theta params.Layout) (*Compiled[F], error) {
	return CompileWith[F](r, theta, Options{})
}

// CompileGraph is Compile without kernels: it always runs the expression that the rule's Update writes. It is the
// reference that kernels are tested against.
func CompileGraph[F params.Float](r Rule, theta params.Layout) (*Compiled[F], error) {
	return CompileWith[F](r, theta, Options{Reference: true})
}

// CompileWith is Compile with options: for several runs side by side, or for a number of goroutines.
func CompileWith[F params.Float](r Rule, theta params.Layout, o Options) (*Compiled[F], error) {
	return engine.Compile[F](r, theta, o)
}

// Phi returns the start of a rule's meta-parameters under a key.
func Phi(r Rule, key uint64) []float32 { return rule.Phi(r, key) }

// One is the outputs of a rule that sees one tensor, or a block of coordinates, at a time.
func One(step *G.Node, next map[string]*G.Node) Outputs { return rule.One(step, next) }

// Validate reports what is wrong with a rule's configuration, nil for rules that take any.
func Validate(r Rule) error { return rule.Validate(r) }

// StateLen returns how many numbers a rule remembers for weights of the given layout in so many runs side by side, 1 or more.
// A rule whose configuration or layouts are wrong is an error, as for Compile.
func StateLen(r Rule, theta params.Layout, copies int) (int, error) {
	if err := rule.Validate(r); err != nil {
		return 0, err
	}
	if err := theta.Validate(); err != nil {
		return 0, err
	}
	l, err := r.Spec().Layout(rule.Binding{Theta: theta, Copies: copies})
	if err != nil {
		return 0, fmt.Errorf("learnedopt: the state of %s for %d weights: %w", r.Name(), theta.Len(), err)
	}
	return l.Flat.Len(), nil
}
