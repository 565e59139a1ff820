package es

import (
	"context"

	"github.com/seed1498fded/unroll/meta"
)

// window takes a pair through a window, in the unbiased form: an episode that ends within it is followed by the next at once. It
// goes by segments, in which nothing is drawn and no episode ends.
func (w *worker[F]) window(ctx context.Context, p *pair[F], phi []F, key uint64) error {
	at, width := p.next, w.config.Window
	for t := 0; t < width; {
		begins, anew := !at.Live, false
		if begins {
			w.forget(p, t)
			if anew = !p.repeat(w.config, key); anew {
				p.name(w.config, key)
			}
		}
		if w.due(p, t) {
			w.draw(p, t, key)
			w.remember(p)
		}
		if t == 0 || begins || w.config.Method == GPES {
			w.perturb(p, phi)
		}
		if anew {
			if err := w.start(p); err != nil {
				return err
			}
		}
		n := w.segment(p, width-t)
		if err := w.unroll(ctx, p, n); err != nil {
			return err
		}
		t += n
		w.count(p, n)
	}
	w.watch(p)
	w.join(p)
	w.scale(p)
	return nil
}

// due reports whether a perturbation is to be drawn before the t-th step of a window.
func (w *worker[F]) due(p *pair[F], t int) bool {
	switch w.config.Method {
	case NRES:
		return !p.next.Noise
	case GPES:
		return p.next.Step%w.config.K == 0 || !p.next.Noise
	}
	return t == 0
}

// forget sets ξ for an episode that begins with the t-th step of a window: nothing, or what the window has been perturbed by.
func (w *worker[F]) forget(p *pair[F], t int) {
	clear(p.next.xi)
	if m := w.config.Method; t > 0 && (m == PES || m == Truncated) {
		copy(p.next.xi, p.next.eps)
	}
}

// remember adds a perturbation that has just been drawn to ξ. Truncated ES knows of no other.
func (w *worker[F]) remember(p *pair[F]) {
	if w.config.Method == Truncated {
		clear(p.next.xi)
	}
	for j, x := range p.next.eps {
		p.next.xi[j] += x
	}
}

// segment returns how many steps, at most n, there are before the episode ends or a perturbation is due.
func (w *worker[F]) segment(p *pair[F], n int) int {
	n = min(n, p.next.Ends-p.next.Step)
	if w.config.Method == GPES {
		n = min(n, w.config.K-p.next.Step%w.config.K)
	}
	return n
}

// count adds what a segment of n steps tells. An episode in which a loss is not finite is over.
func (w *worker[F]) count(p *pair[F], n int) {
	at, from := p.next, 0
	if w.config.Objective == meta.Last && at.Step == at.Length {
		from = n - 1
	} else if w.config.Objective == meta.Last {
		from = n
	}
	sound := w.differ(at, n)
	sum, counted := w.sum(p, from, sound)
	p.add(at.xi, w.signed(sum, counted))
	if from < n {
		w.control(p, at.xi)
	}
	p.broken = p.broken || sound < n && p.episodes == 0
	if sound < n || at.Step == at.Ends {
		p.end()
	}
}

// join puts the branches of truncated ES back where the third is.
func (w *worker[F]) join(p *pair[F]) {
	if w.config.Method != Truncated {
		return
	}
	for _, state := range p.next.states[:2] {
		copy(state, p.next.states[2])
	}
}
