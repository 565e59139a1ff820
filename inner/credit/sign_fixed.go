package credit

import (
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/params"
)

// FixedSignOf is sign-symmetry with the sizes of the feedback weights drawn once, at the start (Liao, Leibo and Poggio 2016,
// "fixed random magnitude sign-concordant feedback"); it is the form that is meant by "sign-symmetry" alone:
//
//	δˡ = φ'ᵀ(Bˡ⁺¹δˡ⁺¹),  B = |R|∘sign(Wᵀ),  R ~ N(0, Scale²/fan-in).
type FixedSignOf[F params.Float] struct {
	Scale float64 `json:"scale"` // standard deviation of R, times the root of the block's fan-in; above 0, 1 if zero
}

// Name implements RuleOf.
func (FixedSignOf[F]) Name() string { return "frsf" }

// Bind implements RuleOf.
func (r FixedSignOf[F]) Bind(net *nets.NetOf[F], size int) (AssignerOf[F], error) {
	s, err := newSigned("frsf", r.Scale, net, size)
	if err != nil {
		return nil, err
	}
	return &fixedSign[F]{s}, nil
}

type fixedSign[F params.Float] struct{ signed[F] }

func (f *fixedSign[F]) Init(_, _ []F, key uint64) { f.redraw(key) }

func (f *fixedSign[F]) Assign(s *SignalOf[F], t *nets.TraceOf[F], theta, _ []F, _ uint64) error {
	f.assign(s, t, theta)
	return nil
}
