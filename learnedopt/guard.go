package learnedopt

import (
	"fmt"
	"slices"

	"github.com/seed1498fded/unroll/params"
)

// A guard stands between a rule and the weights of somebody who only wants to train something. It hands the rule the
// gradient that the options ask for, holds still the coordinates that are not to move, and lets nothing through that is
// not finite. All faces of a trained rule, [Trained.New]'s Optimizer, Solver and Method, step through one.
type guard struct {
	*options
	o       *Optimizer
	theta   []float32 // what the rule reads, nil if it does not read the weights
	grad    []float32
	sparse  *sparse // of a coordinatewise rule that steps some coordinates only
	skipped int

	// The coordinates whose gradient has been zero at every step so far; their state is that of the start. It is known after
	// the first step, and empty as soon as all coordinates have been seen: then it costs nothing.
	begun  bool
	unseen []int

	rows  []rows    // of a rule of scope Coordinates: where each coordinate's state is
	start []float32 // the state at the start of a run; nil where it is zero
}

// rows are a tensor of the state with a row for each coordinate.
type rows struct{ at, width int }

// rowsOf lists those of a bound rule.
func rowsOf(c *Compiled[float32]) []rows {
	var found []rows
	for i, r := range c.Spec().State.PerCoordinate {
		found = append(found, rows{c.StateLayout().Rows[i], r.Len()})
	}
	return found
}

// of returns the row of coordinate i.
func (r rows) of(state []float32, i int) []float32 { return state[r.at+i*r.width : r.at+(i+1)*r.width] }

func newGuard(o *Optimizer, opts *options) (*guard, error) {
	n := o.compiled.Coordinates()
	g := &guard{options: opts, o: o, grad: make([]float32, n)}
	if o.step == nil {
		o.step = make([]float32, n)
	}
	if o.compiled.Reads()&Theta != 0 || opts.decay > 0 {
		g.theta = make([]float32, n)
	}
	o.horizon = opts.horizon
	if o.compiled.Spec().Scope != Coordinates {
		return g, nil
	}
	g.rows = rowsOf(o.compiled)
	if o.compiled.Starts() {
		g.start = slices.Clone(o.state)
	}
	if opts.moves == moveSparse {
		var err error
		if g.sparse, err = newSparse(o.compiled, g.rows); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// flatLayout lays out n weights as one vector.
func flatLayout(n int) params.Layout { return params.Layout{{Name: "theta", Shape: []int{n}}} }

// step moves the weights of slabs, which end to end are those of the optimizer's layout. The error names the tensor and
// the index of a gradient or a step that is not finite; no weight has moved then, and in the first case no state either.
func (g *guard) step(slabs []slab) error {
	at := 0
	for _, s := range slabs {
		if i, v := s.notFinite(); i >= 0 {
			if g.skip {
				g.skipped++
				return nil
			}
			return fmt.Errorf("learnedopt: the gradient of %s is %v; no weight was moved (SkipNonFinite passes over such steps)",
				placeIn(g.o.compiled.Theta(), at+i), v)
		}
		at += s.size()
	}
	if err := g.propose(slabs); err != nil {
		return err
	}
	if i := firstNotFinite(g.o.step); i >= 0 {
		return fmt.Errorf("learnedopt: %s proposes a step of %v for %s; no weight was moved", g.o.compiled.Rule().Name(),
			g.o.step[i], placeIn(g.o.compiled.Theta(), i))
	}
	g.add(slabs)
	return nil
}

// propose asks the rule for a step, which lies in the optimizer's step then, and for the next state.
func (g *guard) propose(slabs []slab) error {
	g.load(slabs)
	if g.moves == moveSeen {
		g.look()
	}
	if err := g.ask(); err != nil {
		return err
	}
	for i, w := range g.theta {
		g.o.step[i] -= float32(float32(g.decay) * w)
	}
	g.hold()
	return nil
}

// load fills in what the rule reads.
func (g *guard) load(slabs []slab) {
	at := 0
	for _, s := range slabs {
		n := s.size()
		var theta []float32
		if g.theta != nil {
			theta = g.theta[at : at+n]
		}
		s.load(theta, g.grad[at:at+n], g.options)
		at += n
	}
	if g.norm > 0 {
		clipNorm(g.grad, g.norm)
	}
}

// clipNorm scales v down to a length of limit, where it is longer.
func clipNorm(v []float32, limit float64) {
	norm := length(v)
	if norm <= limit {
		return
	}
	scale := limit / norm
	for i, x := range v {
		v[i] = float32(float64(x) * scale)
	}
}

// look strikes from the unseen coordinates those that have a gradient now. At the first step these are all that have
// none, but for those whose state, copied from another run, is not that of the start.
func (g *guard) look() {
	if g.begun {
		g.unseen = slices.DeleteFunc(g.unseen, func(i int) bool { return g.grad[i] != 0 })
		return
	}
	g.begun, g.unseen = true, g.unseen[:0]
	for i, x := range g.grad {
		if x == 0 && g.untouched(i) {
			g.unseen = append(g.unseen, i)
		}
	}
}

// untouched says whether a coordinate's state is that of the start.
func (g *guard) untouched(i int) bool {
	for _, r := range g.rows {
		for k, v := range r.of(g.o.state, i) {
			if v != g.startOf(r, i, k) {
				return false
			}
		}
	}
	return true
}

// startOf returns number k of a coordinate's row as it is at the start.
func (g *guard) startOf(r rows, i, k int) float32 {
	if g.start == nil {
		return 0
	}
	return r.of(g.start, i)[k]
}

// ask has the rule compute the step and the next state.
func (g *guard) ask() error {
	p := g.o.point(g.grad, g.theta)
	g.o.steps++
	if g.sparse != nil {
		return g.sparse.run(g.o.step, p)
	}
	return g.o.compiled.Step(g.o.step, g.o.state, p)
}

// hold takes back the steps of the coordinates that are not to move, and of those never seen the state.
func (g *guard) hold() {
	if g.moves == moveSparse {
		for i, x := range g.grad {
			if x == 0 {
				g.o.step[i] = 0
			}
		}
		return
	}
	for _, i := range g.unseen {
		g.o.step[i] = 0
	}
	for _, r := range g.rows {
		for _, i := range g.unseen {
			for k, row := 0, r.of(g.o.state, i); k < len(row); k++ {
				row[k] = g.startOf(r, i, k)
			}
		}
	}
}

// add moves the weights by the step proposed.
func (g *guard) add(slabs []slab) {
	at := 0
	for _, s := range slabs {
		n := s.size()
		s.add(g.o.step[at:at+n], g.rate)
		at += n
	}
}

// reset forgets all steps.
func (g *guard) reset() { g.begun, g.unseen, g.skipped = false, g.unseen[:0], 0 }
