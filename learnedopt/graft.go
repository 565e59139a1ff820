package learnedopt

import "github.com/seed1498fded/unroll/learnedopt/handmade"

// Graft is the guard that takes the direction of the rule's step and the length of a fallback's (Agarwal et al. 2020,
// arXiv:2002.11803), over all weights together:
//
//	step = |fallback's step|·(rule's step)/|rule's step|
//
// Both see the same gradients and weights. Where the rule proposes no step, or one that is not finite, the fallback's own is
// taken. [WithRate] and [WithWeightDecay] apply to what comes of it.
//
// It costs the fallback's step and state. It promises that a run goes no further in any step than the fallback would; not that
// the loss falls: the direction is the rule's.
type Graft struct {
	Fallback Rule // with the meta-parameters of its configuration; &handmade.Adam{LR: 0.001} if nil
}

// orAdam returns a fallback, or else Adam.
func orAdam(r Rule) Rule {
	if r == nil {
		return &handmade.Adam{LR: 0.001}
	}
	return r
}

// String returns the guard's name, see [GuardNamed].
func (c Graft) String() string { return "graft(" + orAdam(c.Fallback).Name() + ")" }

func (c Graft) validate() error { return validateFallback(c.Fallback) }

func (c Graft) stand(g *guard) error {
	g.amend = c
	return g.addSecond(orAdam(c.Fallback), 0)
}

func (Graft) amend(g *guard) error {
	if err := g.follow(); err != nil {
		return err
	}
	step, other := g.o.step, g.second.o.step
	own := quickLength(step)
	if !(own > 0) || firstNotFinite(step) >= 0 {
		copy(step, other)
		return nil
	}
	scaleBy(step, quickLength(other)/own)
	return nil
}
