package learnedopt

import (
	"cmp"
	"math"
)

// ClipStep is the guard that limits how far a step goes: in each tensor to Limit times the size of the weights,
//
//	RMS(step) ≤ Limit·max(RMS(θ), 0.001)
//
// with RMS the root of the mean square over the tensor; a longer step is scaled down to it. The rate of [WithRate] is in the
// step, the decay of weights is not. The floor under the weights' size, with which those that start at zero get away from it,
// is that of Adafactor's relative steps (Shazeer and Stern 2018, section 8).
//
// It costs a pass over step and weights, and keeps a copy of the weights in float32. It promises that no tensor grows by more
// than the factor 1 + Limit in a step, so that no single step does great harm; not that the loss falls.
type ClipStep struct {
	Limit float64 // a finite number above 0; 0.1 if zero
}

// clipFloor is the least size of weights that a limit is relative to.
const clipFloor = 1e-3

// String returns the guard's name, see [GuardNamed].
func (ClipStep) String() string { return "clip" }

func (c ClipStep) validate() error { return positive("the limit", cmp.Or(c.Limit, 0.1)) }

func (c ClipStep) stand(g *guard) error {
	g.needTheta()
	g.amend = ClipStep{cmp.Or(c.Limit, 0.1)}
	return nil
}

func (c ClipStep) amend(g *guard) error {
	at := 0
	for _, s := range g.o.compiled.Theta() {
		n := s.Len()
		size := length(g.theta[at:at+n]) / math.Sqrt(float64(n))
		limit := c.Limit * max(size, clipFloor) / g.rate
		clipNorm(g.o.step[at:at+n], limit*math.Sqrt(float64(n)))
		at += n
	}
	return nil
}
