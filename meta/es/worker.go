package es

import (
	"context"
	"math"
	"slices"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// A worker takes pairs through windows, one after the other.
type worker[F params.Float] struct {
	config *ConfigOf[F]
	system SystemOf[F]

	derivative DifferentiableOf[F] // the system, for a Control

	phi    [][]F       // what each branch is under
	losses [][]float64 // of each branch
	diffs  []float64
	slope  []F                                       // the derivative of a stretch, for a Control
	noise  func(dst []F, pair, step int, key uint64) // draws a perturbation
}

func newWorker[F params.Float](c ConfigOf[F], s SystemOf[F]) *worker[F] {
	w := &worker[F]{config: &c, system: s, diffs: make([]float64, c.Window)}
	for range c.branches() {
		w.phi = append(w.phi, make([]F, c.Phi.Len()))
		w.losses = append(w.losses, make([]float64, c.Window))
	}
	w.noise = func(dst []F, _, _ int, key uint64) { rng.Normal(dst, key, c.Sigma) }
	return w
}

// draw draws the pair's ε at a step of the window.
func (w *worker[F]) draw(p *pair[F], step int, key uint64) {
	w.noise(p.next.eps, p.number, step, rng.Split(p.keyOf(key, keyNoise), uint64(step)))
	p.next.Noise = true
}

// perturb sets what the branches are under: phi + ε, phi − ε and phi.
func (w *worker[F]) perturb(p *pair[F], phi []F) {
	for i, sign := range []F{1, -1, 0}[:len(w.phi)] {
		for j, x := range phi {
			w.phi[i][j] = x + sign*p.next.eps[j]
		}
	}
}

// start begins the pair's next episode, which has a name, in all branches.
func (w *worker[F]) start(p *pair[F]) error {
	if err := w.fit(p.next, p.number); err != nil {
		return err
	}
	for i, state := range p.next.states {
		if err := w.system.Start(state, w.phi[i], w.episode(p)); err != nil {
			return err
		}
	}
	return nil
}

// fit gives the states of a pair's place the length that its episode has.
func (w *worker[F]) fit(at *place[F], pair int) error {
	v, ok := w.system.(VariedOf[F])
	if !ok {
		return nil
	}
	n, err := v.StateLen(Episode{Key: at.Key, Length: at.Length, Pair: pair})
	if err != nil {
		return err
	}
	for i, s := range at.states {
		at.states[i] = slices.Grow(s[:0], n)[:n]
	}
	return nil
}

func (w *worker[F]) episode(p *pair[F]) Episode {
	return Episode{Key: p.next.Key, Length: p.next.Length, Outer: p.next.Outer, Pair: p.number}
}

// unroll takes all branches n steps on.
func (w *worker[F]) unroll(ctx context.Context, p *pair[F], n int) error {
	at := p.next
	for i := range at.states {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.branch(ctx, p, i, at.Step, n); err != nil {
			return err
		}
	}
	at.Step += n
	p.steps += n * len(at.states)
	return nil
}

// branch takes a branch n steps on.
func (w *worker[F]) branch(ctx context.Context, p *pair[F], i, from, n int) error {
	if i == 2 && w.derivative != nil {
		return w.middle(ctx, p, p.next.states[i], from, n)
	}
	return w.system.Unroll(ctx, w.losses[i][:n], p.next.states[i], w.phi[i], w.episode(p), from)
}

// differ sets the first n differences of the losses of the two branches that went on to the pair's step, each times what it counts,
// and returns how many there are before one of a loss that is not finite.
func (w *worker[F]) differ(at *place[F], n int) int {
	c := w.config
	for t := range n {
		plus, minus := capped(w.losses[0][t], c.Cap), capped(w.losses[1][t], c.Cap)
		w.losses[0][t], w.losses[1][t] = plus, minus
		w.diffs[t] = c.counts(at.Step-n+t+1, at.Length) * clipped(plus-minus, c.Clip)
		if !finite(plus) || !finite(minus) || !finite(plus-minus) {
			return t
		}
	}
	return n
}

// sum returns the sum of the differences from the t-th to before the n-th, takes note of the losses, and tells how many there are.
func (w *worker[F]) sum(p *pair[F], t, n int) (sum float64, counted int) {
	for ; t < n; t++ {
		sum += w.diffs[t]
		p.differed += w.diffs[t]
		p.loss += (w.losses[0][t] + w.losses[1][t]) / 2
		counted++
	}
	p.counted += counted
	return sum, counted
}

// add adds a perturbation times a sum of differences.
func (p *pair[F]) add(perturbation []F, sum float64) {
	if sum == 0 {
		return
	}
	for j, x := range perturbation {
		p.grad[j] += float64(x) * sum
	}
}

// signed returns what the sum of n differences counts as.
func (w *worker[F]) signed(sum float64, n int) float64 {
	if w.config.Sign {
		return sign(sum) * float64(n)
	}
	return sum
}

// scale divides what a pair has added up by what the objective says, and by how much too large its differences are.
func (w *worker[F]) scale(p *pair[F]) {
	if p.counted == 0 {
		return
	}
	n, by := float64(p.counted), 1.0
	if w.config.Objective == meta.Mean {
		by = n
	}
	if c := w.config.WindowClip; c > 0 {
		by *= max(1, math.Abs(p.differed)/n/c)
	}
	for j := range p.grad {
		p.grad[j] /= by
	}
	for j := range p.control {
		p.control[j] /= by
	}
}

// counts returns what the loss after a step of an episode counts; the mean over an episode is 1, but for rounding.
func (s *Settings) counts(step, length int) float64 {
	if s.End == 0 {
		return 1
	}
	const tenth = 0.1
	mean := 1 - tenth + tenth*s.End
	if float64(step) > (1-tenth)*float64(length) {
		return s.End / mean
	}
	return 1 / mean
}

// capped returns a loss that is at most cap, and cap if it is not a number; there is none if cap is zero.
func capped(loss, cap float64) float64 {
	if cap > 0 && !(loss <= cap) {
		return cap
	}
	return loss
}

// clipped returns x, or the number of its sign that is as large as clip if x is larger; nothing is if clip is zero.
func clipped(x, clip float64) float64 {
	if clip > 0 {
		return max(-clip, min(clip, x))
	}
	return x
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
