package credit

import (
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// ZILOf is zero-divergence inference learning (Song et al. 2020): strict predictive coding with γ = 1 from the forward pass,
// in which the block k below the last takes its signal after k steps of inference, when the target has just reached it and
// its own prediction has not moved yet. That signal is backprop's, to the rounding of the values xˡ.
//
// Predictions do move here, and values overshoot: what makes the signals exact is when they are read. Compare
// FixedPredictionOf, with γ = 1.
type ZILOf[F params.Float] struct{}

// Name implements RuleOf.
func (ZILOf[F]) Name() string { return "zil" }

// Bind implements RuleOf.
func (ZILOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	return &zil[F]{relaxation: newRelaxation(net, size, 1)}, nil
}

type zil[F params.Float] struct {
	fixed
	relaxation[F]
}

func (*zil[F]) Init(_, _ []F, _ uint64) {}

func (z *zil[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], theta, _ []F, _ uint64) error {
	z.start(t)
	top, at := z.net.Blocks()-1, t
	z.assign(s, t, at, top)
	for l := top - 1; l >= 0; l-- {
		z.steer(at, theta)
		z.try(t, theta, 1)
		z.accept()
		at = z.own
		z.assign(s, t, at, l)
	}
	return nil
}
