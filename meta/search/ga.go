package search

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/internal/rng"
)

// GA is the generational genetic algorithm on vectors of numbers, the genes (Goldberg 1989, "Genetic algorithms in search,
// optimization and machine learning"; real numbers as genes as in Michalewicz 1992). A child has two parents, each the best of
// a tournament; its genes come from either, and some are changed. The best of a generation go into the next one as they are,
// and are evaluated again with it: losses of one generation can be compared, those of two need not.
//
// Its current vector is the best of the last generation, the start before there is one.
type GA struct {
	Population int     `json:"population"` // candidates; 100 if zero
	Spread     float64 `json:"spread"`     // standard deviation of the first generation's genes about the start; 1 if zero
	Tournament int     `json:"tournament"` // candidates that a parent is the best of; 3 if zero
	Elite      int     `json:"elite"`      // candidates kept as they are, less than population; 2 if zero, none if −1
	Crossover  string  `json:"crossover"`  // "uniform", each gene from either parent, or "cut", from one up to a place; uniform if empty
	Mutation   float64 `json:"mutation"`   // probability that a normal draw is added to a gene; 0.2 if zero
	Step       float64 `json:"step"`       // the draw's standard deviation over spread, times e^2N for each child; 0.1 if zero
	Redraw     float64 `json:"redraw"`     // probability that a gene is drawn anew, as in the first generation; 0.01 if zero
}

// The ways to cross.
const (
	crossUniform = "uniform"
	crossCut     = "cut"
)

func (c GA) filled() GA {
	c.Population, c.Spread = cmp.Or(c.Population, 100), cmp.Or(c.Spread, 1)
	c.Tournament, c.Elite = cmp.Or(c.Tournament, 3), elites(c.Elite, 2)
	c.Crossover = cmp.Or(c.Crossover, crossUniform)
	c.Mutation, c.Step, c.Redraw = cmp.Or(c.Mutation, 0.2), cmp.Or(c.Step, 0.1), cmp.Or(c.Redraw, 0.01)
	return c
}

// MarshalJSON writes the settings with every default in its place.
func (c GA) MarshalJSON() ([]byte, error) {
	type plain GA
	f := c.filled()
	f.Elite = cmp.Or(c.Elite, f.Elite)
	return json.Marshal(plain(f))
}

// New implements Method.
func (c GA) New(start []float64, key uint64) (Search, error) {
	c = c.filled()
	h := herd{population: c.Population, tournament: c.Tournament, elite: c.Elite}
	var crossover error
	if c.Crossover != crossUniform && c.Crossover != crossCut {
		crossover = fmt.Errorf("crossover is %s; want %q or %q", brief.Quote(c.Crossover), crossUniform, crossCut)
	}
	if err := checked("ga", h.check(), crossover, between("spread", c.Spread, 0, mostStep), between("mutation", c.Mutation, 0, 1),
		between("step", c.Step, 0, mostStep), between("redraw", c.Redraw, 0, 1)); err != nil {
		return nil, err
	}
	s, err := newBreeding("ga", start, key, h, &genes{c, slices.Clone(start)})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// genes is how GA makes candidates.
type genes struct {
	GA
	start []float64
}

// first implements breeder.
func (g *genes) first(dst []float64, r *rng.Stream) {
	for j := range dst {
		dst[j] = g.gene(j, r)
	}
}

// gene draws one anew.
func (g *genes) gene(j int, r *rng.Stream) float64 { return g.start[j] + g.Spread*r.NormFloat64() }

// size implements breeder: vectors are all of one size.
func (*genes) size([]float64) int { return 0 }

// child implements breeder.
func (g *genes) child(dst, mother, father []float64, r *rng.Stream) {
	cut := r.IntN(len(dst))
	step := g.Spread * g.Step * math.Exp(2*r.NormFloat64())
	for j := range dst {
		other := j >= cut
		if g.Crossover == crossUniform {
			other = r.Uint64()%2 == 0
		}
		if dst[j] = mother[j]; other {
			dst[j] = father[j]
		}
		if r.Float64() < g.Mutation {
			dst[j] += step * r.NormFloat64()
		}
		if r.Float64() < g.Redraw {
			dst[j] = g.gene(j, r)
		}
	}
}
