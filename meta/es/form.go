package es

import "context"

// windowLO is window in the form of google/learned_optimization. The step after an episode's last only begins the next one. The
// last loss, and what the window sees after it, is weighted by the window's ε; those before by ξ.
func (w *worker[F]) windowLO(ctx context.Context, p *pair[F], phi []F, key uint64) error {
	at, width := p.next, w.config.Window
	w.draw(p, 0, key)
	w.remember(p)
	w.perturb(p, phi)
	var early, late sums
	done := false
	for t := 0; t < width; {
		if !at.Live {
			resets := at.Masked
			p.name(w.config, key)
			if err := w.start(p); err != nil {
				return err
			}
			if resets {
				t++
				continue
			}
		}
		n := min(width-t, at.Ends-at.Step)
		if err := w.unroll(ctx, p, n); err != nil {
			return err
		}
		t += n
		sound := w.differ(at, n)
		ends := sound < n || at.Step == at.Ends
		switch {
		case done:
			late.add(w.sum(p, 0, sound))
		case ends:
			early.add(w.sum(p, 0, max(0, sound-1)))
			late.add(w.sum(p, max(0, sound-1), sound))
		default:
			early.add(w.sum(p, 0, sound))
		}
		if ends {
			done = true
			p.end()
			at.Masked = true
		}
	}
	if w.config.Sign {
		s := sign(early.sum + late.sum)
		early.sum, late.sum = s*float64(early.n), s*float64(late.n)
	}
	p.add(at.xi, early.sum)
	p.add(at.eps, late.sum)
	if done {
		copy(at.xi, at.eps)
	}
	if w.config.Method == Truncated {
		copy(at.states[1], at.states[0])
	}
	w.scale(p)
	return nil
}

// sums are of n differences.
type sums struct {
	sum float64
	n   int
}

func (s *sums) add(sum float64, n int) {
	s.sum += sum
	s.n += n
}
