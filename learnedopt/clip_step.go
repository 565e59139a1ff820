package learnedopt

import (
	"cmp"
	"math"
)

// ClipStep is the guard that limits how far a step goes: in each tensor to Limit times the size of the weights, as in Adafactor's
// relative steps (Shazeer and Stern 2018, section 8),
//
//	RMS(step) ≤ Limit·max(RMS(θ), Floor)
//
// with RMS the root of the mean square over the tensor; a longer step is scaled down to it. The rate of [WithRate] is in the
// step, the decay of weights is not. With the defaults tensors whose weights are of size 1 and below move no faster than under
// Adam at a rate of 0.01.
//
// It costs a pass over step and weights, and keeps a copy of the weights in float32. It promises that no step does great harm: a
// tensor grows by no more than the factor 1 + Limit in each, beyond Floor. It does not promise that the loss falls.
type ClipStep struct {
	Limit float64 // a finite number above 0; 0.01 if zero
	Floor float64 // the least size that counts, for weights that start at zero; likewise; 1 if zero
}

func (c ClipStep) filled() ClipStep {
	return ClipStep{Limit: cmp.Or(c.Limit, 0.01), Floor: cmp.Or(c.Floor, 1)}
}

// String returns the guard's name, see [GuardNamed].
func (ClipStep) String() string { return "clip" }

func (c ClipStep) validate() error {
	f := c.filled()
	return cmp.Or(positive("the limit", f.Limit), positive("the floor", f.Floor))
}

func (c ClipStep) stand(g *guard) error {
	g.needTheta()
	g.amend = c.filled()
	return nil
}

func (c ClipStep) amend(g *guard) error {
	at := 0
	for _, s := range g.o.compiled.Theta() {
		n := s.Len()
		c.limit(g.o.step[at:at+n], g.theta[at:at+n], g.rate)
		at += n
	}
	return nil
}

// limit scales the step of one tensor down, where it is too long at this rate.
func (c ClipStep) limit(step, theta []float32, rate float64) {
	root := math.Sqrt(float64(len(step)))
	limit := c.Limit * max(quickLength(theta), c.Floor*root) / rate
	if long := quickLength(step); long > limit {
		scaleBy(step, limit/long)
	}
}
