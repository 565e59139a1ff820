package credit

import (
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

var _ inner.Synaptic = (*Problem)(nil)

// SensesOf shows what the synapses of a net feel when a credit rule has made its signal for a batch of N examples. Weights wˡ
// [inputs, outputs] and biases bˡ [outputs] of every Dense block feel
//
//	pre        the block's input, [N, inputs], what the signal is multiplied with; of a bias [N, 1], ones
//	potential  the pre-activation uˡ, [N, outputs]
//	post       the block's output hˡ, where each element follows from one of uˡ; of the last block, under cross-entropy, the
//	           softmax of it
//	mod        −δˡ, the rule's signal: minus the derivative of the mean loss, 1/N and all, in backprop
//	target     of the last block: the label one-hot, or whatever its outputs are compared with
//
// so that Δw = η·preᵀ·mod is a step of gradient descent of rate η on the signal, under any rule. Hidden neurons have no target.
// Blocks of other layers than Dense show nothing, and neither do weights that the rule itself learns.
type SensesOf[F params.Float] struct {
	net    *nets.NetOf[F]
	size   int
	layout params.Layout
}

// NewSenses lays out the senses of batches of size examples.
func NewSenses[F params.Float](net *nets.NetOf[F], size int) *SensesOf[F] {
	s := &SensesOf[F]{net: net, size: size}
	for l := range net.Blocks() {
		if !net.Dense(l) {
			continue
		}
		s.show(fmt.Sprintf("w%d", l), l, net.Input(l).Size())
		s.show(fmt.Sprintf("b%d", l), l, 1)
	}
	return s
}

// show appends the senses of a tensor of block l with so many presynaptic neurons.
func (s *SensesOf[F]) show(weights string, l, pre int) {
	add := func(sense params.Sense, width int) {
		s.layout = append(s.layout, params.Spec{Name: sense.Of(weights), Shape: []int{s.size, width}})
	}
	post := s.net.Pre(l).Size()
	add(params.Pre, pre)
	add(params.Potential, post)
	if s.net.Elementwise(l) {
		add(params.Post, post)
	}
	add(params.Mod, post)
	if s.target(l) {
		add(params.Target, post)
	}
}

// target reports whether neurons of a block have one.
func (s *SensesOf[F]) target(l int) bool { return l == s.net.Blocks()-1 && s.net.Elementwise(l) }

// Layout lays out what Fill fills.
func (s *SensesOf[F]) Layout() params.Layout { return s.layout }

// Fill overwrites dst with the senses for the batch in t, of which signal is the credit rule's.
func (s *SensesOf[F]) Fill(dst []F, t *nets.TraceOf[F], signal *SignalOf[F]) {
	for l := range s.net.Blocks() {
		if !s.net.Dense(l) {
			continue
		}
		pre := signal.Pre[l]
		if pre == nil {
			pre = t.In(l)
		}
		weights := dst[copy(dst, pre):]
		n := s.fillPost(weights, l, t, signal)
		biases := weights[n:]
		for i := range s.size {
			biases[i] = 1
		}
		dst = biases[s.size:]
		dst = dst[copy(dst, weights[:n]):]
	}
}

// fillPost overwrites the beginning of dst with what lies behind the synapses, alike for weights and biases of a block, and
// returns its length.
func (s *SensesOf[F]) fillPost(dst []F, l int, t *nets.TraceOf[F], signal *SignalOf[F]) int {
	n := copy(dst, t.U(l))
	if s.net.Elementwise(l) {
		post := dst[n : n+len(t.Out(l))]
		n += copy(post, t.Out(l))
		if l == s.net.Blocks()-1 && s.net.Loss() == nets.CrossEntropy {
			s.net.Softmax(post, t)
		}
	}
	for _, d := range signal.Delta[l] {
		dst[n] = -d
		n++
	}
	if s.target(l) {
		n += copy(dst[n:], t.Target)
	}
	return n
}

// Senses implements inner.SynapticOf, see SensesOf. A net without a Dense layer has none.
func (p *ProblemOf[F]) Senses() params.Layout { return p.senses.Layout() }

// Sense implements inner.SynapticOf: what the synapses feel on the minibatch that Eval with that key sees. The loss of such a
// problem is that of a minibatch too. The number of the step does not matter.
func (p *ProblemOf[F]) Sense(dst, theta []F, _ int, key uint64) error {
	checkLen("senses", dst, p.senses.Layout().Len())
	checkLen("theta", theta, p.layout.Len())
	if !kernel.Finite(theta) {
		fillNaN(dst)
		return nil
	}
	p.load(p.family.Data, p.minibatch(key))
	net, own := p.split(theta)
	p.family.Net.Forward(p.trace, net)
	if err := p.assigner.Assign(p.signal, p.trace, net, own, rng.Split(key, keyRule)); err != nil {
		return err
	}
	p.senses.Fill(dst, p.trace, p.signal)
	return nil
}
