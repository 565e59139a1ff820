package learnedopt

// A snapshot is a point of a race to which it can go back.
type snapshot struct {
	loss           float64
	theta          []float64
	grad           []float32 // as the rule sees it
	rule, fallback []float32 // states
}

// keep takes a snapshot of where the race is, where the loss is this.
func (s *snapshot) keep(r *race, slabs []slab, loss float64) {
	s.loss = loss
	s.theta = s.theta[:0]
	for _, b := range slabs {
		s.theta = b.keep(s.theta)
	}
	s.grad = append(s.grad[:0], r.rule.grad...)
	s.rule = append(s.rule[:0], r.rule.o.state...)
	s.fallback = append(s.fallback[:0], r.fallback.o.state...)
}

// put takes the race back there.
func (s *snapshot) put(r *race, slabs []slab) {
	at := 0
	for _, b := range slabs {
		n := b.size()
		b.put(s.theta[at : at+n])
		if r.rule.theta != nil {
			b.round(r.rule.theta[at : at+n])
		}
		at += n
	}
	copy(r.rule.grad, s.grad)
	copy(r.rule.o.state, s.rule)
	copy(r.fallback.o.state, s.fallback)
}
