package search

import (
	"cmp"
	"encoding/json"
	"math"

	"github.com/seed1498fded/unroll/params"
)

// Anneal is simulated annealing (Kirkpatrick, Gelatt and Vecchi 1983, "Optimization by simulated annealing") with Metropolis' rule:
// a chain goes to a place nearby if the loss is lower there, and if it is higher by d, with probability exp(−d/T). The temperature
// T falls geometrically with the generations. Places nearby are normal draws about the chain with standard deviation Step at
// first, and in proportion to √T from then on, as far as a bowl lets a chain stray at that temperature.
//
// Several chains go on side by side, each by itself, so that their losses can be computed in parallel. Where a chain stands is
// evaluated again beside the place that it thinks of going to, so that the two losses are of one generation; Once leaves that out
// for losses that never change.
//
// Its current vector is where the best chain stands.
type Anneal struct {
	Chains      int     `json:"chains"`      // 10 if zero
	Step        float64 `json:"step"`        // 0.5 if zero
	Temperature float64 `json:"temperature"` // T of the first generation, in units of the loss; 1 if zero
	Cooling     float64 `json:"cooling"`     // what T is multiplied by after each generation, above 0 and at most 1; 0.98 if zero
	Once        bool    `json:"once"`        // a place has the same loss in every generation
}

func (c Anneal) filled() Anneal {
	c.Chains, c.Step, c.Temperature = cmp.Or(c.Chains, 10), cmp.Or(c.Step, 0.5), cmp.Or(c.Temperature, 1)
	c.Cooling = cmp.Or(c.Cooling, 0.98)
	return c
}

// MarshalJSON writes the settings with every default in its place.
func (c Anneal) MarshalJSON() ([]byte, error) {
	type plain Anneal
	f := c.filled()
	return json.Marshal(plain(f))
}

// New implements Method.
func (c Anneal) New(start []float64, key uint64) (Search, error) {
	c = c.filled()
	if err := checked("anneal", atLeast("chains", c.Chains, 1), between("step", c.Step, 0, mostStep),
		between("temperature", c.Temperature, 0, mostStep), between("cooling", c.Cooling, 0, 1)); err != nil {
		return nil, err
	}
	n, candidates := len(start), 2*c.Chains
	if c.Once {
		candidates = c.Chains
	}
	base, parts, err := newCore("anneal", start, key, candidates, params.Spec{Name: "chains", Shape: []int{c.Chains, n}},
		params.Spec{Name: "losses", Shape: []int{c.Chains}})
	if err != nil {
		return nil, err
	}
	s := &annealing{core: base, config: c, chains: rows(parts[0], n), losses: parts[1]}
	for i := range s.chains {
		copy(s.chains[i], start)
		s.losses[i] = math.Inf(1)
	}
	return s, nil
}

// An annealing is a search by Anneal. Its candidates are the places to go to and then, unless once is enough, the places where
// the chains stand.
type annealing struct {
	core
	config Anneal
	chains [][]float64
	losses []float64 // where they stand
}

// cooled returns the temperature over that of the first generation.
func (s *annealing) cooled() float64 { return math.Pow(s.config.Cooling, float64(s.generation)) }

// Ask implements Search.
func (s *annealing) Ask() [][]float64 {
	if s.ready {
		return s.asked
	}
	step := s.config.Step * math.Sqrt(s.cooled())
	for i, from := range s.chains {
		r := s.draw(i)
		for j, x := range from {
			s.asked[i][j] = x + step*r.NormFloat64()
		}
		if !s.config.Once {
			copy(s.asked[len(s.chains)+i], from)
		}
	}
	s.ready = true
	return s.asked
}

// Tell implements Search.
func (s *annealing) Tell(losses []float64) error {
	if err := s.check(losses); err != nil {
		return err
	}
	s.Ask()
	temperature := s.config.Temperature * s.cooled()
	for i := range s.chains {
		if !s.config.Once {
			s.losses[i] = worst(losses[len(s.chains)+i])
		}
		if there := losses[i]; s.goes(i, there, temperature) {
			copy(s.chains[i], s.asked[i])
			s.losses[i] = there
		}
	}
	s.next(losses)
	return nil
}

// goes decides whether chain i goes to a place with some loss.
func (s *annealing) goes(i int, loss, temperature float64) bool {
	if !finite(loss) {
		return false
	}
	up := loss - s.losses[i]
	return up <= 0 || s.draw(len(s.chains)+i).Float64() < math.Exp(-up/temperature)
}

// Current implements Search: where the best chain stands.
func (s *annealing) Current() []float64 {
	order, _ := rank(s.losses)
	return s.chains[order[0]]
}
