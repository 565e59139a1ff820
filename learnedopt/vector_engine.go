package learnedopt

import (
	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/internal/kernel"
)

// A pass is the step of a hand-made rule as one pass over memory. What all coordinates share is worked out once a step,
// in float64.
type pass interface {
	// begin reads phi and the clocks of p, and writes the clocks of next, which may be p.State.
	begin(p Point[float32], next []float32)
	// run takes the step of the coordinates of b, into step, of as many elements, and next. Goroutines may run
	// different blocks at once.
	run(step, next []float32, p Point[float32], b block)
}

const (
	// vectorBlock is the number of coordinates that are worth a goroutine: fewer are done on the caller's own. One core
	// does not use up the bandwidth of memory; at a million coordinates a second one made a step 1.6 times as fast.
	vectorBlock = 1 << 16
	// vectorChunk is the number of coordinates whose steps stay in the first-level cache until they are added to the
	// weights.
	vectorChunk = 1 << 10
)

// A vectorEngine runs a hand-made rule forwards on a kernel, and back as a graph.
type vectorEngine struct {
	*dealing[float32]
	c     *Compiled[float32]
	pass  pass
	graph *graphEngine[float32] // nil until the first pullback: those who only take steps need none
	steps [][]float32           // a chunk for each worker

	// The arguments of the running step, and what each worker does with them: kept here, so that a step allocates nothing.
	running struct {
		step, next, theta []float32
		p                 Point[float32]
	}
	stepGroup, moveGroup func(worker, group int) error
}

var _ mover = (*vectorEngine)(nil)

func newVectorEngine(c *Compiled[float32], p pass) *vectorEngine {
	e := &vectorEngine{dealing: deal[float32](c.n, vectorBlock, 0), c: c, pass: p}
	e.stepGroup, e.moveGroup = e.stepOfGroup, e.moveOfGroup
	for range e.dealing.workers() {
		e.steps = append(e.steps, make([]float32, min(c.n, vectorChunk)))
	}
	return e
}

func (e *vectorEngine) step(step, next []float32, p Point[float32]) error {
	e.pass.begin(p, next)
	r := &e.running
	r.step, r.next, r.p = step, next, p
	return e.each(e.stepGroup)
}

func (e *vectorEngine) stepOfGroup(_, g int) error {
	r := &e.running
	for _, b := range e.groups[g] {
		e.pass.run(r.step[b.from:b.to], r.next, r.p, b)
	}
	return nil
}

func (e *vectorEngine) move(theta, next []float32, p Point[float32]) error {
	e.pass.begin(p, next)
	r := &e.running
	r.theta, r.next, r.p = theta, next, p
	return e.each(e.moveGroup)
}

func (e *vectorEngine) moveOfGroup(w, g int) error {
	r := &e.running
	for _, b := range e.groups[g] {
		for from := b.from; from < b.to; from += vectorChunk {
			chunk := block{from, min(from+vectorChunk, b.to)}
			step, theta := e.steps[w][:chunk.to-chunk.from], r.theta[chunk.from:chunk.to]
			e.pass.run(step, r.next, r.p, chunk)
			kernel.Add(theta, theta, step)
		}
	}
	return nil
}

func (e *vectorEngine) pullback(d Cotangents[float32], p Point[float32]) error {
	if e.graph == nil {
		g, err := newGraphEngine(e.c, graph.CompileUnlowered[float32], blockLen)
		if err != nil {
			return err
		}
		e.graph = g
	}
	return e.graph.pullback(d, p)
}

// rows returns a block of the k-th of the state's vectors of n numbers.
func (b block) rows(state []float32, n, k int) []float32 { return state[k*n+b.from : k*n+b.to] }
