package learnedopt

import (
	"fmt"

	"github.com/seed1498fded/unroll/params"
)

// blockLen is the most coordinates of a coordinatewise rule that run as one graph: small enough for an LSTM's gates to
// stay in a second-level cache, large enough for the work of an operation to hide the cost of calling it.
const blockLen = 256

// A graphEngine runs the expression that a rule's Update writes.
type graphEngine[F params.Float] struct {
	*dealing[F]
	c       *Compiled[F]
	clocks  []F // the state's shared tensors as the running step found them, end to end
	workers []*worker[F]
}

func newGraphEngine[F params.Float](c *Compiled[F]) (*graphEngine[F], error) {
	width, part := c.n, c.theta
	if _, ok := c.rule.(Coordinatewise); ok {
		count := (c.n + blockLen - 1) / blockLen
		width = max(2, (c.n+count-1)/count) // Gorgonia takes a vector of one element for a scalar
		part = params.Layout{{Name: "block", Shape: []int{width}}}
	}
	e := &graphEngine[F]{c: c, dealing: deal[F](c.n, width, c.phi.Len())}
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
	return e.each(func(w, g int) error {
		for _, b := range e.groups[g] {
			if err := e.workers[w].step(step, next, p, b); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *graphEngine[F]) pullback(d Cotangents[F], p Point[F]) error {
	e.saveClocks(p.State)
	err := e.each(func(w, g int) error {
		clear(e.sums[g])
		for _, b := range e.groups[g] {
			if err := e.workers[w].pullback(e.sums[g], d, p, b); err != nil {
				return err
			}
		}
		return nil
	})
	e.addTo(d.Phi)
	return err
}

// saveClocks copies the tensors of the state that have no row a coordinate, which all blocks read and one writes.
func (e *graphEngine[F]) saveClocks(state []F) {
	e.clocks = e.clocks[:0]
	for i, v := range params.Split(e.c.state, state) {
		if !perCoordinate(e.c.state[i], e.c.n) {
			e.clocks = append(e.clocks, v...)
		}
	}
}
