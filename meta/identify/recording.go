package identify

import (
	"errors"
	"fmt"

	"github.com/seed1498fded/unroll/internal/kernel"
)

// A Recording is what was seen of a network during its training.
type Recording struct {
	Times  []int             // numbers of steps, ascending, two or more
	Layers []Layer           // from the input up
	Meta   map[string]string // where it comes from; for people
}

// A Layer is what was seen of one layer, at each of the times.
type Layer struct {
	Weights     [][]float32 // [Inputs, Columns] at each time; a dense layer has a column for each unit
	Activations [][]float32 // [Examples, Outputs]
	Change      [][]float32 // [Examples, Units]: by how much a unit, before the activation, moves the outputs as all inputs move

	Inputs, Columns, Examples, Outputs, Units int
}

// Validate reports the first thing wrong with the recording: times that are too few or do not ascend, no layers, a vector that is
// missing or has another length than its layer says, and numbers that are not finite.
func (r *Recording) Validate() error {
	if err := r.checkTimes(); err != nil {
		return fmt.Errorf("identify: recording: %w", err)
	}
	if len(r.Layers) == 0 {
		return errors.New("identify: recording: no layers")
	}
	for i, l := range r.Layers {
		if err := l.check(len(r.Times)); err != nil {
			return fmt.Errorf("identify: recording: layer %d: %w", i, err)
		}
	}
	return nil
}

func (r *Recording) checkTimes() error {
	if len(r.Times) < 2 {
		return fmt.Errorf("%d times; want 2 or more", len(r.Times))
	}
	last := -1
	for _, t := range r.Times {
		if t <= last {
			return fmt.Errorf("time %d after %d; want them to ascend from 0 or more", t, last)
		}
		last = t
	}
	return nil
}

func (l *Layer) check(times int) error {
	if min(l.Inputs, l.Columns, l.Examples, l.Outputs, l.Units) < 1 {
		return errors.New("a size below 1")
	}
	for _, o := range l.observables() {
		if len(o.at) != times {
			return fmt.Errorf("%s at %d times, want %d", o.name, len(o.at), times)
		}
		for t, v := range o.at {
			switch {
			case len(v) != o.rows*o.columns:
				return fmt.Errorf("%d %s at time %d, want %d", len(v), o.name, t, o.rows*o.columns)
			case !kernel.Finite(v):
				return fmt.Errorf("%s at time %d are not finite", o.name, t)
			}
		}
	}
	return nil
}

// An observable is one of the three things that are seen of a layer, in columns of a unit each.
type observable struct {
	name          string
	at            [][]float32 // [rows, columns] at each time
	rows, columns int
	mean          bool // what is looked at is the mean over units
}

// Observables returns the names of what is seen of a layer.
func Observables() []string { return []string{"weights", "activations", "change"} }

// observables returns those of a layer, in the order of Observables.
func (l *Layer) observables() []observable {
	names := Observables()
	return []observable{
		{names[0], l.Weights, l.Inputs, l.Columns, false},
		{names[1], l.Activations, l.Examples, l.Outputs, false},
		{names[2], l.Change, l.Examples, l.Units, true},
	}
}
