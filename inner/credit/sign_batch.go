package credit

import (
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// BatchSignOf is sign-symmetry with the sizes of the feedback weights drawn anew for every minibatch, from its key (Liao,
// Leibo and Poggio 2016, "batchwise random magnitude sign-concordant feedback"):
//
//	δˡ = φ'ᵀ(Bˡ⁺¹δˡ⁺¹),  B = |R|∘sign(Wᵀ),  R ~ N(0, Scale²/fan-in).
//
// Nothing but the signs is common to two minibatches. Drawing takes as long as a small net's way there and back.
type BatchSignOf[F params.Float] struct {
	Scale float64 `json:"scale"` // standard deviation of R, times the root of the block's fan-in; above 0, 1 if zero
}

// Name implements RuleOf.
func (BatchSignOf[F]) Name() string { return "brsf" }

// Bind implements RuleOf.
func (r BatchSignOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	s, err := newSigned("brsf", r.Scale, net, size)
	if err != nil {
		return nil, err
	}
	return &batchSign[F]{s}, nil
}

type batchSign[F params.Float] struct{ signed[F] }

func (*batchSign[F]) Init(_, _ []F, _ uint64) {}

func (b *batchSign[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], theta, _ []F, key uint64) error {
	b.redraw(key)
	b.assign(s, t, theta)
	return nil
}
