package main

import (
	"context"
	"math"
)

// A Scenario is settings for any number of workers.
type Scenario struct {
	Settings  Settings // Workers does not matter
	PerWorker float64  // above 0: M is so many times the number of workers, rounded up, and Settings.Members does not matter
}

// With returns the settings for so many workers.
func (c Scenario) With(workers int) Settings {
	s := c.Settings
	s.Workers = workers
	if c.PerWorker > 0 {
		s.Members = int(math.Ceil(c.PerWorker * float64(workers)))
	}
	return s
}

// Falls returns the number of workers from which on efficiency is below a share, as far as doubling from 1 to top and then
// halving tells it, to a twentieth; found is false if it is not below at top. Efficiency falls as workers become more, but for
// the last wave of members, which few workers may share better than fewer, and for chance.
func (c Scenario) Falls(ctx context.Context, share float64, top int) (workers int, found bool, err error) {
	below := func(w int) bool {
		if err != nil {
			return false
		}
		var a *Account
		a, err = Simulate(ctx, c.With(w))
		return err == nil && a.Efficiency() < share
	}
	lo, hi := 0, 1
	for !below(hi) {
		if err != nil || hi == top {
			return 0, false, err
		}
		lo, hi = hi, min(2*hi, top)
	}
	for hi-lo > 1 && 20*(hi-lo) > hi {
		if mid := (lo + hi) / 2; below(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi, err == nil, err
}
