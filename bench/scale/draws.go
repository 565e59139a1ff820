package main

import (
	"math"
	"time"

	"github.com/seed1498fded/unroll/internal/rng"
)

// Children of the seed.
const (
	memberKeys uint64 = iota
	straggleKeys
	lifeKeys
)

// draws are the random parts of a run. Each follows from the seed and the names of what it is of, so that another order of
// events, or another number of workers, meets the same members.
type draws struct {
	s      Settings
	stream *rng.Stream
}

func newDraws(s Settings) *draws { return &draws{s, rng.New(0)} }

func (d *draws) of(kind uint64, path ...int) *rng.Stream {
	key := rng.Split(d.s.Seed, kind)
	for _, i := range path {
		key = rng.Split(key, uint64(i))
	}
	d.stream.Reset(key)
	return d.stream
}

// member is how long a member takes on a worker that is not slow: log-normal with mean Settings.Member.
func (d *draws) member(step, member int) time.Duration {
	if d.s.Spread == 0 {
		return d.s.Member
	}
	z := d.of(memberKeys, step, member).NormFloat64()
	x := math.Exp(float64(d.s.Spread*z) - d.s.Spread*d.s.Spread/2)
	return nanoseconds(x * float64(d.s.Member))
}

// delay is what the try'th worker that takes up a member needs beyond the member's own time.
func (d *draws) delay(step, member, try int, own time.Duration) time.Duration {
	if d.s.Straggle == 0 || d.of(straggleKeys, step, member, try).Float64() >= d.s.Straggle {
		return 0
	}
	return nanoseconds((d.s.Slowness - 1) * float64(own))
}

// life is how long a worker lives for the nth time.
func (d *draws) life(worker, n int) time.Duration {
	return nanoseconds(d.of(lifeKeys, worker, n).ExpFloat64() * float64(d.s.Life))
}
