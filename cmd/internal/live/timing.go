package live

import "time"

// A timing tells how long work has taken and will take, from how much of it is done.
type timing struct {
	now   func() time.Time
	begun time.Time
	from  float64 // the fraction that was done when it was first told; below 0 before
}

func newTiming(now func() time.Time) timing { return timing{now: now, begun: now(), from: -1} }

// told takes over which fraction is done.
func (t *timing) told(fraction float64) {
	if t.from < 0 {
		t.from = fraction
	}
}

// at returns the seconds since the beginning, and those that are left at a fraction, -1 if there is no telling.
func (t *timing) at(fraction float64) (elapsed, left float64) {
	elapsed = t.now().Sub(t.begun).Seconds()
	if done := fraction - t.from; t.from >= 0 && done > 0 {
		return elapsed, elapsed * (1 - fraction) / done
	}
	return elapsed, -1
}
