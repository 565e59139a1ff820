package learnedopt

import (
	"errors"
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

	told   told    // the loss that came with the gradient
	amend  amender // changes the step that the rule proposes; may be nil
	second *guard  // of a fallback; nil if there is none
	race   *race   // of rule and fallback; nil if there is none
}

// An amender is a Guard at work: it changes the step that a rule has proposed, which lies in the optimizer's step.
type amender interface{ amend(g *guard) error }

// A told loss is one that the caller passed with the gradient, if any.
type told struct {
	loss  float64
	known bool
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
		g.needTheta()
	}
	o.horizon = opts.horizon
	if err := g.findRows(); err != nil || opts.choice == nil {
		return g, err
	}
	return g, opts.choice.stand(g)
}

// findRows finds the state of each coordinate, of a rule that knows coordinates.
func (g *guard) findRows() error {
	o := g.o
	if o.compiled.Spec().Scope != Coordinates {
		return nil
	}
	g.rows = rowsOf(o.compiled)
	if o.compiled.Starts() {
		g.start = slices.Clone(o.state)
	}
	if g.moves == moveSparse {
		var err error
		if g.sparse, err = newSparse(o.compiled, g.rows); err != nil {
			return err
		}
	}
	return nil
}

// needTheta has the guard keep what the weights are at each step.
func (g *guard) needTheta() {
	if g.theta == nil {
		g.theta = make([]float32, g.o.compiled.Coordinates())
	}
}

// flatLayout lays out n weights as one vector.
func flatLayout(n int) params.Layout { return params.Layout{{Name: "theta", Shape: []int{n}}} }

// step moves the weights of slabs, which end to end are those of the optimizer's layout. The error names the tensor and
// the index of a gradient or a step that is not finite; no weight has moved then, and in the first case no state either.
func (g *guard) step(slabs []slab) error {
	if g.race != nil {
		return g.race.step(slabs)
	}
	if i, v := g.notFinite(slabs); i >= 0 {
		return g.refuse(i, v)
	}
	if err := g.propose(slabs); err != nil {
		return err
	}
	if err := g.checkStep(); err != nil {
		return err
	}
	g.add(slabs)
	return nil
}

// notFinite returns the position of the first gradient that is a NaN or an infinity, and its value; -1 if there is none.
func (g *guard) notFinite(slabs []slab) (int, float64) {
	at := 0
	for _, s := range slabs {
		if i, v := s.notFinite(); i >= 0 {
			return at + i, v
		}
		at += s.size()
	}
	return -1, 0
}

// refuse passes over a step whose i-th gradient is v, or is an error about it.
func (g *guard) refuse(i int, v float64) error {
	if g.skip {
		g.skipped++
		return nil
	}
	return fmt.Errorf("learnedopt: the gradient of %s is %v; no weight was moved (SkipNonFinite passes over such steps)",
		placeIn(g.o.compiled.Theta(), i), v)
}

// checkStep reports a step proposed that is not finite.
func (g *guard) checkStep() error {
	if i := firstNotFinite(g.o.step); i >= 0 {
		return fmt.Errorf("learnedopt: %s proposes a step of %v for %s; no weight was moved", g.o.compiled.Rule().Name(),
			g.o.step[i], placeIn(g.o.compiled.Theta(), i))
	}
	return nil
}

// propose asks the rule for a step, which lies in the optimizer's step then, and for the next state.
func (g *guard) propose(slabs []slab) error {
	g.load(slabs)
	return g.decide()
}

// decide is propose, of what has been loaded.
func (g *guard) decide() error {
	if g.moves == moveSeen {
		g.look()
	}
	if err := g.ask(); err != nil {
		return err
	}
	if g.amend != nil {
		g.hold()
		if err := g.amend.amend(g); err != nil {
			return err
		}
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
	scaleBy(v, limit/norm)
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
	if g.options.loss != nil && g.o.compiled.Reads()&Loss != 0 {
		loss, err := g.lossHere()
		if err != nil {
			return err
		}
		g.o.loss[0] = float32(loss)
	}
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

// recovers says whether the guard can go back from where nothing is finite.
func (g *guard) recovers() bool { return g.race != nil && g.race.recovers() }

// lossHere returns the loss where the weights are: what the function of WithLoss says, or else what came with the gradient.
func (g *guard) lossHere() (float64, error) {
	switch {
	case g.options.loss != nil:
		loss, err := g.options.loss()
		if err != nil {
			return 0, fmt.Errorf("learnedopt: the loss of WithLoss: %w", err)
		}
		return loss, nil
	case g.told.known:
		return g.told.loss, nil
	}
	return 0, errors.New("learnedopt: LossCheck is not told the loss; want WithLoss, or StepLoss in Step's place")
}

// reset forgets all steps.
func (g *guard) reset() error {
	g.begun, g.unseen, g.skipped, g.told = false, g.unseen[:0], 0, told{}
	if g.race != nil {
		g.race.reset()
	}
	if g.second != nil {
		return g.second.o.Reset()
	}
	return nil
}
