package compose

import (
	"math"

	"github.com/seed1498fded/unroll/internal/kernel"
	"github.com/seed1498fded/unroll/learnedopt/internal/hyper"
	"github.com/seed1498fded/unroll/learnedopt/rule"
)

// A finish is what a composition does to the step of its only rule, coordinate by coordinate. What the composition remembers must
// be what that rule does.
type finish interface {
	// step changes a step in place.
	step(step []float32, p rule.Point[float32])
	// cotangent gives the cotangent of the step as it was before, given that of the step as it is, in place.
	cotangent(d []float32, p rule.Point[float32])
	// rest adds to d what the finish has to do with phi and theta.
	rest(d rule.Cotangents[float32], p rule.Point[float32])
}

// finished is the kernel of a composition on that of its rule.
type finished struct {
	finish
	inner rule.Kernel
	phi   int // how many numbers of phi are the rule's
}

// finishedBack is one with a backward pass.
type finishedBack struct {
	finished
	back  rule.PullbackKernel
	dStep []float32
}

// finishKernel returns the kernel of a composition, nil where the rule in it has none.
func finishKernel(x Inner, f finish, b rule.Binding, workers int) rule.Kernel {
	r, ok := x.Rule.(rule.Kernels)
	if !ok {
		return nil
	}
	inner := r.Kernel(x.Rule, b, workers)
	if inner == nil {
		return nil
	}
	k := finished{f, inner, x.Rule.Spec().Phi.Len()}
	if back, ok := inner.(rule.PullbackKernel); ok {
		return &finishedBack{k, back, make([]float32, b.Coordinates())}
	}
	return &k
}

// Step implements rule.Kernel.
func (k *finished) Step(step, next []float32, p rule.Point[float32]) error {
	own := p
	own.Phi = p.Phi[:k.phi]
	err := k.inner.Step(step, next, own)
	k.step(step, p)
	return err
}

// Pullback implements rule.PullbackKernel.
func (k *finishedBack) Pullback(d rule.Cotangents[float32], p rule.Point[float32]) error {
	copy(k.dStep, d.Step)
	k.cotangent(k.dStep, p)
	own, dOwn := p, d
	own.Phi, dOwn.Phi, dOwn.Step = p.Phi[:k.phi], d.Phi[:k.phi], k.dStep
	err := k.back.Pullback(dOwn, own)
	k.rest(d, p)
	return err
}

// A decayed is the finish of a Decay.
type decayed struct{}

func rateOfDecay(p rule.Point[float32]) float32 { return float32(hyper.Exp(p.Phi[len(p.Phi)-1])) }

func (decayed) step(step []float32, p rule.Point[float32]) {
	rate := rateOfDecay(p)
	for i, x := range p.Theta[:len(step)] {
		step[i] -= rate * x
	}
}

func (decayed) cotangent([]float32, rule.Point[float32]) {}

func (decayed) rest(d rule.Cotangents[float32], p rule.Point[float32]) {
	rate, along := rateOfDecay(p), 0.0
	for i, x := range d.Step {
		along += float64(x) * float64(p.Theta[i])
	}
	d.Phi[len(d.Phi)-1] -= float32(float64(rate) * along)
	for i := range d.Theta {
		d.Theta[i] -= rate * d.Step[i]
	}
}

// Kernel implements rule.Kernels.
func (r *Decay) Kernel(of rule.Rule, b rule.Binding, workers int) rule.Kernel {
	if of != r {
		return nil
	}
	return finishKernel(r.filled().Rule, decayed{}, b, workers)
}

// A timed is the finish of a Schedule.
type timed struct{ Schedule }

func (s timed) step(step []float32, p rule.Point[float32]) {
	if f := s.at(p.Step, p.Horizon); f != 1 {
		kernel.SGD(step, step, float32(f))
	}
}

func (s timed) cotangent(d []float32, p rule.Point[float32]) { s.step(d, p) }

func (timed) rest(rule.Cotangents[float32], rule.Point[float32]) {}

// at is the factor of a step, as in Schedule's formula.
func (r Schedule) at(step, horizon int) float64 {
	t, all := float64(step), float64(horizon)
	if r.Steps > 0 {
		all = float64(r.Steps)
	}
	w := r.Warmup
	if w < 1 {
		w *= all
	}
	rises := min(1, (t+1)/max(1, w))
	if r.Shape == Constant || all == 0 {
		return rises
	}
	part := min(1, max(0, (t-w)/max(1, all-w)))
	if r.Shape == Cosine {
		part = (1 - math.Cos(math.Pi*part)) / 2
	}
	return rises * (1 - (1-r.End)*part)
}

// Kernel implements rule.Kernels.
func (r *Schedule) Kernel(of rule.Rule, b rule.Binding, workers int) rule.Kernel {
	if of != r {
		return nil
	}
	f := r.filled()
	return finishKernel(f.Rule, timed{f}, b, workers)
}
