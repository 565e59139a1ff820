package synthetic

import (
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/params"
)

// A task is what a problem asks.
type task[F params.Float] interface {
	params() params.Layout
	start(theta []F, key uint64)
	// forward returns the loss on the minibatch named by key; theta is finite.
	forward(theta []F, key uint64) float64
	// backward overwrites grad with the derivative of what the last forward returned, at the same theta.
	backward(grad, theta []F)
	numbers() int // in memory
}

// A problem makes an inner.ProblemOf of a task.
type problem[F params.Float] struct {
	task   task[F]
	layout params.Layout
	n      int
}

var _ inner.Problem = (*problem[float32])(nil)

func newProblem[F params.Float](t task[F]) inner.ProblemOf[F] {
	l := t.params()
	return &problem[F]{task: t, layout: l, n: l.Len()}
}

// Params implements inner.ProblemOf.
func (p *problem[F]) Params() params.Layout { return p.layout }

// Bytes implements inner.Sized; it takes all numbers for the larger ones.
func (p *problem[F]) Bytes() float64 { return 8 * float64(p.task.numbers()) }

// Init implements inner.ProblemOf.
func (p *problem[F]) Init(theta []F, key uint64) {
	p.check("theta", theta)
	p.task.start(theta, key)
}

// Eval implements inner.ProblemOf.
func (p *problem[F]) Eval(grad, theta []F, key uint64) (float64, error) {
	p.check("theta", theta)
	if grad != nil {
		p.check("grad", grad)
	}
	if !kernel.Finite(theta) {
		for i := range grad {
			grad[i] = F(math.NaN())
		}
		return math.NaN(), nil
	}
	loss := p.task.forward(theta, key)
	if grad != nil {
		p.task.backward(grad, theta)
	}
	return loss, nil
}

func (p *problem[F]) check(what string, v []F) {
	if len(v) != p.n {
		panic(fmt.Sprintf("synthetic: %s of length %d, want %d", what, len(v), p.n))
	}
}

// A size is a field of a family that must be at least 1 where it is not left out.
type size struct {
	name  string
	value int
}

// check reports the first size out of its range.
func check(family string, sizes ...size) error {
	for _, s := range sizes {
		if s.value < 1 {
			return fmt.Errorf("synthetic: %s: %s of %d; want 1 or more", family, s.name, s.value)
		}
	}
	return nil
}
