package meta

import "slices"

// An Event is something that has happened in training: an outer step, or a validation. Progress bars, logs and whatever else
// wants to know are observers of events.
type Event struct {
	Status  Status   // after it
	Outcome *Outcome // of an outer step; nil for a validation
	Record  *Record  // of a validation; nil for an outer step
}

// An Observer is told of every event, in order, by the goroutine that trains. An error ends the run.
type Observer func(Event) error

// Observers is the observer that tells several, in order, up to the first error. A nil one is left out.
func Observers(all ...Observer) Observer {
	all = slices.DeleteFunc(slices.Clone(all), func(o Observer) bool { return o == nil })
	return func(e Event) error {
		for _, o := range all {
			if err := o(e); err != nil {
				return err
			}
		}
		return nil
	}
}
