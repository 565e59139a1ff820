package credit

import (
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// UniformSignOf is sign-symmetry with feedback weights of one size a block (Liao, Leibo and Poggio 2016, "uniform
// sign-concordant feedback"):
//
//	δˡ = φ'ᵀ(Bˡ⁺¹δˡ⁺¹),  B = Scale/√fan-in · sign(Wᵀ).
//
// The scale is that of the forward weights at their start; the paper, which normalises every update, needs none.
type UniformSignOf[F params.Float] struct {
	Scale float64 `json:"scale"` // size of an element of B, times the root of the block's fan-in; above 0, 1 if zero
}

// Name implements RuleOf.
func (UniformSignOf[F]) Name() string { return "usf" }

// Bind implements RuleOf.
func (r UniformSignOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	s, err := newSigned("usf", r.Scale, net, size)
	if err != nil {
		return nil, err
	}
	s.uniform()
	return &uniformSign[F]{s}, nil
}

type uniformSign[F params.Float] struct{ signed[F] }

func (*uniformSign[F]) Init(_, _ []F, _ uint64) {}

func (u *uniformSign[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], theta, _ []F, _ uint64) error {
	u.assign(s, t, theta)
	return nil
}
