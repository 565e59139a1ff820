package es

import (
	"context"
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// A Control is what the noise of an estimate is reduced by: a derivative g of the losses of each stretch of an episode by phi, taken
// where the branch under phi itself is. Branches differ by about 2ε·g; of that what it adds to an estimate is known on average,
// E[ε(ε·g)] = σ²g, whatever g is. So c times what it does add is taken off and c times the average put in its place: the estimate
// means the same, and varies less the more of a difference g explains. A pair's c is the regression of the other pairs' estimates on
// their controls, about their means, so that it is independent of the pair's own perturbation; with one pair or two it is 1.
//
// g is of a stretch with what came before held constant, so that in PES, NRES and GPES only what an episode's last window does is
// explained; in Full, and in Truncated, all. It costs a third branch and the way back. A phi that is moved within an episode has seen the
// perturbations that its g is to be independent of; the methods that remember perturbations take no more notice of that.
type Control string

// The controls.
const (
	NoControl    Control = ""
	BPTTControl  Control = "bptt"  // the derivative in which inner gradients count as constants
	ExactControl Control = "exact" // all of it; the problems must implement inner.CurvatureOf
)

// DifferentiableOf is a system that has a derivative, for a Control.
type DifferentiableOf[F params.Float] interface {
	SystemOf[F]

	// Differentiate takes n steps as Unroll does, and overwrites grad with the derivative of what the objective makes of the losses
	// by phi, with the state that they begin at held constant. Where a loss is not finite the gradient is zero.
	Differentiate(ctx context.Context, grad, state, phi []F, e Episode, from, n int) error
}

// controls makes a worker ready for a control.
func (w *worker[F]) controls(s SystemOf[F]) error {
	if w.config.Control == NoControl {
		return nil
	}
	d, ok := s.(DifferentiableOf[F])
	if !ok {
		return fmt.Errorf("es: %s: control is %s, but %T has no derivative", w.config.Method, w.config.Control, s)
	}
	w.derivative, w.slope = d, make([]F, w.config.Phi.Len())
	return nil
}

// middle takes the branch under phi itself n steps on, and differentiates.
func (w *worker[F]) middle(ctx context.Context, p *pair[F], state []F, from, n int) error {
	return w.derivative.Differentiate(ctx, w.slope, state, w.phi[2], w.episode(p), from, n)
}

// control takes note of the control of a stretch that was just differentiated, whose difference is weighted by a perturbation.
func (w *worker[F]) control(p *pair[F], weight []F) {
	if w.config.Control == NoControl {
		return
	}
	along, mean := 0.0, 2*w.config.Sigma*w.config.Sigma
	for j, x := range p.next.eps {
		along += 2 * float64(x) * float64(w.slope[j])
	}
	for j, x := range weight {
		p.control[j] += float64(x)*along - mean*float64(w.slope[j])
	}
}

// A regression is of the parts of the gradient that pairs have on their controls, all numbers of phi together.
type regression struct {
	grad, control   []float64 // the sums over all pairs
	product, square float64   // those of gradient times control, and of the controls' squares
	coefficients    []float64
}

// fit adds up all pairs.
func (r *regression) fit(pairs []*tally) {
	clear(r.grad)
	clear(r.control)
	r.product, r.square = 0, 0
	for _, p := range pairs {
		product, square := p.products()
		r.product, r.square = r.product+product, r.square+square
		for j, x := range p.control {
			r.grad[j] += p.grad[j]
			r.control[j] += x
		}
	}
}

// without returns the coefficient of the n pairs other than one; 1 where they don't tell.
func (r *regression) without(p *tally, n int) float64 {
	product, square := p.products()
	product, square = r.product-product, r.square-square
	for j, x := range r.control {
		x -= p.control[j]
		product -= (r.grad[j] - p.grad[j]) * x / float64(n)
		square -= x * x / float64(n)
	}
	if n < 2 || !(square > 1e-9*r.square) {
		return 1
	}
	return product / square
}

// products returns those of a pair's control with its gradient and with itself.
func (t *tally) products() (product, square float64) {
	for j, x := range t.control {
		product += t.grad[j] * x
		square += x * x
	}
	return product, square
}

// steer takes off every pair's part of the gradient as much of its control as the other pairs say.
func (e *EstimatorOf[F]) steer() {
	if e.config.Control == NoControl {
		return
	}
	r, pairs := &e.regression, e.tallies
	r.fit(pairs)
	for i, p := range pairs {
		r.coefficients[i] = r.without(p, len(pairs)-1)
	}
	for i, p := range pairs {
		for j, x := range p.control {
			p.grad[j] -= r.coefficients[i] * x
		}
	}
}

// through makes the training of a family's problems differentiable.
func (c TrainingConfigOf[F]) through(f inner.FamilyOf[F]) (*meta.BPTTOf[F], error) {
	if c.Through == 0 {
		return nil, nil
	}
	return meta.NewBPTT(meta.BPTTConfigOf[F]{
		Rule: c.Rule, Family: f, Horizon: c.Through, Window: c.Through, Objective: c.Objective, MetaLoss: c.MetaLoss, Baselines: c.Baselines,
		Exact: c.Exact, Copies: max(1, c.Copies), Workers: 1,
	})
}

// Differentiate implements DifferentiableOf, if the training was made for it, see TrainingConfigOf.Through.
func (t *TrainingOf[F]) Differentiate(ctx context.Context, grad, state, phi []F, e Episode, from, n int) error {
	tr, problems, err := t.problems(e)
	if err != nil {
		return err
	}
	_, err = tr.through.Through(ctx, grad, state, phi, meta.StretchOf[F]{Problems: problems, Key: e.Key, From: from, Steps: n, Horizon: t.told(e)})
	return err
}
