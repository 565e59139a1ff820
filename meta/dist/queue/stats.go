package queue

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Stats count what a learner has seen.
type Stats struct {
	Workers    int     // processes that were heard of lately
	Goroutines int     // theirs
	Busy       int     // those that have a task
	Idle       float64 // the part of their time in which the others waited, from 0 to 1
	InFlight   int     // members without a result

	Rounds      int // outer steps, or generations
	Results     int // taken from workers
	Here        int // members that the learner has made itself
	Redelivered int // of these, of tasks that were handed out more than once
	Reissued    int // tasks that were lost and issued again
	Late        int // results that came when nobody needed them any more
	Twice       int // of members that had one
	Foreign     int // of another session
	Versions    int // messages of another version
	Malformed   int // messages that are none, or do not fit their checksum
	Wrong       int // results that their tasks cannot have
	NotFinite   int // results that were made again here, because they were not finite
	Failed      int // errors of workers; their members were made here
	Refused     int // workers of another program, or with other kernels

	Sent, Received uint64 // bytes of the learner's messages: tasks and results, phi and states
}

// String words how things stand.
func (s Stats) String() string {
	return fmt.Sprintf("%d workers, %d of %d goroutines busy, %d members in flight, %.0f%% idle", s.Workers, s.Busy, s.Goroutines, s.InFlight, 100*s.Idle)
}

// Totals words what has happened so far: bytes, and whatever else there was.
func (s Stats) Totals() string {
	parts := []string{fmt.Sprintf("%d results, %.1f MB sent, %.1f MB received", s.Results, float64(s.Sent)/1e6, float64(s.Received)/1e6)}
	for _, c := range []struct {
		n    int
		what string
	}{
		{s.Here, "made here"}, {s.Redelivered, "redelivered"}, {s.Reissued, "reissued"}, {s.Late, "late"}, {s.Twice, "twice"}, {s.Foreign, "foreign"},
		{s.Versions, "of another version"}, {s.Malformed, "malformed"}, {s.Wrong, "wrong"}, {s.NotFinite, "not finite"},
		{s.Failed, "failed"}, {s.Refused, "workers refused"},
	} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	return strings.Join(parts, ", ")
}

// How long a worker counts after its last heartbeat, how often these come, and how many workers are kept in mind.
const (
	heartbeat   = time.Second
	forgotten   = 3500 * time.Millisecond
	mostWorkers = 100_000
)

// A roll keeps in mind who is there.
type roll map[uint64]seen

type seen struct {
	alive
	at time.Time
}

// note takes a heartbeat.
func (r roll) note(a alive, now time.Time) {
	switch _, known := r[a.Worker]; {
	case a.Bye:
		delete(r, a.Worker)
	case known || len(r) < mostWorkers:
		r[a.Worker] = seen{a, now}
	}
}

// A Helper is a worker's process as its learner sees it.
type Helper struct {
	ID         uint64
	Kernels    string // instructions it computes by
	Goroutines int
	Busy       int           // goroutines that have a task
	Idle       float64       // the part of the last second in which goroutines waited, from 0 to 1
	Results    int           // that were taken from it
	Silent     time.Duration // since it was heard of
}

// list returns who is there, those that came with the lowest number first.
func (r roll) list(results map[uint64]int, now time.Time) (list []Helper) {
	for id, w := range r {
		if silent := now.Sub(w.at); silent <= forgotten {
			list = append(list, Helper{id, w.Kernels, w.Goroutines, w.Busy, w.Idle, results[id], silent})
		}
	}
	slices.SortFunc(list, func(a, b Helper) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// count fills in who is there, and forgets who is not.
func (r roll) count(s *Stats, now time.Time) {
	s.Workers, s.Goroutines, s.Busy, s.Idle = 0, 0, 0, 0
	for id, w := range r {
		if now.Sub(w.at) > forgotten {
			delete(r, id)
			continue
		}
		s.Workers++
		s.Goroutines += w.Goroutines
		s.Busy += w.Busy
		s.Idle += w.Idle * float64(w.Goroutines)
	}
	if s.Goroutines > 0 {
		s.Idle /= float64(s.Goroutines)
	}
}
