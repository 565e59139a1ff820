// Package distil fits one rule to the steps of another, its teacher, by their derivative: so a rule that has been learned becomes one of
// fewer units, or of another form, that costs less and does nearly the same (distillation, after Hinton, Vinyals and Dean 2015, of a
// rule's steps in place of a network's answers).
//
// The teacher trains the family's problems. At some of its steps the learner is asked what it would do there, having seen all gradients so
// far and remembering them in its own way; its weights do not move the run. What is minimised is, for each tensor,
//
//	|u − u'|² / |u'|²
//
// with u the learner's step and u' the teacher's, the mean over tensors and over the steps asked about. It is of no unit, and for steps of
// one length 2(1 − cos) of the angle between them. What a learner remembers of earlier steps counts as given: the derivative goes through one
// step at a time.
package distil

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/config"
	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// Settings are those that have a JSON form.
type Settings struct {
	Shortest int     `json:"shortest,omitempty"` // the least number of steps of an episode, 1 to the horizon; 50, or the horizon if less, if zero
	Points   int     `json:"points,omitempty"`   // how many steps of an episode are asked about at most, 1 to 10,000; 16 if zero
	Untold   float64 `json:"untold,omitempty"`   // the probability, 0 to 1, that both are not told how long an episode is

	// TeacherConfig are settings of the teacher's rule in place of those that it was learned with, as JSON; what it leaves out stays. The
	// layout of its phi must be the same; none if empty. What is set by hand and not learned, as the limits of mlp.General, can be changed so for both.
	TeacherConfig json.RawMessage `json:"teacher_config,omitempty"`
}

// SettingsFrom reads settings from their JSON; an unknown field is an error, and no text is every default.
func SettingsFrom(text json.RawMessage) (Settings, error) {
	var s Settings
	if len(text) > 0 {
		if err := config.Set(&s, text); err != nil {
			return s, fmt.Errorf("distil: %w", err)
		}
	}
	return s, s.validate()
}

func (s Settings) validate() error {
	switch {
	case s.Shortest < 0:
		return fmt.Errorf("distil: shortest is %d; want 1 to the horizon", s.Shortest)
	case s.Points < 0 || s.Points > 10_000:
		return fmt.Errorf("distil: points is %d; want 1 to 10000", s.Points)
	case !(s.Untold >= 0 && s.Untold <= 1):
		return fmt.Errorf("distil: untold is %v; want 0 to 1", s.Untold)
	}
	return nil
}

// ConfigOf says who learns from whom, and on what.
type ConfigOf[F params.Float] struct {
	Settings

	Teacher *learnedopt.Trained
	Rule    learnedopt.Rule   // the learner
	Family  inner.FamilyOf[F] // whose problems the teacher trains; it may be a mix. Rules of synapses' senses are not for this
	Horizon int               // the most steps of an episode, whose length is drawn uniformly in its logarithm; 100 if zero
}

// Config is the form in use.
type Config = ConfigOf[float32]

// filled returns the configuration with every default in its place, checked.
func (c ConfigOf[F]) filled() (ConfigOf[F], error) {
	if c.Teacher == nil || c.Rule == nil || c.Family == nil {
		return c, errors.New("distil: want a teacher, a rule and a family")
	}
	var err error
	if c.Teacher, err = c.teacher(); err != nil {
		return c, err
	}
	c.Horizon, c.Points = cmp.Or(c.Horizon, 100), cmp.Or(c.Points, 16)
	if c.Shortest == 0 {
		c.Shortest = min(50, c.Horizon)
	}
	if err := c.validate(); err != nil {
		return c, err
	}
	if c.Horizon < 1 || c.Shortest > c.Horizon {
		return c, fmt.Errorf("distil: episodes of %d to %d steps; want 1 or more, in order", c.Shortest, c.Horizon)
	}
	for _, r := range []learnedopt.Rule{c.Teacher.Rule, c.Rule} {
		if len(r.Spec().Reads.Senses()) > 0 {
			return c, fmt.Errorf("distil: %s goes by what synapses sense; want rules of gradients", r.Name())
		}
	}
	if err := learnedopt.Validate(c.Rule); err != nil {
		return c, err
	}
	return c, c.fits()
}

// teacher returns the teacher with the settings that it is to have.
func (c ConfigOf[F]) teacher() (*learnedopt.Trained, error) {
	if len(c.TeacherConfig) == 0 {
		return c.Teacher, nil
	}
	text, err := json.Marshal(c.Teacher.Rule)
	if err != nil {
		return nil, fmt.Errorf("distil: the teacher: %w", err)
	}
	r, err := learnedopt.Named(c.Teacher.Rule.Name(), text)
	if err != nil {
		return nil, fmt.Errorf("distil: the teacher: %w", err)
	}
	if err := config.Set(r, c.TeacherConfig); err != nil {
		return nil, fmt.Errorf("distil: teacher_config: %w", err)
	}
	if err := learnedopt.Validate(r); err != nil {
		return nil, fmt.Errorf("distil: teacher_config: %w", err)
	}
	if diff := c.Teacher.Rule.Spec().Phi.Diff(r.Spec().Phi); diff != "" {
		return nil, fmt.Errorf("distil: teacher_config: not the numbers that the teacher has learned: %s", diff)
	}
	return &learnedopt.Trained{Rule: r, Phi: c.Teacher.Phi, Provenance: c.Teacher.Provenance}, nil
}

// fits reports a family that the machine has no room for. What the runs of a member need is kept, so that all of them count.
func (c ConfigOf[F]) fits() error {
	total := 0.0
	for _, f := range inner.MembersOf(c.Family) {
		p, err := f.Sample(0) // for its sizes
		if err != nil {
			return err
		}
		need, err := c.bytes(p)
		if err != nil {
			return err
		}
		if total += need; machine.Fits(total) != nil {
			return fmt.Errorf("distil: a problem of %d weights, beside those before it: %w", p.Params().Len(), machine.Fits(total))
		}
	}
	return nil
}

// bytes estimates what the runs of a problem take: weights, gradients and steps, and the memories of both rules, which are kept more than once.
func (c ConfigOf[F]) bytes(p inner.ProblemOf[F]) (float64, error) {
	theta := p.Params()
	numbers := 5 * float64(theta.Len())
	for _, r := range []learnedopt.Rule{c.Teacher.Rule, c.Rule} {
		n, err := learnedopt.StateLen(r, theta, 1)
		if err != nil {
			return 0, fmt.Errorf("distil: %w", err)
		}
		numbers += 3 * float64(n)
	}
	own := 0.0
	if s, ok := p.(inner.Sized); ok {
		own = s.Bytes()
	}
	return machine.Size[F]()*numbers + own, nil
}
