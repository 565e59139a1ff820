package eval

import "sync"

// A meter tells how much of the work is done as minibatches are: in fractions of all of it, and what they belong to.
type meter struct {
	told func(fraction float64, next string) // may be nil
	done float64                             // by what was begun so far, once it is at its end
}

// begin tells that a part of the work begins, and returns what to call after each of its minibatches, from any goroutine. It
// tells of every thousandth of the work, and never of more than all, whatever the shares are rounded to.
func (m *meter) begin(name string, share, minibatches float64) func() {
	start := m.done
	m.done += share
	if m.told == nil {
		return func() {}
	}
	m.told(min(1, start), name)
	var mu sync.Mutex
	last, n := start, 0.0
	return func() {
		mu.Lock()
		defer mu.Unlock()
		n++
		if now := min(1, start+share*(n/minibatches)); now >= last+1e-3 || n == minibatches {
			last = now
			m.told(now, name)
		}
	}
}
