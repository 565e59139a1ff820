package learnedopt

import (
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/seed1498fded/unroll/params"
)

// blockLen is the most coordinates of a coordinatewise rule that run as one graph: small enough for an LSTM's gates to
// stay in a second-level cache, large enough for the work of an operation to hide the cost of calling it.
const blockLen = 256

// maxGroups bounds the partial sums of d(phi) that Pullback keeps. The groups are the same whatever the number of
// goroutines, and so is the order in which they are summed: that makes the result the same to the bit.
const maxGroups = 16

// A Compiled is a rule bound to a number of coordinates, ready to run forwards and backwards. Its methods share memory:
// one goroutine at a time. They use up to runtime.GOMAXPROCS(0) goroutines inside, and give the same bits with any
// number of them.
type Compiled[F params.Float] struct {
	rule    Rule
	phi     params.Layout
	state   params.Layout
	n       int
	groups  [][]block // all blocks in order of coordinates, dealt out in order
	sums    [][]F     // each group's share of d(phi)
	clocks  []F       // the state's shared tensors as the running step found them, end to end
	workers []*worker[F]
}

// A block is a range of coordinates.
type block struct{ from, to int }

// Compile binds a rule to weights of the given layout.
func Compile[F params.Float](r Rule, theta params.Layout) (*Compiled[F], error) {
	if v, ok := r.(Validator); ok {
		if err := v.Validate(); err != nil {
			return nil, err
		}
	}
	if err := theta.Validate(); err != nil {
		return nil, fmt.Errorf("learnedopt: %s: %w", r.Name(), err)
	}
	c := &Compiled[F]{rule: r, phi: r.Phi(), state: r.State(theta), n: theta.Len()}
	width, part := c.n, theta
	if _, ok := r.(Coordinatewise); ok {
		count := (c.n + blockLen - 1) / blockLen
		width = max(2, (c.n+count-1)/count) // Gorgonia takes a vector of one element for a scalar
		part = params.Layout{{Name: "block", Shape: []int{width}}}
	}
	var blocks []block
	for from := 0; from < c.n; from += width {
		blocks = append(blocks, block{from, min(from+width, c.n)})
	}
	for g := range slices.Chunk(blocks, (len(blocks)+maxGroups-1)/maxGroups) {
		c.groups = append(c.groups, g)
		c.sums = append(c.sums, make([]F, c.phi.Len()))
	}
	for range min(len(c.groups), runtime.GOMAXPROCS(0)) {
		w, err := newWorker(c, part)
		if err != nil {
			return nil, fmt.Errorf("learnedopt: %s: %w", r.Name(), err)
		}
		c.workers = append(c.workers, w)
	}
	return c, nil
}

// Coordinates returns the number of weights the rule is bound to.
func (c *Compiled[F]) Coordinates() int { return c.n }

// Phi returns the layout of the meta-parameters.
func (c *Compiled[F]) Phi() params.Layout { return c.phi }

// State returns the layout of the state.
func (c *Compiled[F]) State() params.Layout { return c.state }

// Reads says what the rule looks at.
func (c *Compiled[F]) Reads() Vars { return c.rule.Reads() }

// A Point is what one step is computed from, as flat vectors. Theta may be nil if the rule does not read it.
type Point[F params.Float] struct{ Phi, State, Grad, Theta []F }

// Step computes the step and the next state, overwriting both; next may be p.State itself.
func (c *Compiled[F]) Step(step, next []F, p Point[F]) error {
	c.check("step", step, c.n)
	c.check("next state", next, c.state.Len())
	c.checkPoint(p)
	c.saveClocks(p.State)
	return c.each(func(w *worker[F], g int) error {
		for _, b := range c.groups[g] {
			if err := w.step(step, next, p, b); err != nil {
				return err
			}
		}
		return nil
	})
}

// Cotangents are the derivatives of a loss with respect to the parts of one step. Pullback reads the first two and
// writes the others.
type Cotangents[F params.Float] struct {
	Step  []F // of the step
	Next  []F // of the next state
	Phi   []F // added to
	State []F // overwritten; may be Next itself
	Grad  []F // overwritten; nil if not wanted
	Theta []F // overwritten, with zeros if the rule does not read Theta; nil if not wanted
}

// Pullback carries the cotangents of a step's results back to what the step was computed from.
func (c *Compiled[F]) Pullback(d Cotangents[F], p Point[F]) error {
	c.check("cotangent of the step", d.Step, c.n)
	c.check("cotangent of the next state", d.Next, c.state.Len())
	c.check("cotangent of phi", d.Phi, c.phi.Len())
	c.check("cotangent of the state", d.State, c.state.Len())
	if d.Grad != nil {
		c.check("cotangent of the gradient", d.Grad, c.n)
	}
	if d.Theta != nil {
		c.check("cotangent of theta", d.Theta, c.n)
	}
	c.checkPoint(p)
	c.saveClocks(p.State)
	err := c.each(func(w *worker[F], g int) error {
		clear(c.sums[g])
		for _, b := range c.groups[g] {
			if err := w.pullback(c.sums[g], d, p, b); err != nil {
				return err
			}
		}
		return nil
	})
	for _, sum := range c.sums {
		for i, v := range sum {
			d.Phi[i] += v
		}
	}
	return err
}

// each calls f for every group, on as many goroutines as there are workers.
func (c *Compiled[F]) each(f func(w *worker[F], group int) error) error {
	if len(c.workers) == 1 {
		for g := range c.groups {
			if err := f(c.workers[0], g); err != nil {
				return err
			}
		}
		return nil
	}
	var eg errgroup.Group
	for i, w := range c.workers {
		eg.Go(func() error {
			for g := i; g < len(c.groups); g += len(c.workers) {
				if err := f(w, g); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return eg.Wait()
}

// saveClocks copies the tensors of the state that have no row a coordinate, which all blocks read and one writes.
func (c *Compiled[F]) saveClocks(state []F) {
	c.clocks = c.clocks[:0]
	for i, v := range params.Split(c.state, state) {
		if !perCoordinate(c.state[i], c.n) {
			c.clocks = append(c.clocks, v...)
		}
	}
}

func perCoordinate(s params.Spec, n int) bool { return s.Shape[0] == n }

func (c *Compiled[F]) check(what string, v []F, n int) {
	if len(v) != n {
		panic(fmt.Sprintf("learnedopt: %s: %s of length %d, want %d", c.rule.Name(), what, len(v), n))
	}
}

func (c *Compiled[F]) checkPoint(p Point[F]) {
	c.check("phi", p.Phi, c.phi.Len())
	c.check("state", p.State, c.state.Len())
	c.check("gradient", p.Grad, c.n)
	if c.Reads()&Theta != 0 {
		c.check("theta", p.Theta, c.n)
	}
}
