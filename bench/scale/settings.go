package main

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Settings describe a run of meta-training over a queue of work. The zero value is one worker that takes one outer step of one
// member of a second, on a network without limits, where nobody is late and nobody dies.
type Settings struct {
	Seed    uint64
	Workers int // W, processes that each work on one member at a time; 0: 1
	Members int // M, of an outer step; 0: 1
	Steps   int // outer steps; 0: 1

	Member time.Duration // how long a member takes in the mean; 0: a second
	// Spread is the standard deviation of the logarithm of a member's time, which is log-normal. It is the member's own, the same
	// wherever it is worked on: episodes differ in length and networks in size. 0: all are alike.
	Spread float64
	// Straggle is the probability that a member is taken up by a worker that is slow just then, and takes Slowness times as long;
	// another worker that takes up the same member is slow or not by itself. From 0 to 1, and from 1 on (0: 1).
	Straggle, Slowness float64

	Life    time.Duration // how long a worker lives in the mean, exponentially distributed; 0: for ever
	Return  time.Duration // how long after its death another takes its place
	AckWait time.Duration // how long after its worker's death a member is delivered to another

	Bandwidth float64       // bytes a second of the learner's link, each way; 0: no limit
	Latency   time.Duration // of the link, one way
	Rate      float64       // messages a second that the server handles, in and out together; 0: no limit
	Beats     float64       // messages a second that each worker sends beside, to say that it lives
	Merge     time.Duration // the learner's work for each result, as it comes
	Serial    time.Duration // the learner's work after the last result, before the next outer step begins

	// Backup is the share of an outer step's members, from 0 to 1, that may have a second worker: once no more than these are
	// unfinished, workers that find the queue empty take up again what has been worked on longest, and the first result counts
	// (Dean and Ghemawat 2004, section 3.6). Whoever is still at it is told to stop.
	Backup float64

	Traffic Traffic
}

// most bounds Workers, Members and Steps, so that sums of them stay far from the ends of an int64.
const most = 1 << 20

// withDefaults returns s with zeros replaced.
func (s Settings) withDefaults() Settings {
	s.Workers, s.Members, s.Steps = max(s.Workers, 1), max(s.Members, 1), max(s.Steps, 1)
	if s.Member == 0 {
		s.Member = time.Second
	}
	if s.Slowness == 0 {
		s.Slowness = 1
	}
	return s
}

// check returns an error that names the first setting that is out of its range. It looks at s as it is given: a zero is in the
// range of all.
func (s Settings) check() error {
	for _, f := range []struct {
		name string
		n    int
	}{{"workers", s.Workers}, {"members", s.Members}, {"steps", s.Steps}} {
		if f.n < 0 || f.n > most {
			return fmt.Errorf("%s is %d; want 1 to %d", f.name, f.n, most)
		}
	}
	for _, f := range []struct {
		name string
		d    time.Duration
	}{
		{"member", s.Member}, {"life", s.Life}, {"return", s.Return}, {"ackwait", s.AckWait}, {"latency", s.Latency},
		{"merge", s.Merge}, {"serial", s.Serial},
	} {
		if f.d < 0 || f.d > 1000*time.Hour {
			return fmt.Errorf("%s is %v; want 0s to 1000h", f.name, f.d)
		}
	}
	for _, f := range []struct {
		name       string
		x, lo, top float64
	}{
		{"spread", s.Spread, 0, 3}, {"straggle", s.Straggle, 0, 1}, {"backup", s.Backup, 0, 1},
		{"bandwidth", s.Bandwidth, 0, math.MaxFloat64}, {"rate", s.Rate, 0, math.MaxFloat64}, {"beats", s.Beats, 0, 1e6},
	} {
		if !(f.lo <= f.x && f.x <= f.top) {
			return fmt.Errorf("%s is %v; want %v to %v", f.name, f.x, f.lo, f.top)
		}
	}
	if s.Slowness != 0 && !(1 <= s.Slowness && s.Slowness <= 1e6) {
		return fmt.Errorf("slowness is %v; want 1 to 1e6", s.Slowness)
	}
	return s.Traffic.check()
}

// rate is the messages a second that are left for members: the server handles the workers' beats first, but goes on at a
// hundredth of its pace when there are too many.
func (s Settings) rate() float64 { return max(s.Rate-s.Beats*float64(s.Workers), s.Rate/100) }

var (
	errTooLong  = errors.New("all workers' simulated time together passes 146 years; want fewer workers or steps, or shorter members")
	errHopeless = errors.New("a thousand workers die for each member done; want a longer life, shorter members or a faster link")
)
