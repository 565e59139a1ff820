package problemtest

import (
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// BowlOf is a family for tests that want a layout of any size: f(θ) = Σ(θ − a)²/2, with a from N(0,1) by the problem's key, noise
// from N(0, 0.1²) on it by the minibatch's, and a start from N(0,1).
type BowlOf[F params.Float] struct{ N int }

// Sample implements inner.FamilyOf.
func (f BowlOf[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	b := &bowl[F]{at: make([]F, f.N), noise: make([]F, f.N)}
	rng.Normal(b.at, key, 1)
	return b, nil
}

type bowl[F params.Float] struct{ at, noise []F }

func (b *bowl[F]) Params() params.Layout {
	return params.Layout{{Name: "theta", Shape: []int{len(b.at)}}}
}

func (b *bowl[F]) Init(theta []F, key uint64) { rng.Normal(theta, key, 1) }

func (b *bowl[F]) Eval(grad, theta []F, key uint64) (loss float64, err error) {
	rng.Normal(b.noise, key, 0.1)
	for i, x := range theta {
		d := x - b.at[i] - b.noise[i]
		loss += float64(d*d) / 2
		if grad != nil {
			grad[i] = d
		}
	}
	return loss, nil
}
