package es

import (
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// A teacher is the rule that is imitated, walking along.
type teacher[F params.Float] struct {
	imitation Imitation // with every default in its place
	compiled  *learnedopt.Compiled[F]
	phi       []F
	state     []F // its memory, which is the end of a place
	step      []F // that it would take
	before    []F // the weights before the learner's step
	losses    []F

	direction, magnitude float64 // of the learner's last step, the mean over runs
}

// newTeacher returns nil if nothing is imitated.
func newTeacher[F params.Float](m *Imitation, theta params.Layout, copies int) (*teacher[F], error) {
	if m == nil {
		return nil, nil
	}
	r, err := m.rule()
	if err != nil {
		return nil, err
	}
	c, err := learnedopt.CompileWith[F](r, theta, learnedopt.Options{Copies: copies, Workers: 1})
	if err != nil {
		return nil, err
	}
	n := c.Coordinates()
	return &teacher[F]{
		imitation: m.filled(), compiled: c, phi: params.Convert[F](learnedopt.Phi(r, 0)), state: make([]F, c.State().Len()),
		step: make([]F, n), before: make([]F, n), losses: make([]F, copies),
	}, nil
}

// memory returns how many numbers a teacher adds to a place.
func (m *Imitation) memory(theta params.Layout, copies int) (int, error) {
	if m == nil {
		return 0, nil
	}
	r, err := m.rule()
	if err != nil {
		return 0, err
	}
	return learnedopt.StateLen(r, theta, copies)
}

// part returns the teacher's part of a place.
func (t *teacher[F]) part(place []F) []F {
	if t == nil {
		return nil
	}
	return place[len(place)-len(t.state):]
}

// start overwrites the teacher's part of a place with that at the start of an episode.
func (t *teacher[F]) start(place []F) error {
	if t == nil {
		return nil
	}
	return t.compiled.Start(t.part(place), t.phi)
}

// resume goes on from a place.
func (t *teacher[F]) resume(place []F) {
	if t != nil {
		copy(t.state, t.part(place))
	}
}

// place writes where the teacher is.
func (t *teacher[F]) place(place []F) { copy(t.part(place), t.memory()) }

func (t *teacher[F]) memory() []F {
	if t == nil {
		return nil
	}
	return t.state
}

// look finds out what the teacher would do where the learner is.
func (t *teacher[F]) look(l *meta.Trajectory[F], e Episode) error {
	if t == nil {
		return nil
	}
	copy(t.before, l.Theta)
	for i, loss := range l.Losses {
		t.losses[i] = F(loss)
	}
	return t.compiled.Step(t.step, t.state, learnedopt.Point[F]{
		Phi: t.phi, State: t.state, Grad: l.Grad, Theta: l.Theta, Loss: t.losses, Step: l.Steps(), Horizon: e.Length,
	})
}

// judge measures the step that the learner has taken.
func (t *teacher[F]) judge(l *meta.Trajectory[F]) {
	if t == nil {
		return
	}
	for i, x := range l.Theta {
		t.before[i] = x - t.before[i]
	}
	runs := l.Runs()
	n := len(t.step) / runs
	t.direction, t.magnitude = 0, 0
	for from := 0; from < len(t.step); from += n {
		direction, magnitude := apart(t.before[from:from+n], t.step[from:from+n])
		t.direction += direction / float64(runs)
		t.magnitude += magnitude / float64(runs)
	}
}

// count returns what a loss after a step of an episode counts as.
func (t *teacher[F]) count(loss float64, step int, e Episode) float64 {
	if t == nil {
		return loss
	}
	m := &t.imitation
	return m.mixed(loss, m.weight(e.Outer, step, e.Length), t.direction, t.magnitude)
}
