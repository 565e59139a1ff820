package learnedopt

import (
	"math"

	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/floats"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// A slab is one tensor of weights with its gradient, where the caller keeps it and in his precision. A rule works in
// float32; its step is added to the weights as they are, so that float64 weights keep their digits.
type slab interface {
	size() int
	// notFinite returns the position of the first gradient that is a NaN or an infinity, and its value; -1 if there is none.
	notFinite() (int, float64)
	// load rounds what the rule reads: the gradient that the options make of the caller's, and the weights, unless theta is
	// nil. Numbers beyond float32 become its largest.
	load(theta, grad []float32, o *options)
	// add moves the weights by rate·step.
	add(step []float32, rate float64)
	zeroGrad()
	// keep appends the weights to a vector, put overwrites them with one, and round copies them, in float32.
	keep(to []float64) []float64
	put(theta []float64)
	round(to []float32)
}

type slabOf[F params.Float] struct{ theta, grad []F }

func (s *slabOf[F]) size() int { return len(s.theta) }

func (s *slabOf[F]) zeroGrad() { clear(s.grad) }

func (s *slabOf[F]) keep(to []float64) []float64 {
	for _, w := range s.theta {
		to = append(to, float64(w))
	}
	return to
}

func (s *slabOf[F]) put(theta []float64) {
	for i, w := range theta {
		s.theta[i] = F(w)
	}
}

func (s *slabOf[F]) round(to []float32) { round(to, s.theta) }

func (s *slabOf[F]) notFinite() (int, float64) {
	i := firstNotFinite(s.grad)
	if i < 0 {
		return i, 0
	}
	return i, float64(s.grad[i])
}

// firstNotFinite returns the position of the first NaN or infinity, or -1.
func firstNotFinite[F params.Float](v []F) int {
	if sum := squares(v); sum-sum == 0 {
		return -1
	}
	for i, x := range v {
		if x-x != 0 {
			return i
		}
	}
	return -1
}

// squares is |v|², in a hurry: it is finite if all of v is, unless a number is huge.
func squares[F params.Float](v []F) F {
	if len(v) == 0 {
		return 0
	}
	switch v := any(v).(type) {
	case []float32:
		x := blas32.Vector{N: len(v), Data: v, Inc: 1}
		return F(blas32.Dot(x, x))
	case []float64:
		return F(floats.Dot(v, v))
	}
	return F(math.NaN())
}

func (s *slabOf[F]) load(theta, grad []float32, o *options) {
	if theta != nil {
		round(theta, s.theta)
	}
	if !o.shapesGradient() {
		round(grad, s.grad)
		return
	}
	l1, l2, perBatch, clip := F(o.l1), F(o.l2), 1/F(o.batch), F(o.clip)
	for i, g := range s.grad {
		w := s.theta[i]
		g = F((F(g+F(l1*sign(w))) + F(l2*w)) * perBatch)
		if clip > 0 {
			g = max(-clip, min(g, clip))
		}
		grad[i] = round1(g)
	}
}

// sign is −1, 0 or 1.
func sign[F params.Float](x F) F {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// round copies v, in float32.
func round[F params.Float](dst []float32, v []F) {
	if same, ok := any(v).([]float32); ok {
		copy(dst, same)
		return
	}
	for i, x := range v {
		dst[i] = round1(x)
	}
}

func round1[F params.Float](x F) float32 {
	return float32(max(-math.MaxFloat32, min(x, math.MaxFloat32)))
}

func (s *slabOf[F]) add(step []float32, rate float64) {
	if w, ok := any(s.theta).([]float32); ok && rate == 1 {
		kernel.Add(w, w, step)
		return
	}
	r := F(rate)
	for i, x := range step {
		s.theta[i] += F(r * F(x))
	}
}
