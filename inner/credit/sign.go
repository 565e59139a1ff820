package credit

import (
	"math"

	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// signed is what the three forms of sign-symmetry share (Liao, Leibo and Poggio 2016): the signal goes down through weights
// that have the signs of the forward ones, as they are now, and sizes that know nothing of them,
//
//	δˡ = φ'ᵀ(Bˡ⁺¹δˡ⁺¹),  B = M∘sign(Wᵀ).
//
// Where W is zero, so is B.
type signed[F params.Float] struct {
	fixed
	walk[F]
	scale float64
	m, b  []F // laid out like theta; of use is what stands at the w of blocks 1 and up
}

func newSigned[F params.Float](rule string, scale float64, net *nets.NetOf[F], size int) (signed[F], error) {
	scale, err := positive(rule, "scale", scale, 1)
	if err != nil {
		return signed[F]{}, err
	}
	n := net.Params().Len()
	return signed[F]{walk: newWalk(net, size), scale: scale, m: make([]F, n), b: make([]F, n)}, nil
}

// uniform sets every size of a block to scale/√fan-in.
func (s *signed[F]) uniform() {
	for l := 1; l < s.net.Blocks(); l++ {
		m, _ := s.net.Weights(s.m, l)
		size := F(s.scale / math.Sqrt(float64(s.net.FanIn(l))))
		for i := range m {
			m[i] = size
		}
	}
}

// redraw draws the sizes from |N(0, scale²/fan-in)|.
func (s *signed[F]) redraw(key uint64) {
	for l := 1; l < s.net.Blocks(); l++ {
		m, _ := s.net.Weights(s.m, l)
		rng.Normal(m, rng.Split(key, uint64(l)), s.scale/math.Sqrt(float64(s.net.FanIn(l))))
		for i, v := range m {
			m[i] = max(v, -v)
		}
	}
}

// assign sets all signals for the signs of theta.
func (s *signed[F]) assign(to *SignalOf[F], t *nets.TraceOf[F], theta []F) {
	s.down(to, t, func(l int) []F {
		w, _ := s.net.Weights(theta, l)
		m, _ := s.net.Weights(s.m, l)
		b, _ := s.net.Weights(s.b, l)
		for i, v := range w {
			b[i] = m[i] * sign(v)
		}
		return b
	})
}

func sign[F params.Float](v F) F {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}
