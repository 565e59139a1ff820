package mix

import (
	"errors"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// NoisyOf is a family whose gradients come with noise: each number has a draw from N(0, (s·r)²) added, new for each minibatch, where r
// is the root of the mean square of the gradient and s, from Noise, is drawn by the problem's key. Problems are Signalled: loss and
// derivative are what they were.
type NoisyOf[F params.Float] struct {
	Of    inner.FamilyOf[F] // not a mix, nor of Signalled problems
	Noise Range
}

// DirectionsOf is a family whose gradients are estimates from a few directions, as those of an evolution strategy are: with v of ±1 at
// random, new for each minibatch, the mean of v(v·g) over as many as are drawn by the problem's key, from Least to Most, whose
// expectation is g. Problems are Signalled: loss and derivative are what they were.
type DirectionsOf[F params.Float] struct {
	Of          inner.FamilyOf[F] // not a mix, nor of Signalled problems
	Least, Most int               // at least 1, at most MaxDirections
}

// MaxDirections is the most directions of a DirectionsOf.
const MaxDirections = 1024

// NormalisedOf is a family whose gradients are divided by the root of their mean square: they tell a direction alone. Problems are
// Signalled: loss and derivative are what they were.
type NormalisedOf[F params.Float] struct {
	Of inner.FamilyOf[F] // not a mix, nor of Signalled problems
}

// The forms in use.
type (
	Noisy      = NoisyOf[float32]
	Directions = DirectionsOf[float32]
	Normalised = NormalisedOf[float32]
)

var (
	_ inner.Family = Noisy{}
	_ inner.Family = Directions{}
	_ inner.Family = Normalised{}

	_ inner.Signalled = (*disturbed[float32])(nil)
)

// Sample implements inner.FamilyOf.
func (f NoisyOf[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	if err := f.Noise.Validate(); err != nil {
		return nil, fmt.Errorf("mix: noise: %w", err)
	}
	s := F(f.Noise.draw(rng.New(rng.Split(key, keySignal))))
	return disturb(f.Of, key, func(grad []F, draws *rng.Stream) {
		r := s * F(size(grad))
		for i := range grad {
			grad[i] += r * F(draws.NormFloat64())
		}
	})
}

// Sample implements inner.FamilyOf.
func (f DirectionsOf[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	if f.Least < 1 || f.Most < f.Least || f.Most > MaxDirections {
		return nil, fmt.Errorf("mix: directions: from %d to %d; want numbers from 1 to %d in order", f.Least, f.Most, MaxDirections)
	}
	n := f.Least + rng.New(rng.Split(key, keySignal)).IntN(f.Most-f.Least+1)
	var sum, signs []F
	return disturb(f.Of, key, func(grad []F, draws *rng.Stream) {
		if sum == nil {
			sum, signs = make([]F, len(grad)), make([]F, len(grad))
		}
		clear(sum)
		for range n {
			throw(signs, draws)
			along := F(0)
			for i, v := range signs {
				along += v * grad[i]
			}
			along /= F(n)
			for i, v := range signs {
				sum[i] += v * along
			}
		}
		copy(grad, sum)
	})
}

// Sample implements inner.FamilyOf.
func (f NormalisedOf[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	return disturb(f.Of, key, func(grad []F, _ *rng.Stream) {
		r := size(grad)
		if r == 0 || math.IsInf(r, 1) {
			return
		}
		for i := range grad {
			grad[i] = F(float64(grad[i]) / r)
		}
	})
}

// throw overwrites v with ±1 at random.
func throw[F params.Float](v []F, s *rng.Stream) {
	for len(v) > 0 {
		word, n := s.Uint64(), min(len(v), 64)
		for i := range n {
			v[i] = F(int(word>>i&1)*2 - 1)
		}
		v = v[n:]
	}
}

// size returns the root of the mean square.
func size[F params.Float](v []F) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum / float64(len(v)))
}

// disturb returns the problem of a key with gradients that change makes others of.
func disturb[F params.Float](f inner.FamilyOf[F], key uint64, change func(grad []F, draws *rng.Stream)) (inner.ProblemOf[F], error) {
	of, err := f.Sample(rng.Split(key, keyOwn))
	if err != nil {
		return nil, err
	}
	if _, signalled := of.(inner.SignalledOf[F]); signalled {
		return nil, errors.New("mix: gradients can't be disturbed where a signal is in their place already")
	}
	return &disturbed[F]{ProblemOf: of, change: change, draws: rng.New(0)}, nil
}

// A disturbed problem hands out other gradients.
type disturbed[F params.Float] struct {
	inner.ProblemOf[F]
	change func(grad []F, draws *rng.Stream)
	draws  *rng.Stream
}

// Bytes implements inner.Sized.
func (p *disturbed[F]) Bytes() float64 { return 16*float64(p.Params().Len()) + bytesOf(p.ProblemOf) }

// Eval implements inner.ProblemOf.
func (p *disturbed[F]) Eval(grad, theta []F, key uint64) (float64, error) {
	loss, err := p.ProblemOf.Eval(grad, theta, key)
	if grad != nil && err == nil {
		p.draws.Reset(rng.Split(key, keySignal))
		p.change(grad, p.draws)
	}
	return loss, err
}

// Derivative implements inner.SignalledOf.
func (p *disturbed[F]) Derivative(dst, theta []F, key uint64) error {
	_, err := p.ProblemOf.Eval(dst, theta, key)
	return err
}

// bytesOf returns what a problem says that it takes, or zero.
func bytesOf[F params.Float](p inner.ProblemOf[F]) float64 {
	if s, ok := p.(inner.Sized); ok {
		return s.Bytes()
	}
	return 0
}
