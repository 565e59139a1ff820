package es

import (
	"context"

	"github.com/seed1498fded/unroll/meta"
)

// whole takes a pair through an episode. The branches go one after the other, each from its own start: a problem with a world of
// its own begins it anew.
func (w *worker[F]) whole(ctx context.Context, p *pair[F], phi []F, key uint64) error {
	at := p.next
	p.name(w.config, key)
	w.draw(p, 0, key)
	w.perturb(p, phi)
	if err := w.fit(at, p.number); err != nil {
		return err
	}
	for i, state := range at.states {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.system.Start(state, w.phi[i], w.episode(p)); err != nil {
			return err
		}
		if err := w.branch(ctx, p, i, 0, at.Length); err != nil {
			return err
		}
		p.steps += at.Length
	}
	plus, minus := w.score(w.losses[0][:at.Length]), w.score(w.losses[1][:at.Length])
	if d := plus - minus; finite(d) {
		p.loss, p.counted = (plus+minus)/2, 1
		p.add(at.eps, w.signed(clipped(d, w.config.Clip), 1))
		w.control(p, at.eps)
	}
	p.end()
	at.counts = counts{Outer: at.Outer} // nothing else is carried on
	return nil
}

// score returns what the objective makes of an episode's losses.
func (w *worker[F]) score(losses []float64) float64 {
	last, least, sum := 0.0, 0.0, 0.0
	for t, loss := range losses {
		last = capped(loss, w.config.Cap)
		if t == 0 || !(last >= least) { // what is not a number stays
			least = last
		}
		sum += last
	}
	switch w.config.Objective {
	case meta.Last:
		return last
	case meta.Min:
		return least
	case meta.Sum:
		return sum
	}
	return sum / float64(len(losses))
}
