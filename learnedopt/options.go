package learnedopt

import (
	"errors"
	"fmt"
	"math"
	"slices"

	G "gorgonia.org/gorgonia"
)

// An Option changes how a trained rule is used, not the rule: see [Trained.New], [Trained.Solver] and [Trained.Method].
//
// It is Gorgonia's own type, so that the options of a solver that stood there before may stay:
// gorgonia.WithClip, WithBatchSize, WithL1Reg and WithL2Reg are honoured, to Gorgonia's formulas,
//
//	g ← clip((g + l1·sign(θ) + l2·θ)/batch)
//
// and any other is refused by its name, with what to do instead. Of an option that is given twice the last counts.
//
// WithClip, WithClipNorm, WithWeightDecay and the guard [Graft] have namesakes among the rules of package learnedopt/compose. Take
// the option for a rule that is there, learned without it, and in one program. Take the composition for a rule that is to be learned
// with it, as a part that has meta-parameters, or that is to go to a file with it. On weights that all have gradients both give
// the same steps, up to rounding, at a rate of 1.
type Option = G.SolverOpt

// WithRate multiplies every step, the decay of WithWeightDecay included, by a finite number above 0; 1 by default. A
// learned rule has no learning rate: this is the way to make it bolder or more careful.
func WithRate(rate float64) Option {
	return own("WithRate", func(o *options) error { o.rate = rate; return positive("the rate", rate) })
}

// WithBatchSize divides every gradient by n, at least 1, which makes of the gradient of a sum over a minibatch that of
// the mean. Learned rules are trained on means: a summed loss is one they have never seen.
func WithBatchSize(n int) Option {
	return own("WithBatchSize", func(o *options) error { return o.setBatch(float64(n)) })
}

// WithClip limits every element of the gradient to ±limit, a finite number above 0.
func WithClip(limit float64) Option {
	return own("WithClip", func(o *options) error { return o.setClip(limit) })
}

// WithClipNorm scales the gradient down to a Euclidean length of limit, over all weights together, where it is longer; a
// finite number above 0. With WithClip, elements are limited first.
func WithClipNorm(limit float64) Option {
	return own("WithClipNorm", func(o *options) error { o.norm = limit; return positive("the limit", limit) })
}

// WithWeightDecay takes the fraction decay of a weight, at least 0 and below 1, from it in every step, apart from the rule
// (Loshchilov and Hutter 2019, algorithm 2, whose η is here WithRate's): θ ← θ + rate·(step − decay·θ).
func WithWeightDecay(decay float64) Option {
	return own("WithWeightDecay", func(o *options) error {
		if o.decay = decay; !(decay >= 0 && decay < 1) {
			return fmt.Errorf("the decay is %v, want a number of at least 0 and below 1", decay)
		}
		return nil
	})
}

// Sparse steps a coordinate only where its gradient is not exactly zero: for the rows of an embedding, which a minibatch
// uses now and then. Elsewhere the coordinate's state rests too, as in PyTorch's SparseAdam; state that is shared, such as
// Adam's count of steps, goes on with every step. A step takes time for the coordinates it moves only. In a rule of
// another scope than [Coordinates] all state goes on.
func Sparse() Option { return own("Sparse", func(o *options) error { return o.setMoves(moveSparse) }) }

// EveryCoordinate moves every coordinate at every step, as the paper does and [New]'s optimizers do: also one whose
// gradient has been zero ever since the start. Learned rules carry such a weight away.
func EveryCoordinate() Option {
	return own("EveryCoordinate", func(o *options) error { return o.setMoves(moveEvery) })
}

// SkipNonFinite leaves out a step whose gradient has a NaN or an infinity in it: neither weights nor state change, and
// Skipped counts it. By default such a gradient is an error. It is no option of Method, where to skip a step is to stand
// still.
func SkipNonFinite() Option {
	return own("SkipNonFinite", func(o *options) error { o.skip = true; return nil })
}

// WithHorizon tells a rule that reads it how many steps the whole run has, at least 1. Without it such a rule sees 0, and its
// documentation says what it makes of that; others pass over it.
func WithHorizon(steps int) Option {
	return own("WithHorizon", func(o *options) error {
		if o.horizon = steps; steps < 1 {
			return fmt.Errorf("the horizon is %d, want at least 1", steps)
		}
		return nil
	})
}

// WithPatience ends a run of Method, the only one it is for, with [NoProgress] after n evaluations in a row, at least 1,
// that found no better location; 1000 by default.
func WithPatience(n int) Option {
	return own("WithPatience", func(o *options) error {
		if o.patience = n; n < 1 {
			return fmt.Errorf("the patience is %d, want at least 1", n)
		}
		return nil
	})
}

// defaultPatience is a compromise. Of 76 runs, the zoo's rules on gonum's test functions, a dozen that 100 idle evaluations
// had ended would have got twice as good or better with 300, and half a dozen of those that 300 had ended with 1000.
const defaultPatience = 1000

// WithLoss tells a Solver or an Optimizer where to ask for the loss: of a rule that reads it, and for [LossCheck]. The function
// returns the loss, a mean, where the weights are when Step is called; it is asked at the beginning of a step, before anything
// moves, and only where the loss is needed. So it may return what the run that gave the gradient has put down, if that is of all
// data, or run the program forward on examples that are always the same. An error ends the step, and nothing has moved. For
// Method there is no need of it.
func WithLoss(loss func() (float64, error)) Option {
	return own("WithLoss", func(o *options) error {
		if o.loss = loss; loss == nil {
			return errors.New("the function is nil")
		}
		return nil
	})
}

// moves says which coordinates a step moves.
type moves string

// The values of moves, as saved states hold them.
const (
	moveSeen   moves = "seen" // those that have had a gradient other than zero
	moveSparse moves = "sparse"
	moveEvery  moves = "every"
)

// options is what Options set. It is a gorgonia.Solver for that reason only: it can't step.
type options struct {
	rate, decay float64
	batch       float64
	clip, norm  float64 // 0: none
	l1, l2      float64
	moves       moves
	skip        bool
	patience    int
	horizon     int // 0: nobody knows
	choice      Guard
	loss        func() (float64, error)

	given []string // names of this package's options
	err   error    // the first thing wrong
}

// Step makes options a gorgonia.Solver.
func (*options) Step([]G.ValueGrad) error { return errors.New("learnedopt: options can't step") }

// own makes an option of this package, which does nothing but to this package's options. Gorgonia's solvers would pass
// over it in silence: that is a mistake of the program.
func own(name string, set func(o *options) error) Option {
	return func(s G.Solver) {
		o, ok := s.(*options)
		if !ok {
			panic(fmt.Sprintf("learnedopt: %s was given to a %T, which does not know it", name, s))
		}
		o.given = append(o.given, name)
		o.fail(name, set(o))
	}
}

// fail keeps the first error of an option.
func (o *options) fail(name string, err error) {
	if err != nil && o.err == nil {
		o.err = fmt.Errorf("learnedopt: %s: %w", name, err)
	}
}

// shapesGradient says whether the rule is to see another gradient than the caller's.
func (o *options) shapesGradient() bool { return o.batch > 1 || o.clip > 0 || o.l1 > 0 || o.l2 > 0 }

func (o *options) setBatch(n float64) error {
	if o.batch = n; !(n >= 1) || math.IsInf(n, 1) {
		return fmt.Errorf("the batch size is %v, want at least 1", n)
	}
	return nil
}

func (o *options) setClip(limit float64) error {
	o.clip = limit
	return positive("the limit", limit)
}

func (o *options) setMoves(m moves) error {
	if o.moves != moveSeen && o.moves != m {
		return errors.New("Sparse and EveryCoordinate exclude each other")
	}
	o.moves = m
	return nil
}

// asFallback returns the options of a fallback, which has a rate of its own and lets the weights decay by so much.
func (o *options) asFallback(decay float64) *options {
	f := *o
	f.rate, f.decay, f.choice = 1, decay, nil
	return &f
}

// newOptions applies the options given to one of the faces of a rule. Those called unfit mean nothing there.
func newOptions(face string, given []Option, unfit ...string) (*options, error) {
	o := &options{rate: 1, batch: 1, moves: moveSeen, patience: defaultPatience}
	for i, opt := range given {
		before := len(o.given)
		applyTo(o, opt)
		if len(o.given) == before {
			o.applyForeign(i, opt)
		}
	}
	for _, name := range unfit {
		if slices.Contains(o.given, name) && o.err == nil {
			o.err = fmt.Errorf("learnedopt: %s is no option of %s", name, face)
		}
	}
	return o, o.err
}

// applyTo applies an option to a solver. An option that expects another solver may panic: it has done nothing then.
func applyTo(s G.Solver, opt Option) {
	defer func() { _ = recover() }()
	opt(s)
}

// positive reports a number that is not finite and above 0.
func positive(name string, v float64) error {
	if !(v > 0) || math.IsInf(v, 1) {
		return fmt.Errorf("%s is %v, want a number above 0", name, v)
	}
	return nil
}
