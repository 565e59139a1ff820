package learnedopt

import (
	"math"
	"slices"
)

// A turn is a row of steps of a race.
type turn uint8

const (
	trial    turn = iota // the rule's in a check
	answer               // the fallback's in a check, from where the trial began
	trusted              // the rule's, alone
	relieved             // the fallback's, alone
)

// A race is a LossCheck at work.
type race struct {
	LossCheck
	rule, fallback *guard
	mark, end      snapshot // where the turn began, or the trial before an answer; where the trial ended
	raceState
	alarm alarm
	fresh []float32 // the rule's state at the start
}

// raceState is what a race remembers beside weights, states and gradients.
type raceState struct {
	Begun  bool
	Turn   turn
	Taken  int     // steps in this turn
	Length int     // of this turn
	Trust  int     // length of the next time alone of the rule,
	Relief int     // and of the fallback
	Total  int     // steps taken in all, those too that were taken back
	Bad    int     // gradients in a row that were not finite
	Due    float64 // what the fallback's steps took off the loss in the last check that the rule won, 0 or more
	Checks Checks
}

func newRace(c LossCheck, rule *guard) *race {
	r := &race{LossCheck: c, rule: rule, fallback: rule.second, fresh: slices.Clone(rule.o.state)}
	r.reset()
	return r
}

func (r *race) reset() {
	r.raceState = raceState{Trust: r.LossCheck.Steps, Relief: r.LossCheck.Steps}
	r.alarm = alarm{}
}

// ruleMoves says whether it is the rule that takes the steps of this turn.
func (r *race) ruleMoves() bool { return r.Turn == trial || r.Turn == trusted }

// recovers says whether the race can take back what has led to where nothing is finite.
func (r *race) recovers() bool { return r.Begun && r.ruleMoves() && r.Taken > 0 }

// step is guard.step.
func (r *race) step(slabs []slab) error {
	g := r.rule
	if i, v := g.notFinite(slabs); i >= 0 {
		if r.Bad++; !r.recovers() || g.skip && r.Bad == 1 {
			return g.refuse(i, v)
		}
		r.undo(slabs)
		return r.move(slabs)
	}
	r.Bad = 0
	g.load(slabs)
	if err := r.look(slabs); err != nil {
		return err
	}
	return r.move(slabs)
}

// look asks for the loss where it is due, and acts on it.
func (r *race) look(slabs []slab) error {
	border := !r.Begun || r.Taken >= r.Length
	if !border && (r.Turn != trusted || r.Taken%r.Watch != 0) {
		return nil
	}
	loss, err := r.rule.lossHere()
	if err != nil {
		return err
	}
	if math.IsNaN(loss) {
		loss = math.Inf(1)
	}
	switch {
	case r.recovers() && (math.IsInf(loss, 1) || r.Turn == trusted && r.alarmed(loss)):
		r.undo(slabs)
	case border:
		r.turnOver(slabs, loss)
	}
	return nil
}

// alarmed has the alarm hear of a loss of the rule's, alone.
func (r *race) alarmed(loss float64) bool {
	if r.alarm.hear(loss) > r.Alarm {
		return true
	}
	return r.Taken >= r.Length && loss > r.mark.loss
}

// turnOver ends a turn where the loss is this, and begins the next.
func (r *race) turnOver(slabs []slab, loss float64) {
	switch {
	case !r.Begun:
		r.Begun = true
		r.begin(slabs, loss, trial, r.LossCheck.Steps)
	case r.Turn == trial:
		r.end.keep(r, slabs, loss)
		r.mark.put(r, slabs)
		r.Turn, r.Taken = answer, 0
	case r.Turn == answer:
		r.decide(slabs, loss)
	default:
		if r.Turn == trusted {
			r.keepPromise(loss)
		}
		r.begin(slabs, loss, trial, r.LossCheck.Steps)
	}
}

// keepPromise ends a time alone of the rule's, at a loss that is no higher than where it began. It is trusted for longer if it
// has brought as much as the fallback's steps in the check before.
func (r *race) keepPromise(loss float64) {
	if r.mark.loss-loss >= r.Due {
		r.Trust, r.Relief = min(2*r.Trust, r.Longest), r.LossCheck.Steps
		return
	}
	r.Trust = r.LossCheck.Steps
}

// begin begins a turn here.
func (r *race) begin(slabs []slab, loss float64, t turn, length int) {
	r.mark.keep(r, slabs, loss)
	r.Turn, r.Taken, r.Length = t, 0, length
	r.alarm.rest(loss)
}

// decide ends a check, in which the fallback came to this loss.
func (r *race) decide(slabs []slab, loss float64) {
	r.Checks.TakenBack += r.LossCheck.Steps
	if r.end.loss < loss {
		r.Due = 0
		if fell := r.mark.loss - loss; fell > 0 && !math.IsInf(fell, 1) {
			r.Due = fell
		}
		r.Checks.Won++
		r.end.put(r, slabs)
		r.begin(slabs, r.end.loss, trusted, r.Trust)
		return
	}
	r.Checks.Lost++
	r.relieve(slabs, loss)
}

// relieve has the fallback go on alone.
func (r *race) relieve(slabs []slab, loss float64) {
	r.begin(slabs, loss, relieved, r.Relief)
	r.Trust, r.Relief = r.LossCheck.Steps, min(2*r.Relief, r.Longest)
}

// undo takes back what the rule did in this turn, and what it remembers.
func (r *race) undo(slabs []slab) {
	r.Checks.Undone++
	r.Checks.TakenBack += r.Taken
	r.mark.put(r, slabs)
	r.forget()
	r.relieve(slabs, r.mark.loss)
}

// forget has the rule begin anew.
func (r *race) forget() { copy(r.rule.o.state, r.fresh) }

// move takes the step of whose turn it is. Both learn from the gradient.
func (r *race) move(slabs []slab) error {
	if err := r.propose(); err != nil {
		return err
	}
	if r.ruleMoves() && firstNotFinite(r.rule.o.step) >= 0 {
		r.undo(slabs)
		if err := r.propose(); err != nil {
			return err
		}
	}
	mover := r.fallback
	if r.ruleMoves() {
		mover = r.rule
	} else if firstNotFinite(r.rule.o.step) >= 0 {
		r.forget()
	}
	if err := mover.checkStep(); err != nil {
		return err
	}
	r.Taken++
	r.Total++
	mover.add(slabs)
	return nil
}

// propose has both propose a step.
func (r *race) propose() error {
	r.rule.o.steps, r.fallback.o.steps = r.Total, r.Total
	if err := r.rule.decide(); err != nil {
		return err
	}
	return r.rule.follow()
}

// finish leaves the weights at the lowest point known, where loss is that of where they are. The next step begins anew from it.
func (r *race) finish(slabs []slab, loss float64) {
	if !r.Begun {
		return
	}
	best := &r.mark
	if r.Turn == answer && r.end.loss < best.loss {
		best = &r.end
	}
	if !(loss <= best.loss) {
		best.put(r, slabs)
	}
	r.Begun = false
}
