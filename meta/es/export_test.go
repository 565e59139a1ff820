package es

import "github.com/seed1498fded/unroll/params"

// SetNoise replaces the draws of perturbations: noise fills dst for a pair at a step of the window.
func SetNoise[F params.Float](e *EstimatorOf[F], noise func(dst []F, pair, step int)) {
	for _, w := range e.workers {
		w.noise = func(dst []F, pair, step int, _ uint64) { noise(dst, pair, step) }
	}
}

// Put starts a pair's first episode as if some steps of it were taken, under phi, and perturbed by what nobody knows of.
func Put[F params.Float](e *EstimatorOf[F], pair, step int, phi []F, eps []float64) error {
	at := e.pairs[pair].at
	for i, x := range eps {
		at.eps[i] = F(x)
	}
	at.counts = counts{Length: e.config.Horizon, Ends: e.config.Horizon, Step: step, Begun: true, Live: true}
	for _, state := range at.states {
		if err := e.workers[0].system.Start(state, phi, Episode{Length: at.Length, Pair: pair}); err != nil {
			return err
		}
	}
	return nil
}
