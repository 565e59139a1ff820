package search

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// A breeder makes candidates.
type breeder interface {
	// first draws a candidate of the first generation.
	first(dst []float64, r *rng.Stream)

	// child makes one of a later generation from two of the last.
	child(dst, mother, father []float64, r *rng.Stream)

	// size returns what is less for the better one of two candidates of one loss.
	size(x []float64) int
}

// herd says how a generation is made of the last.
type herd struct {
	population, tournament, elite int
	parsimony                     float64 // the loss that a candidate's size counts as, for each unit of it
}

// check reports settings out of range.
func (h herd) check() error {
	var elite error
	if h.elite < 0 || h.elite >= h.population {
		elite = fmt.Errorf("elite is %d; want 0 or more, and less than population, %d", h.elite, h.population)
	}
	var parsimony error
	if !(h.parsimony >= 0 && h.parsimony <= mostStep) {
		parsimony = fmt.Errorf("parsimony is %v; want 0 or more", h.parsimony)
	}
	return cmp.Or(atLeast("population", h.population, 2), atLeast("tournament", h.tournament, 1), elite, parsimony)
}

// elites returns how many are kept where the setting is 0 for the default and −1 for none.
func elites(setting, by int) int {
	switch setting {
	case 0:
		return by
	case -1:
		return 0
	}
	return setting
}

// breeding is what GA and GP have in common: the last generation, from the best to the worst, tournaments among it, and an elite.
type breeding struct {
	core
	herd
	breeder
	last [][]float64
}

// newBreeding makes room for a search of a herd.
func newBreeding(name string, start []float64, key uint64, h herd, by breeder) (*breeding, error) {
	n := len(start)
	base, parts, err := newCore(name, start, key, h.population, params.Spec{Name: "last", Shape: []int{h.population, n}})
	if err != nil {
		return nil, err
	}
	return &breeding{core: base, herd: h, breeder: by, last: rows(parts[0], n)}, nil
}

// Ask implements Search.
func (s *breeding) Ask() [][]float64 {
	if s.ready {
		return s.asked
	}
	for i, x := range s.asked {
		r := s.draw(i)
		switch {
		case s.generation == 0 && i == 0:
			copy(x, s.best) // the start itself
		case s.generation == 0:
			s.first(x, r)
		case i < s.elite:
			copy(x, s.last[i])
		default:
			s.child(x, s.last[s.winner(r)], s.last[s.winner(r)], r)
		}
	}
	s.ready = true
	return s.asked
}

// winner draws the best of a tournament: candidates are in order, so that it is the first of some numbers.
func (s *breeding) winner(r *rng.Stream) int {
	best := r.IntN(s.population)
	for range s.tournament - 1 {
		best = min(best, r.IntN(s.population))
	}
	return best
}

// Tell implements Search.
func (s *breeding) Tell(losses []float64) error {
	if err := s.check(losses); err != nil {
		return err
	}
	s.Ask()
	order, _ := rank(losses)
	sizes := make([]int, len(losses))
	for i, x := range s.asked {
		sizes[i] = s.size(x)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := worst(losses[a])+s.parsimony*float64(sizes[a]), worst(losses[b])+s.parsimony*float64(sizes[b])
		return cmp.Or(cmp.Compare(x, y), cmp.Compare(sizes[a], sizes[b]))
	})
	for i, from := range order {
		copy(s.last[i], s.asked[from])
	}
	s.next(losses)
	return nil
}

// check is the core's; the herd has another.
func (s *breeding) check(losses []float64) error { return s.core.check(losses) }

// Current implements Search: the best of the last generation.
func (s *breeding) Current() []float64 {
	if s.generation == 0 {
		return slices.Clip(s.best)
	}
	return s.last[0]
}
