package credit

import (
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// TargetOf is target propagation (Bengio 2014, arXiv 1407.7906; in the form of Meulemans et al. 2020, arXiv 2006.14331):
// each block is told what its output should have been, by the learned inverse of the block above it,
//
//	ĥ^L = h^L − η̂e,  ĥˡ⁻¹ = gˡ(ĥˡ),  δˡ = φ'ᵀ(hˡ − ĥˡ)/(η̂N)
//
// where e is of an example's own loss, so that what η̂ means does not depend on the size N of a batch, and 1/N makes δ that of
// the mean loss. (Where e is of the mean loss, η̂ is N times ours.) As in DirectTargetOf there is no factor of 2. With exact
// inverses and small η̂, hˡ − ĥˡ is the Gauss-Newton step η̂J⁻¹e, J the Jacobian of the blocks above. With learned ones and small
// η̂ it is mostly what they fail to invert, which DifferenceTargetOf takes out; here η̂ has to be large.
//
// The inverses descend the layer reconstruction loss, on outputs with noise n ~ N(0, σ²), with fˡ the map of block l,
//
//	Rˡ = 1/(2N) Σ |gˡ(fˡ(hˡ⁻¹+n)) − (hˡ⁻¹+n)|²
//
// with the sum over the examples of the batch and all elements, and neither 1/σ² nor decay.
//
// Nets of any layers will do: fˡ takes in pooling and Skip. What the target says moves the weights of the block alone, also
// where Skip leads round them.
type TargetOf[F params.Float] struct {
	Inverses // the step is 50 and the noise 0.1 if zero
}

// Name implements RuleOf.
func (TargetOf[F]) Name() string { return "tp" }

// Bind implements RuleOf.
func (r TargetOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	t, err := newTargets(r.Name(), r.Inverses, Inverses{Step: 50, Noise: 0.1}, net, size)
	if err != nil {
		return nil, err
	}
	return &target[F]{layered[F]{t}}, nil
}

type target[F params.Float] struct{ layered[F] }

func (a *target[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], _, own []F, _ uint64) error {
	a.descend(s, t, func(l int) { a.plain(l, own) })
	return nil
}

// layered trains each inverse on its own block.
type layered[F params.Float] struct{ *targets[F] }

// Learn implements LearnerOf: the derivative of ΣRˡ.
func (a layered[F]) Learn(dOwn, _ []F, _ *SignalOf[F], t *nets.TraceOf[F], theta, own []F, key uint64) error {
	for l := 1; l < len(a.g); l++ {
		g := a.g[l]
		a.echo.run(t, theta, l-1, l, key)
		x, back, dx := a.echo.trace.In(l), g.run(g.other, own, a.echo.trace.Out(l)), a.dh[l-1]
		for i := range dx {
			dx[i] = (back[i] - x[i]) / F(t.N)
		}
		g.gradient(g.weights(dOwn), g.other, dx)
	}
	return nil
}
