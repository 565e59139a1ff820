package main

import "time"

// A use is what a worker's time goes into. Every nanosecond of every worker goes into one.
type use int

const (
	useful    use = iota // members whose result counted, as long as they take on a worker that is not slow
	slowed               // what slow workers needed beyond that
	lost                 // members whose worker died
	duplicate            // members that another worker's result came first of
	transit              // waiting for a member that is on its way, or for the server to have the result
	idle                 // waiting while there is no member to be had
	away                 // dead, until another takes the place
	uses

	computing = uses // not known yet which: nothing is left of it at the end
)

// An Account is what became of a run.
type Account struct {
	Settings Settings // with defaults in the place of zeros
	Elapsed  time.Duration
	Steps    []time.Duration // when each outer step ended
	Time     [uses]time.Duration

	Deliveries   int // of members to workers, the further ones included
	Redeliveries int // after a worker's death
	Backups      int // of members that a worker had already
	Deaths       int

	Out, In  int64 // bytes over the learner's link
	Messages int64 // through the server

	// How long the two directions of the link, the server and the learner were at work.
	OutBusy, InBusy, ServerBusy, LearnerBusy time.Duration
}

// Efficiency is the useful share of all workers' time, from 0 to 1.
func (a *Account) Efficiency() float64 { return a.Share(useful) }

// Share is a use's share of all workers' time.
func (a *Account) Share(u use) float64 {
	if a.Elapsed == 0 {
		return 0
	}
	return float64(a.Time[u]) / (float64(a.Elapsed) * float64(a.Settings.Workers))
}

// Rate is outer steps a second.
func (a *Account) Rate() float64 { return float64(len(a.Steps)) / a.Elapsed.Seconds() }

// Busy is the share of the elapsed time that something took which was at work so long.
func (a *Account) Busy(d time.Duration) float64 { return float64(d) / float64(a.Elapsed) }
