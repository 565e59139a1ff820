package suite

import (
	"cmp"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// NoisyQuadraticOf is the family of ill-conditioned quadratic functions whose lowest point shakes:
//
//	f(θ; ξ) = ½(θ − c − σξ)ᵀH(θ − c − σξ),  ξ ~ N(0, 1) anew for each minibatch
//
// (after Schaul, Zhang and LeCun 2013). H has eigenvalues from 1/Condition to 1, evenly on the scale of logarithms, along axes at
// random; they and c, from N(0, 1), are new for each key of Sample. The start is 0. TestLoss is f without noise. The weights are
// theta [Dim].
type NoisyQuadraticOf[F params.Float] struct {
	Dim       int     // 100 if zero
	Condition float64 // 1e4 if zero; at least 1
	Noise     float64 // σ; .1 if zero
}

// NoisyQuadratic is NoisyQuadraticOf in use.
type NoisyQuadratic = NoisyQuadraticOf[float32]

var _ inner.Family = NoisyQuadratic{}

// Sample returns the problem named by key. Fields out of their ranges are errors.
func (f NoisyQuadraticOf[F]) Sample(key uint64) (inner.ProblemOf[F], error) {
	dim := cmp.Or(f.Dim, 100)
	if err := check("NoisyQuadratic", size{"a Dim", dim}); err != nil {
		return nil, err
	}
	if f.Condition == 0 {
		f.Condition = 1e4
	}
	if f.Noise == 0 {
		f.Noise = .1
	}
	switch {
	case !(f.Condition >= 1) || math.IsInf(f.Condition, 1):
		return nil, fmt.Errorf("suite: NoisyQuadratic: a Condition of %v; want 1 or more", f.Condition)
	case !(f.Noise > 0) || math.IsInf(f.Noise, 1):
		return nil, fmt.Errorf("suite: NoisyQuadratic: Noise of %v; want more than 0", f.Noise)
	}
	room := func() []float64 { return make([]float64, dim) }
	n := &noisy[F]{noise: f.Noise, draws: rng.New(0), h: make([]float64, dim*dim), centre: room(), x: room(), hx: room()}
	n.add("theta", dim)
	rng.Normal(n.centre, rng.Split(key, 0), 1)
	axes := orthogonal(dim, rng.Split(key, 1))
	for k := range dim {
		eigenvalue := math.Pow(f.Condition, -float64(k)/float64(max(1, dim-1)))
		axis := axes[k*dim : (k+1)*dim]
		for i, a := range axis {
			for j, b := range axis {
				n.h[i*dim+j] += eigenvalue * a * b
			}
		}
	}
	return newProblem[F](n)
}

// orthogonal returns n random axes at right angles, as rows: Gram and Schmidt's of normal vectors, twice over against rounding.
func orthogonal(n int, key uint64) []float64 {
	q := make([]float64, n*n)
	rng.Normal(q, key, 1)
	for k := range n {
		row := q[k*n : (k+1)*n]
		for range 2 {
			for l := range k {
				before := q[l*n : (l+1)*n]
				along := dot(row, before)
				for i, v := range before {
					row[i] -= along * v
				}
			}
			length := math.Sqrt(dot(row, row))
			for i := range row {
				row[i] /= length
			}
		}
	}
	return q
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

type noisy[F params.Float] struct {
	plan
	whole
	noise  float64
	draws  *rng.Stream
	h      []float64 // [Dim, Dim]
	centre []float64
	x, hx  []float64 // where the lowest point is seen from there, and H times what is left
}

func (n *noisy[F]) params() params.Layout { return n.layout }

func (n *noisy[F]) start(theta []F, _ uint64) { clear(theta) }

func (n *noisy[F]) draw(key uint64) {
	n.draws.Reset(key)
	for i, c := range n.centre {
		n.x[i] = c + n.noise*n.draws.NormFloat64()
	}
}

func (n *noisy[F]) test(i int) int {
	copy(n.x, n.centre)
	return n.whole.test(i)
}

// forward is not called twice for one minibatch.
func (n *noisy[F]) forward(theta []F) float64 {
	for i, v := range theta {
		n.x[i] = float64(v) - n.x[i]
	}
	dim := len(n.x)
	for i := range n.hx {
		n.hx[i] = dot(n.h[i*dim:(i+1)*dim], n.x)
	}
	return dot(n.x, n.hx) / 2
}

func (n *noisy[F]) backward(grad, _ []F) {
	for i, v := range n.hx {
		grad[i] = F(v)
	}
}
