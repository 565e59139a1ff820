package meta

import (
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// The keys of an episode's parts are children of its own.
const (
	keyProblem = iota
	keyStart
	keyBatches
	keySample // of an estimate, not of an episode
)

// An episode is one training run of a problem under a rule, between two steps: it holds the loss, the gradient that the
// rule will see and the derivative of the loss, at the weights where the next step begins.
type episode[F params.Float] struct {
	key     uint64
	problem inner.ProblemOf[F]
	steps   int // taken so far
	loss    float64
	memory[F]
	signal inner.SignalledOf[F] // the problem, if it tells the gradient from the derivative; else nil
}

// A memory is the vectors of an episode. The next one gets the same: at a million weights an LSTM's state takes 320 MB.
type memory[F params.Float] struct {
	theta []F
	state []F
	grad  []F
	slope []F // the derivative of the loss; grad itself unless signalled
}

// newEpisode samples a problem and its start, with a rule's state of zeros, in the memory of an episode that is over.
func newEpisode[F params.Float](f inner.FamilyOf[F], key uint64, m memory[F]) (*episode[F], error) {
	p, err := f.Sample(rng.Split(key, keyProblem))
	if err != nil {
		return nil, err
	}
	e := &episode[F]{key: key, problem: p, memory: m}
	clear(e.state)
	e.slope = e.grad
	if s, ok := p.(inner.SignalledOf[F]); ok {
		e.signal, e.slope = s, make([]F, len(e.grad))
	}
	p.Init(e.theta, rng.Split(key, keyStart))
	return e, e.eval()
}

// batch returns the key of the minibatch that step t, counted from 0, sees.
func (e *episode[F]) batch(t int) uint64 { return rng.Split(rng.Split(e.key, keyBatches), uint64(t)) }

// eval sets loss, gradient and slope for where the episode is now.
func (e *episode[F]) eval() (err error) {
	batch := e.batch(e.steps)
	if e.loss, err = e.problem.Eval(e.grad, e.theta, batch); err != nil || e.signal == nil {
		return err
	}
	return e.signal.Derivative(e.slope, e.theta, batch)
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
