package learnedopt

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/internal/graph"
	"github.com/seed1498fded/unroll/params"
)

// The most coordinates of a coordinatewise rule that run as one graph.
const (
	// blockLen is small enough for an LSTM's gates to stay in a second-level cache, large enough for the work of an
	// operation to hide the cost of calling it.
	blockLen = 256
	// lightBlockLen is for lowered rules of less state, whose operations take that much less time each.
	lightBlockLen = 1 << 12
	// blockState is the most numbers of state that a block of more than blockLen coordinates has.
	blockState = 1 << 14
)

// A graphEngine runs the expression that a rule's Update writes.
type graphEngine[F params.Float] struct {
	*dealing[F]
	c       *Compiled[F]
	compile compiler[F]
	clocks  []F // the state's shared tensors as the running step found them, end to end
	workers []*worker[F]

	// The arguments of the running step, and what each worker does with them: kept here, so that a step allocates nothing.
	running struct {
		step, next []F
		p          Point[F]
		d          Cotangents[F]
	}
	stepGroup, pullbackGroup func(worker, group int) error
}

// A compiler makes programs of graphs: graph.Compile, or graph.CompileUnlowered for the reference.
type compiler[F params.Float] func(inputs, outputs []*G.Node) (*graph.Program[F], error)

// newGraphEngine makes an engine whose graphs have at most block coordinates, if the rule is coordinatewise.
func newGraphEngine[F params.Float](c *Compiled[F], compile compiler[F], block int) (*graphEngine[F], error) {
	width, part := c.n, c.theta
	if _, ok := c.rule.(Coordinatewise); ok {
		count := (c.n + block - 1) / block
		width = max(2, (c.n+count-1)/count) // Gorgonia takes a vector of one element for a scalar
		part = params.Layout{{Name: "block", Shape: []int{width}}}
	}
	e := &graphEngine[F]{c: c, compile: compile, dealing: deal[F](c.n, width, c.phi.Len())}
	e.stepGroup, e.pullbackGroup = e.stepOfGroup, e.pullbackOfGroup
	for range e.dealing.workers() {
		w, err := newWorker(c, e, part)
		if err != nil {
			return nil, fmt.Errorf("learnedopt: %s: %w", c.rule.Name(), err)
		}
		e.workers = append(e.workers, w)
	}
	return e, nil
}

func (e *graphEngine[F]) step(step, next []F, p Point[F]) error {
	e.saveClocks(p.State)
	e.running.step, e.running.next, e.running.p = step, next, p
	return e.each(e.stepGroup)
}

func (e *graphEngine[F]) stepOfGroup(w, g int) error {
	r := &e.running
	for _, b := range e.groups[g] {
		if err := e.workers[w].step(r.step, r.next, r.p, b); err != nil {
			return err
		}
	}
	return nil
}

func (e *graphEngine[F]) pullback(d Cotangents[F], p Point[F]) error {
	e.saveClocks(p.State)
	e.running.d, e.running.p = d, p
	err := e.each(e.pullbackGroup)
	e.addTo(d.Phi)
	return err
}

func (e *graphEngine[F]) pullbackOfGroup(w, g int) error {
	r := &e.running
	clear(e.sums[g])
	for _, b := range e.groups[g] {
		if err := e.workers[w].pullback(e.sums[g], r.d, r.p, b); err != nil {
			return err
		}
	}
	return nil
}

// saveClocks copies the tensors of the state that have no row a coordinate, which all blocks read and one writes.
func (e *graphEngine[F]) saveClocks(state []F) {
	e.clocks = e.clocks[:0]
	e.clocks = appendClocks(e.clocks, e.c, state)
}

// appendClocks appends the tensors of a state that have no row a coordinate, end to end.
func appendClocks[F params.Float](clocks []F, c *Compiled[F], state []F) []F {
	at := 0
	for _, s := range c.state {
		if !perCoordinate(s, c.n) {
			clocks = append(clocks, state[at:at+s.Len()]...)
		}
		at += s.Len()
	}
	return clocks
}
