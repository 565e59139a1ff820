package es

import (
	"encoding/json"
	"fmt"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/params"
)

// Save implements meta.Resumable: it keeps, for each pair, the unfinished episode's name, the states of both branches, and the
// perturbations that the rest of the episode will be weighted by.
func (e *EstimatorOf[F]) Save(f *checkpoints.File, prefix string) error {
	all, places := make([]counts, len(e.pairs)), make([]*place[F], len(e.pairs))
	for i, p := range e.pairs {
		all[i], places[i] = p.at.counts, p.at
	}
	text, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("es: %w", err)
	}
	f.Meta[prefix] = string(text)
	if e.config.Method != Full {
		l := e.layout(places)
		v := make([]F, 0, l.Len())
		for _, part := range vectors(places) {
			v = append(v, part...)
		}
		checkpoints.Put(f, prefix+".", l, v)
	}
	return e.saveFailures(f, prefix, places)
}

// layout lays out all vectors that are carried. States that differ in length lie one after another.
func (e *EstimatorOf[F]) layout(places []*place[F]) params.Layout {
	n, branches, phi, total := len(places), len(places[0].states), e.Phi().Len(), 0
	for _, p := range places {
		total += branches * len(p.states[0])
	}
	l := params.Layout{{Name: "eps", Shape: []int{n, phi}}, {Name: "xi", Shape: []int{n, phi}}}
	switch w := e.workers[0].system.State().Len(); {
	case total == 0:
	case total == n*branches*w:
		l = append(l, params.Spec{Name: "states", Shape: []int{n, branches, w}})
	default:
		l = append(l, params.Spec{Name: "states", Shape: []int{total}})
	}
	return l
}

// vectors lists them in the order of the layout.
func vectors[F params.Float](places []*place[F]) [][]F {
	var eps, xi, states [][]F
	for _, p := range places {
		eps, xi, states = append(eps, p.eps), append(xi, p.xi), append(states, p.states...)
	}
	return append(append(eps, xi...), states...)
}

// Load implements meta.Resumable.
func (e *EstimatorOf[F]) Load(f *checkpoints.File, prefix string) error {
	var all []counts
	if err := json.Unmarshal([]byte(f.Meta[prefix]), &all); err != nil {
		return fmt.Errorf("es: training checkpoint: %s: %w", prefix, err)
	}
	if len(all) != len(e.pairs) {
		return fmt.Errorf("es: training checkpoint: %s: %d pairs, want %d", prefix, len(all), len(e.pairs))
	}
	for i, c := range all {
		if c.Live && !(0 <= c.Step && c.Step < c.Ends && c.Ends <= c.Length && c.Length <= e.config.Horizon) {
			return fmt.Errorf("es: training checkpoint: %s: pair %d: step %d of %d, ending at %d, does not fit a horizon of %d",
				prefix, i, c.Step, c.Length, c.Ends, e.config.Horizon)
		}
	}
	places := make([]*place[F], len(all))
	for i, c := range all {
		var err error
		if places[i], err = e.place(c, i); err != nil {
			return err
		}
	}
	if e.config.Method != Full {
		v, err := checkpoints.Get[F](f, prefix+".", e.layout(places))
		if err != nil {
			return err
		}
		for _, part := range vectors(places) {
			v = v[copy(part, v):]
		}
	}
	if err := e.loadFailures(f, prefix, places); err != nil {
		return err
	}
	for i, p := range places {
		e.pairs[i].at = p
	}
	return nil
}
