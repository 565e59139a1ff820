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
	all := make([]counts, len(e.pairs))
	for i, p := range e.pairs {
		all[i] = p.at.counts
	}
	text, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("es: %w", err)
	}
	f.Meta[prefix] = string(text)
	if l := e.layout(); e.config.Method != Full {
		v := make([]F, 0, l.Len())
		for _, part := range e.vectors() {
			v = append(v, part...)
		}
		checkpoints.Put(f, prefix+".", l, v)
	}
	return nil
}

// layout lays out all vectors that are carried.
func (e *EstimatorOf[F]) layout() params.Layout {
	n, at := len(e.pairs), e.pairs[0].at
	l := params.Layout{{Name: "eps", Shape: []int{n, len(at.eps)}}, {Name: "xi", Shape: []int{n, len(at.xi)}}}
	if state := len(at.states[0]); state > 0 {
		l = append(l, params.Spec{Name: "states", Shape: []int{n, len(at.states), state}})
	}
	return l
}

// vectors lists them in the order of the layout.
func (e *EstimatorOf[F]) vectors() [][]F {
	var eps, xi, states [][]F
	for _, p := range e.pairs {
		eps, xi, states = append(eps, p.at.eps), append(xi, p.at.xi), append(states, p.at.states...)
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
	if e.config.Method != Full {
		v, err := checkpoints.Get[F](f, prefix+".", e.layout())
		if err != nil {
			return err
		}
		for _, part := range e.vectors() {
			v = v[copy(part, v):]
		}
	}
	for i, c := range all {
		e.pairs[i].at.counts = c
	}
	return nil
}
