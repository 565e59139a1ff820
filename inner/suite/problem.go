package suite

import (
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// A network is what there is to train: it holds the minibatch that it works on, and what lies between.
type network[F params.Float] interface {
	params() params.Layout
	start(theta []F, key uint64)

	// draw makes the minibatch named by key the one to work on.
	draw(key uint64)
	// test makes the i-th part of what is held out the one to work on, and returns how many examples it has; 0 if there is
	// no such part.
	test(i int) int
	// forward returns the mean loss on what there is to work on.
	forward(theta []F) float64
	// backward overwrites grad with the derivative of what the last forward returned, at the same theta. It is not called
	// after test.
	backward(grad, theta []F)
}

// A problem makes an inner.ProblemOf of a network.
type problem[F params.Float] struct {
	network[F]
	layout params.Layout
	n      int
}

var (
	_ inner.Problem = (*problem[float32])(nil)
	_ inner.Tested  = (*problem[float32])(nil)
)

func newProblem[F params.Float](n network[F]) (inner.ProblemOf[F], error) {
	l := n.params()
	if err := l.Validate(); err != nil {
		return nil, fmt.Errorf("suite: %w", err)
	}
	return &problem[F]{network: n, layout: l, n: l.Len()}, nil
}

// Params implements inner.ProblemOf.
func (p *problem[F]) Params() params.Layout { return p.layout }

// Init implements inner.ProblemOf.
func (p *problem[F]) Init(theta []F, key uint64) {
	p.check("theta", theta)
	p.start(theta, key)
}

// Eval implements inner.ProblemOf.
func (p *problem[F]) Eval(grad, theta []F, key uint64) (float64, error) {
	p.check("theta", theta)
	if grad != nil {
		p.check("grad", grad)
	}
	if !kernel.Finite(theta) { // not left to the arithmetic: a product may leave out a weight whose inputs are all zero
		for i := range grad {
			grad[i] = F(math.NaN())
		}
		return math.NaN(), nil
	}
	p.draw(key)
	loss := p.forward(theta)
	if grad != nil {
		p.backward(grad, theta)
	}
	return loss, nil
}

// TestLoss implements inner.TestedOf.
func (p *problem[F]) TestLoss(theta []F) (float64, error) {
	p.check("theta", theta)
	if !kernel.Finite(theta) {
		return math.NaN(), nil
	}
	sum, examples := 0.0, 0
	for i := 0; ; i++ {
		n := p.test(i)
		if n == 0 {
			return sum / float64(examples), nil
		}
		sum += float64(n) * p.forward(theta)
		examples += n
	}
}

func (p *problem[F]) check(what string, v []F) {
	if len(v) != p.n {
		panic(fmt.Sprintf("suite: %s of length %d, want %d", what, len(v), p.n))
	}
}
