// Package credit says who is to blame: what teaching signal reaches each layer of a network. Backpropagation is one
// answer. The others need no transposed weights, or no backward pass through the net at all.
//
// A rule makes a signal δˡ for the pre-activation of each block (see package nets); the gradient that a problem of this
// package returns is δˡ times the block's input, whatever the rule. So every update rule, hand-made or learned, takes
// over from there: an optimizer sees only that gradient, and a credit rule makes the signal it moves on.
//
// What a rule learns itself, such as feedback weights, are weights of the problem like any other, behind those of the
// net, moved by the same update rule. What it only draws is fixed by the key of the start.
package credit

import (
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// RuleOf is a credit rule. Its fields are its settings; the zero value takes every default.
type RuleOf[F params.Float] interface {
	// Name returns the name under which Named knows the rule.
	Name() string

	// Bind makes room for the rule on batches of size examples of a net. Settings out of their range and nets that the
	// rule can't work on are errors.
	Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error)
}

// AssignerOf is a rule bound to a net, for one goroutine at a time.
type AssignerOf[F params.Float] interface {
	// Params lays out the weights that the rule learns, own; empty for most.
	Params() params.Layout

	// Init draws what stays fixed for a run and overwrites own with the start of what is learned. theta is the start of
	// the net's weights.
	Init(own, theta []F, key uint64)

	// Assign overwrites the signal of every block, for the batch that the net has just run forward into t. It may run
	// the net on traces of its own. The key is for what is drawn anew each time.
	Assign(s *SignalOf[F], t *nets.TraceOf[F], theta, own []F, key uint64) error
}

// LearnerOf is implemented by assigners that have weights of their own.
type LearnerOf[F params.Float] interface {
	// Learn overwrites dOwn with the derivative of what the rule minimises. It is called after Assign, with the same
	// arguments, and with the gradient of the net's weights, which it may add to.
	Learn(dOwn, grad []F, s *SignalOf[F], t *nets.TraceOf[F], theta, own []F, key uint64) error
}

// SignalOf is what a rule makes of a batch.
type SignalOf[F params.Float] struct {
	Delta [][]F // for each block the signal at its pre-activation, [N, Pre(l)]; in backprop the derivative of the mean loss
	Pre   [][]F // for each block the input that the signal is multiplied with, [N, Input(l)]; nil for that of the trace
}

// The float32 forms are the ones in use.
type (
	Rule     = RuleOf[float32]
	Assigner = AssignerOf[float32]
	Signal   = SignalOf[float32]
)

// NewSignal makes room for the signals of batches of size examples. They lie end to end: apart, it is chance where on a page of
// memory each begins, and the products that read it can take a sixth longer.
func NewSignal[F params.Float](net *nets.NetOf[F], size int) *SignalOf[F] {
	s := &SignalOf[F]{Pre: make([][]F, net.Blocks())}
	numbers := 0
	for l := range net.Blocks() {
		numbers += size * net.Pre(l).Size()
	}
	room := make([]F, numbers)
	for l := range net.Blocks() {
		n := size * net.Pre(l).Size()
		s.Delta = append(s.Delta, room[:n:n])
		room = room[n:]
	}
	return s
}

// Gradient overwrites grad, laid out like the net's weights, with what the signal makes of the batch in t.
func (s *SignalOf[F]) Gradient(net *nets.NetOf[F], grad []F, t *nets.TraceOf[F]) {
	for l := range net.Blocks() {
		pre := s.Pre[l]
		if pre == nil {
			pre = t.In(l)
		}
		net.Gradient(l, grad, pre, s.Delta[l], t.N)
	}
}

// fixed is embedded by assigners that learn nothing.
type fixed struct{}

func (fixed) Params() params.Layout { return nil }
