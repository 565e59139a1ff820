package suite

import (
	"cmp"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// RosenbrockOf is the function of Rosenbrock 1960 in many dimensions, a curved valley with its lowest point, of 0, at (1, ..., 1):
//
//	f(x) = Σ 100(x[i+1] − x[i]²)² + (1 − x[i])²
//
// from near the usual start: −1.2 and 1 in turn, plus N(0, .1²). There is nothing held out: TestLoss is f. The weights are x [Dim].
type RosenbrockOf[F params.Float] struct {
	Dim int // 50 if zero; at least 2
}

// Rosenbrock is RosenbrockOf in use.
type Rosenbrock = RosenbrockOf[float32]

var _ inner.Family = Rosenbrock{}

// Sample returns the one problem. A Dim below 2 is an error.
func (f RosenbrockOf[F]) Sample(uint64) (inner.ProblemOf[F], error) {
	dim := cmp.Or(f.Dim, 50)
	if err := check("Rosenbrock", size{"a Dim less one", dim - 1}); err != nil {
		return nil, err
	}
	n := &rosenbrock[F]{}
	n.add("x", dim)
	return newProblem[F](n)
}

type rosenbrock[F params.Float] struct {
	plan
	whole
}

func (n *rosenbrock[F]) params() params.Layout { return n.layout }

func (n *rosenbrock[F]) start(x []F, key uint64) {
	rng.Normal(x, key, .1)
	for i := range x {
		if i%2 == 0 {
			x[i] -= 1.2
		} else {
			x[i]++
		}
	}
}

func (n *rosenbrock[F]) forward(x []F) float64 {
	sum := 0.0
	for i := range len(x) - 1 {
		a, b := float64(x[i]), float64(x[i+1])
		sum += 100*(b-a*a)*(b-a*a) + (1-a)*(1-a)
	}
	return sum
}

func (n *rosenbrock[F]) backward(grad, x []F) {
	clear(grad)
	for i := range len(x) - 1 {
		a, b := float64(x[i]), float64(x[i+1])
		grad[i] += F(-400*a*(b-a*a) - 2*(1-a))
		grad[i+1] += F(200 * (b - a*a))
	}
}

// whole is embedded by networks that have neither minibatches nor anything held out.
type whole struct{}

func (whole) draw(uint64) {}

// test tells of one part, which is everything.
func (whole) test(i int) int {
	if i > 0 {
		return 0
	}
	return 1
}
