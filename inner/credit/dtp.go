package credit

import (
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// DifferenceTargetOf is difference target propagation (Lee et al. 2015, arXiv 1412.7525). It is TargetOf but
// for what the inverse misses at the output itself, which is taken out of the target:
//
//	ĥˡ⁻¹ = hˡ⁻¹ + gˡ(ĥˡ) − gˡ(hˡ)
//
// so that an output that is on target passes none but its own. The last hidden block has its target from the output's like any
// other, as in Meulemans et al. 2020; Lee et al. take it from the gradient. The inverses learn from TargetOf's loss, so each
// inverts its own block, and where blocks get narrower the product of their pseudo-inverses is not the pseudo-inverse of the
// product: the signal is not the Gauss-Newton step (Meulemans et al.).
type DifferenceTargetOf[F params.Float] struct {
	Inverses // the step is 0.1 and the noise 0.1 if zero
}

// Name implements RuleOf.
func (DifferenceTargetOf[F]) Name() string { return "dtp" }

// Bind implements RuleOf.
func (r DifferenceTargetOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	t, err := newTargets(r.Name(), r.Inverses, Inverses{Step: 0.1, Noise: 0.1}, net, size)
	if err != nil {
		return nil, err
	}
	return &differenceTarget[F]{layered[F]{t}}, nil
}

type differenceTarget[F params.Float] struct{ layered[F] }

func (a *differenceTarget[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], _, own []F, _ uint64) error {
	a.assignDifference(s, t, own)
	return nil
}
