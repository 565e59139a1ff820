package mix

import (
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// ScaledOf is a family whose losses, and with them gradients, are multiplied by a number from Loss, drawn by the problem's key: a rule
// should not care.
type ScaledOf[F params.Float] struct {
	Of   inner.FamilyOf[F] // not a mix, nor of Signalled problems
	Loss Range
}

// Scaled is the form in use.
type Scaled = ScaledOf[float32]

var _ inner.Family = Scaled{}

// Sample implements inner.FamilyOf.
func (f ScaledOf[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	if err := f.Loss.Validate(); err != nil {
		return nil, fmt.Errorf("mix: scale: %w", err)
	}
	of, err := f.Of.Sample(rng.Split(key, keyOwn))
	if err != nil {
		return nil, err
	}
	if _, signalled := of.(inner.SignalledOf[F]); signalled {
		return nil, fmt.Errorf("mix: %T hands out a signal in the gradient's place, which has no scale", of)
	}
	return scaled[F]{of, f.Loss.draw(rng.New(rng.Split(key, keyScale)))}, nil
}

// A scaled problem is another one times a number.
type scaled[F params.Float] struct {
	inner.ProblemOf[F]
	by float64
}

// Bytes implements inner.Sized.
func (p scaled[F]) Bytes() float64 { return bytesOf(p.ProblemOf) }

// Eval implements inner.ProblemOf.
func (p scaled[F]) Eval(grad, theta []F, key uint64) (float64, error) {
	loss, err := p.ProblemOf.Eval(grad, theta, key)
	for i := range grad {
		grad[i] *= F(p.by)
	}
	return p.by * loss, err
}
