package es

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/internal/config"
	"github.com/seed1498fded/unroll/learnedopt"
)

// An Imitation holds a rule's steps to those of a teacher, another rule, at first, and lets go later: learning begins on what is known
// to work. The teacher walks along. It sees the weights and gradients that the learner comes to and remembers them in its own way, so
// that its step u' is what it would do there, and only the learner's step u is taken. After each step the loss counts as
//
//	(1 − d − m)·loss + d·(1 − u·u'/(|u||u'|)) + m·Σ||u_i| − |u'_i|| / max(Σ|u_i|, Σ|u'_i|)
//	d = Direction·max(w, Keep),  m = Magnitude·w
//
// with sums over all weights of a run. Both measures are of no unit; the second is 0 where all sizes are equal, and at most 1. w is 1 for
// Hold outer steps and falls to 0 over as many as Steps, in a straight line, times what falls likewise over the first Part of each
// episode. The form is ELO's (xiaol827/ELO, learned optimizers for large models, its ELO classes), which takes .7, .3, .3, 5,000 and
// 45,000, scales each measure by the root of its mean square over pairs, has the magnitude in weights' units, and moves by a blend
// of both steps; here the learner's alone.
type Imitation struct {
	Teacher   string          `json:"teacher,omitempty"`        // one of learnedopt.Names(); adam if empty
	Config    json.RawMessage `json:"teacher_config,omitempty"` // of the teacher, as for learnedopt.Named
	Direction float64         `json:"direction,omitempty"`      // .7 if this and Magnitude are zero; together at most 1
	Magnitude float64         `json:"magnitude,omitempty"`      // .3 likewise
	Keep      float64         `json:"keep,omitempty"`           // the least w for the direction, 0 to 1
	Hold      int             `json:"hold,omitempty"`           // outer steps before w falls
	Steps     int             `json:"steps,omitempty"`          // outer steps over which it falls; it does not if zero
	Part      float64         `json:"part,omitempty"`           // of an episode over which it falls, 0 to 1; it does not if zero
}

func (m Imitation) filled() Imitation {
	m.Teacher = cmp.Or(m.Teacher, "adam")
	if m.Direction == 0 && m.Magnitude == 0 {
		m.Direction, m.Magnitude = 0.7, 0.3
	}
	return m
}

// MarshalJSON writes the settings with every default in its place, the teacher's too.
func (m Imitation) MarshalJSON() ([]byte, error) {
	type plain Imitation
	f := m.filled()
	if r, err := m.rule(); err == nil {
		if f.Config, err = json.Marshal(r); err != nil {
			return nil, err
		}
	}
	return json.Marshal(plain(f))
}

// UnmarshalJSON reads settings; an unknown field is an error.
func (m *Imitation) UnmarshalJSON(text []byte) error {
	type plain Imitation
	return config.Set((*plain)(m), text)
}

// rule returns the teacher.
func (m Imitation) rule() (learnedopt.Rule, error) {
	return learnedopt.Named(m.filled().Teacher, m.Config)
}

func (m Imitation) validate() error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf("imitate: "+format, args...))
		}
	}
	m = m.filled()
	wrong(!(m.Direction >= 0 && m.Magnitude >= 0 && m.Direction+m.Magnitude <= 1+1e-12),
		"direction is %v and magnitude %v; want 0 or more, together at most 1", m.Direction, m.Magnitude)
	wrong(!(m.Keep >= 0 && m.Keep <= 1), "keep is %v; want 0 to 1", m.Keep)
	wrong(!(m.Part >= 0 && m.Part <= 1), "part is %v; want 0 to 1", m.Part)
	wrong(m.Hold < 0, "hold is %d; want 0 or more", m.Hold)
	wrong(m.Steps < 0, "steps is %d; want 0 or more", m.Steps)
	r, err := m.rule()
	if err != nil {
		return errors.Join(append(errs, fmt.Errorf("imitate: %w", err))...)
	}
	wrong(len(r.Spec().Reads.Senses()) > 0, "%s goes by what synapses sense; want a rule of gradients", brief.Quote(m.Teacher))
	return errors.Join(errs...)
}

// weight returns w for the loss after a step, from 1 on, of an episode of some length, in the outer step after so many.
func (m *Imitation) weight(outer, step, length int) float64 {
	return falling(outer-m.Hold, float64(m.Steps)) * falling(step-1, m.Part*float64(length))
}

// falling returns what falls from 1 at 0 to 0 at over; 1 if that is zero.
func falling(x int, over float64) float64 {
	if over == 0 {
		return 1
	}
	return max(0, min(1, 1-float64(x)/over))
}

// mixed returns what a loss counts as under a weight w, with the measures of a step.
func (m *Imitation) mixed(loss, w, direction, magnitude float64) float64 {
	d, g := m.Direction*max(w, m.Keep), m.Magnitude*w
	return max(0, 1-d-g)*loss + d*direction + g*magnitude
}

// apart returns how far a step's direction and magnitude are from a teacher's: 0 where they are the same; 1 where they are at
// right angles, or one of them is nothing, and where one is much larger.
func apart[F ~float32 | ~float64](step, taught []F) (direction, magnitude float64) {
	var along, own, other, gap, sizes, otherSizes float64
	for i, s := range step {
		a, b := float64(s), float64(taught[i])
		along += a * b
		own += a * a
		other += b * b
		gap += math.Abs(math.Abs(a) - math.Abs(b))
		sizes += math.Abs(a)
		otherSizes += math.Abs(b)
	}
	direction = 1
	if along != 0 {
		direction = 1 - along/math.Sqrt(own)/math.Sqrt(other)
	}
	if most := max(sizes, otherSizes); most != 0 {
		magnitude = gap / most
	}
	return direction, magnitude
}
