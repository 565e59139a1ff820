package meta

import (
	"fmt"
	"runtime"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/learnedopt"
)

// fits reports a configuration that the machine has no room for, before anything is allocated but a single problem.
func (c BPTTConfigOf[F]) fits(p inner.ProblemOf[F]) error {
	theta := p.Params()
	state, err := learnedopt.StateLen(c.Rule, theta, 1)
	if err != nil {
		return fmt.Errorf("meta: %w", err)
	}
	if err := machine.Fits(c.bytes(p, state)); err != nil {
		return fmt.Errorf("meta: %d copies of a problem of %d weights over windows of %d steps: %w", c.Copies, theta.Len(), c.Window, err)
	}
	return nil
}

// bytes estimates what BPTT takes, for a problem and the state that the rule keeps for it: the tape, what
// rules carry along a window that they go back over at once, the problems themselves, and a few copies of phi. It does not
// know whether the rule can do that, and takes it that it can, for tapes of states are longer.
func (c BPTTConfigOf[F]) bytes(p inner.ProblemOf[F], state int) float64 {
	n, m, window := float64(c.Copies)*float64(p.Params().Len()), float64(c.Copies)*float64(state), float64(c.Window)
	trueGrad, theta, tape := 0.0, 0.0, n // of a step
	if _, ok := p.(inner.SignalledOf[F]); ok {
		trueGrad = n
	}
	if c.MetaLoss.Minibatches == Other {
		trueGrad += n
	}
	sensed := 0.0
	if senses(c.Rule.Spec().Reads) {
		sensed = float64(c.Copies) * float64(inner.SensesOf(p).Len())
	}
	if c.Exact || c.Rule.Spec().Reads&learnedopt.Theta != 0 || sensed > 0 {
		theta, tape = n, m
	}
	numbers := window * (n + trueGrad + theta + tape + sensed) // the tape: gradient, derivative, weights, and state or cotangent of the step
	numbers += 6*n + 2*trueGrad + 2*m                          // where the window began, where the episode is, the step, and λ
	if theta > 0 {
		numbers += 3*n + m + 3*sensed // cotangents
	} else {
		// Blocks of 32 coordinates, of each of which a worker keeps some four states' worth of numbers a step.
		numbers += window * 32 * 4 * m / n * float64(runtime.GOMAXPROCS(0))
	}
	const phis = 32 // the rule's weights, their moments and averages, and gradients to be added up
	numbers += phis * float64(c.Rule.Spec().Phi.Len())
	bytes := numbers * machine.Size[F]()
	if s, ok := p.(inner.Sized); ok {
		bytes += float64(c.Copies) * s.Bytes()
	}
	const perCopy = 500 // of the names of its weights, and the like
	return bytes + perCopy*float64(c.Copies)
}
