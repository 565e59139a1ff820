package learnedopt

// addSecond puts a fallback beside the guard's rule, under which weights decay by so much a step.
func (g *guard) addSecond(r Rule, decay float64) error {
	t := &Trained{Rule: r}
	o, err := t.guarded(g.o.compiled.Theta(), g.asFallback(decay))
	if err != nil {
		return err
	}
	o.loss = g.o.loss
	if o.guard.theta != nil {
		g.needTheta()
	}
	g.second = o.guard
	return nil
}

// follow has the fallback see what the rule sees, and propose a step of its own.
func (g *guard) follow() error {
	copy(g.second.grad, g.grad)
	if g.second.theta != nil {
		copy(g.second.theta, g.theta)
	}
	return g.second.decide()
}

// finish leaves the weights at the lowest point that a race knows.
func (g *guard) finish(slabs []slab) error {
	if g.race == nil {
		return nil
	}
	loss, err := g.lossHere()
	if err != nil {
		return err
	}
	g.race.finish(slabs, loss)
	return nil
}
