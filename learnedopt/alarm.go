package learnedopt

import "math"

// An alarm hears the losses of a run and says how far they have risen, in units of their usual change: the cumulative sum of
// changes that is kept at zero or above (Page 1954's CUSUM, without drift), S ← max(0, S + Δ), over the running mean of |Δ|.
type alarm struct {
	Last   float64 // loss heard, if Known
	Known  bool
	Sum    float64 // S
	Change float64 // running sum of |Δ|, and of weights
	Weight float64
	Heard  int // changes
}

const (
	alarmMemory = 0.99 // of the running mean
	alarmWarmUp = 10   // changes, before which nothing is usual
)

// rest has the sum begin anew, at this loss; what is usual stays.
func (a *alarm) rest(loss float64) { a.since(loss); a.Sum = 0 }

// since has the next change be one from this loss, of which an infinite one tells nothing.
func (a *alarm) since(loss float64) {
	if a.Last, a.Known = loss, true; loss-loss != 0 {
		a.Last, a.Known = 0, false
	}
}

// hear returns how far the loss has risen, 0 while nobody knows what is usual.
func (a *alarm) hear(loss float64) float64 {
	change, known := loss-a.Last, a.Known
	a.since(loss)
	if !known || !a.Known {
		return 0
	}
	a.Sum = max(0, a.Sum+change)
	usual := a.Change / a.Weight // before this one
	warm := a.Heard >= alarmWarmUp
	a.Heard++
	a.Change = alarmMemory*a.Change + math.Abs(change)
	a.Weight = alarmMemory*a.Weight + 1
	if !warm || a.Sum == 0 {
		return 0
	}
	return a.Sum / usual
}
