package credit

import (
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// BackpropOf is the gradient itself (Rumelhart, Hinton and Williams 1986):
//
//	δ^L = φ'ᵀe,  δˡ = φ'ᵀ(Wˡ⁺¹ᵀδˡ⁺¹),  e = ∂loss/∂h^L.
type BackpropOf[F params.Float] struct{}

// Name implements RuleOf.
func (BackpropOf[F]) Name() string { return "backprop" }

// Bind implements RuleOf.
func (BackpropOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	return &backprop[F]{walk: newWalk(net, size)}, nil
}

type backprop[F params.Float] struct {
	fixed
	walk[F]
}

func (*backprop[F]) Init(_, _ []F, _ uint64) {}

func (b *backprop[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], theta, _ []F, _ uint64) error {
	b.down(s, t, func(l int) []F {
		w, _ := b.net.Weights(theta, l)
		return w
	})
	return nil
}

// A walk carries a signal down from block to block.
type walk[F params.Float] struct {
	net *nets.NetOf[F]
	dh  [][]F // for each block the cotangent of its output, [N, Output(l)]
}

func newWalk[F params.Float](net *nets.NetOf[F], size int) walk[F] {
	w := walk[F]{net: net}
	for l := range net.Blocks() {
		w.dh = append(w.dh, make([]F, size*net.Output(l).Size()))
	}
	return w
}

// down sets all signals, each from the one above through the weights, in the shape of a block's w, that back gives for it.
func (w walk[F]) down(s *SignalOf[F], t *nets.TraceOf[F], back func(l int) []F) {
	w.downBy(s, t, func(l int, dx, du []F) { w.net.Below(t, l, dx, back(l), du) })
}

// downBy sets all signals; below carries du at block l's pre-activation down to its input.
func (w walk[F]) downBy(s *SignalOf[F], t *nets.TraceOf[F], below func(l int, dx, du []F)) {
	top := w.net.Blocks() - 1
	w.net.Delta(t, top, s.Delta[top], t.E)
	for l := top; l > 0; l-- {
		below(l, w.dh[l-1], s.Delta[l])
		w.net.Delta(t, l-1, s.Delta[l-1], w.dh[l-1])
	}
}

// NoneOf is the floor that every rule must beat: the last block learns and the others get nothing.
type NoneOf[F params.Float] struct{}

// Name implements RuleOf.
func (NoneOf[F]) Name() string { return "none" }

// Bind implements RuleOf.
func (NoneOf[F]) Bind(net *nets.NetOf[F], _ int) (AssignerOf[F], error) {
	return none[F]{net: net}, nil
}

type none[F params.Float] struct {
	fixed
	net *nets.NetOf[F]
}

func (none[F]) Init(_, _ []F, _ uint64) {}

func (n none[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], _, _ []F, _ uint64) error {
	top := n.net.Blocks() - 1
	n.net.Delta(t, top, s.Delta[top], t.E)
	for _, d := range s.Delta[:top] {
		clear(d)
	}
	return nil
}
