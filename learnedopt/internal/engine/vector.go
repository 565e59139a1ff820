package engine

import (
	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// A Pass is the step of a hand-made rule of scope Coordinates as one pass over memory. What all coordinates share is worked
// out once a step, in float64.
type Pass interface {
	// Begin reads phi and the shared state of p, and writes the shared state of next, which may be p.State.
	Begin(p rule.Point[float32], next []float32)
	// Run takes the step of the coordinates of b, into step, of as many elements, and next. Goroutines may run different
	// blocks at once.
	Run(step, next []float32, p rule.Point[float32], b Block)
}

const (
	// vectorBlock is the number of coordinates that are worth a goroutine: fewer are done on the caller's own. One core
	// does not use up the bandwidth of memory; at a million coordinates a second one made a step 1.6 times as fast.
	vectorBlock = 1 << 16
	// vectorChunk is the number of coordinates whose steps stay in the L1 cache until they are added to the weights.
	vectorChunk = 1 << 10
)

// A vector runs a hand-made rule forwards, over blocks.
type vector struct {
	*Schedule[Block, float32]
	pass  Pass
	steps [][]float32 // a chunk for each worker

	// The arguments of the running step, and what each worker does with them: kept here, so that a step allocates nothing.
	running struct {
		step, next, theta []float32
		p                 rule.Point[float32]
	}
	stepGroup, moveGroup func(worker, group int) error
}

var _ rule.MoveKernel = (*vector)(nil)

// NewVector returns the kernel of a pass.
func NewVector(pass Pass, b rule.Binding, workers int) rule.Kernel {
	n := b.Coordinates()
	v := &vector{Schedule: NewSchedule[float32](Blocks(n, vectorBlock), 0, workers), pass: pass}
	v.stepGroup, v.moveGroup = v.stepOfGroup, v.moveOfGroup
	for range v.Workers() {
		v.steps = append(v.steps, make([]float32, min(n, vectorChunk)))
	}
	return v
}

// Step implements rule.Kernel.
func (v *vector) Step(step, next []float32, p rule.Point[float32]) error {
	v.pass.Begin(p, next)
	r := &v.running
	r.step, r.next, r.p = step, next, p
	return v.Each(v.stepGroup)
}

func (v *vector) stepOfGroup(_, g int) error {
	r := &v.running
	for _, b := range v.Groups[g] {
		v.pass.Run(r.step[b.From:b.To], r.next, r.p, b)
	}
	return nil
}

// Move implements rule.MoveKernel.
func (v *vector) Move(theta, next []float32, p rule.Point[float32]) error {
	v.pass.Begin(p, next)
	r := &v.running
	r.theta, r.next, r.p = theta, next, p
	return v.Each(v.moveGroup)
}

func (v *vector) moveOfGroup(w, g int) error {
	r := &v.running
	for _, b := range v.Groups[g] {
		for from := b.From; from < b.To; from += vectorChunk {
			chunk := Block{from, min(from+vectorChunk, b.To)}
			step, theta := v.steps[w][:chunk.To-chunk.From], r.theta[chunk.From:chunk.To]
			v.pass.Run(step, r.next, r.p, chunk)
			kernel.Add(theta, theta, step)
		}
	}
	return nil
}

// Rows returns a block of the k-th of the state's vectors of n numbers.
func (b Block) Rows(state []float32, n, k int) []float32 { return state[k*n+b.From : k*n+b.To] }
