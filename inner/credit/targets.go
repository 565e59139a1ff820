package credit

import (
	"fmt"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// targets carries a target for the net's output down through the inverses.
type targets[F params.Float] struct {
	walk[F]
	pretraining
	echo   echo[F]
	step   float64
	layout params.Layout
	g      []*inverse[F] // for each block, but nil for the first
	target [][]F         // for each block ĥ, [N, Output(l)]
	offset [][]F         // for each block but the first, h − g of the output, [N, Input(l)]

	// invert returns gˡ(h), with a trace of that inverse: a field for the laws, which put an exact inverse in its place.
	invert func(l int, t *nets.TraceOf[F], own, h []F) []F
}

// newTargets binds the settings of a rule of this name, with its defaults for step and noise.
func newTargets[F params.Float](rule string, v, otherwise Inverses, net *nets.NetOf[F], size int) (*targets[F], error) {
	step, err := positive(rule, "step", v.Step, otherwise.Step)
	if err != nil {
		return nil, err
	}
	std, err := positive(rule, "noise", v.Noise, otherwise.Noise)
	if err != nil {
		return nil, err
	}
	t := &targets[F]{walk: newWalk(net, size), pretraining: pretraining(v.Pretrain), echo: newEcho(net, size, std), step: step}
	t.invert = t.learned
	for l := range net.Blocks() {
		t.target = append(t.target, make([]F, size*net.Output(l).Size()))
		if l == 0 {
			t.g, t.offset = append(t.g, nil), append(t.offset, nil)
			continue
		}
		g, err := newInverse(net, l, size, v.Activation)
		if err != nil {
			return nil, fmt.Errorf("credit: %s: %w", rule, err)
		}
		g.from = t.layout.Len()
		t.layout = append(t.layout, g.layout(l)...)
		t.g, t.offset = append(t.g, g), append(t.offset, make([]F, size*net.Input(l).Size()))
	}
	return t, nil
}

func (a *targets[F]) learned(l int, t *nets.TraceOf[F], own, h []F) []F { return a.g[l].run(t, own, h) }

func (a *targets[F]) Params() params.Layout { return a.layout }

// Init draws the inverses as nets are.
func (a *targets[F]) Init(own, _ []F, key uint64) {
	for l, g := range a.g {
		if l > 0 {
			g.net.Init(g.weights(own), rng.Split(key, uint64(l)))
		}
	}
}

// descend sets all signals from the targets, each of which back makes from the one above: it overwrites the target of block
// l−1. E is of the mean loss, so N times it is the derivative of an example's own.
func (a *targets[F]) descend(s *SignalOf[F], t *nets.TraceOf[F], back func(l int)) {
	top := a.net.Blocks() - 1
	a.net.Delta(t, top, s.Delta[top], t.E)
	scale := a.step * float64(t.N)
	h := t.Out(top)
	for i, e := range t.E {
		a.target[top][i] = h[i] - F(scale)*e
	}
	for l := top; l > 0; l-- {
		back(l)
		h, target, dh := t.Out(l-1), a.target[l-1], a.dh[l-1]
		for i := range dh {
			dh[i] = (h[i] - target[i]) / F(scale)
		}
		a.net.Delta(t, l-1, s.Delta[l-1], dh)
	}
}

// plain makes the target of block l−1 what the inverse makes of that of block l.
func (a *targets[F]) plain(l int, own []F) {
	copy(a.target[l-1], a.invert(l, a.g[l].other, own, a.target[l]))
}

// difference takes out what the inverse misses at the output itself: ĥˡ⁻¹ = hˡ⁻¹ + gˡ(ĥˡ) − gˡ(hˡ). It needs the offsets.
func (a *targets[F]) difference(l int, own []F) {
	offset, x := a.offset[l], a.invert(l, a.g[l].other, own, a.target[l])
	for i := range offset {
		a.target[l-1][i] = offset[i] + x[i]
	}
}

func (a *targets[F]) setOffsets(t *nets.TraceOf[F], own []F) {
	for l := 1; l < len(a.g); l++ {
		h, x := t.In(l), a.invert(l, a.g[l].output, own, t.Out(l))
		for i := range h {
			a.offset[l][i] = h[i] - x[i]
		}
	}
}

func (a *targets[F]) assignDifference(s *SignalOf[F], t *nets.TraceOf[F], own []F) {
	a.setOffsets(t, own)
	a.descend(s, t, func(l int) { a.difference(l, own) })
}
