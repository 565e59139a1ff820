package main

import (
	"math"
	"time"
)

// never is later than any time that a run may reach.
const never = time.Duration(math.MaxInt64/2 + 1)

// A line serves one after the other, in the order in which they come: a direction of the link serves bytes, the server messages,
// and the learner results.
type line struct {
	free time.Duration // when whoever comes now is served
	busy time.Duration // how long it has served so far
}

// serve returns when a service is through that is asked for at a time and takes so long. Times may not fall from call to call.
func (l *line) serve(at, takes time.Duration) time.Duration {
	l.free = min(max(l.free, at)+takes, never)
	l.busy = min(l.busy+takes, never)
	return l.free
}

// spent is how long n units take at so many a second; a rate of 0 has no limit.
func spent(n int64, rate float64) time.Duration {
	if rate == 0 {
		return 0
	}
	return nanoseconds(float64(n) / rate * 1e9)
}

// nanoseconds rounds a time, which is not below zero. The longest is such that the sum of two added to never can be counted.
func nanoseconds(x float64) time.Duration { return time.Duration(math.Round(min(x, math.MaxInt64/8))) }
