package search

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/params"
)

// ES is the (μ, λ) evolution strategy with step sizes that adapt themselves (Beyer and Schwefel 2002, "Evolution strategies: a
// comprehensive introduction"). An individual is x and a step size σ for each number of it. In each generation parents, in turn,
// have λ children, and the best μ of these are the next parents, whatever the parents were:
//
//	σ'(j) = (σ(j) + σᵏ(j))/2 · exp(τ'N + τN(j)),   τ = 1/√(2√n),  τ' = 1/√(2n)
//	x'(j) = x(j) + σ'(j)·N(j)
//
// with σᵏ those of a parent drawn at random, N a draw of the child's own and N(j) draws for each number: intermediate
// recombination of step sizes. With Recombine, σ and x of a child start from the mean of all parents instead.
//
// Its current vector is the mean of the parents.
type ES struct {
	Mu        int     `json:"mu"`        // μ, parents; 15 if zero
	Lambda    int     `json:"lambda"`    // λ, children, more than μ; 100 if zero
	Sigma     float64 `json:"sigma"`     // σ of all numbers at the start; 0.5 if zero
	Recombine bool    `json:"recombine"` // children come from the mean of all parents
	Isotropic bool    `json:"isotropic"` // one σ for all numbers, τ' alone changes it
}

// The step sizes' range: where they end, no loss tells them apart any more.
const leastStep, mostStep = 1e-150, 1e150

func (c ES) filled() ES {
	c.Mu, c.Lambda, c.Sigma = cmp.Or(c.Mu, 15), cmp.Or(c.Lambda, 100), cmp.Or(c.Sigma, 0.5)
	return c
}

// MarshalJSON writes the settings with every default in its place.
func (c ES) MarshalJSON() ([]byte, error) {
	type plain ES
	f := c.filled()
	return json.Marshal(plain(f))
}

// New implements Method.
func (c ES) New(start []float64, key uint64) (Search, error) {
	c = c.filled()
	var order error
	if c.Lambda <= c.Mu {
		order = fmt.Errorf("lambda is %d; want more than mu, %d", c.Lambda, c.Mu)
	}
	if err := checked("es", atLeast("mu", c.Mu, 1), order, between("sigma", c.Sigma, 0, mostStep)); err != nil {
		return nil, err
	}
	n := len(start)
	base, parts, err := newCore("es", start, key, c.Lambda, params.Spec{Name: "x", Shape: []int{c.Mu, n}},
		params.Spec{Name: "sigma", Shape: []int{c.Mu, n}})
	if err != nil {
		return nil, err
	}
	s := &evolution{core: base, config: c, x: rows(parts[0], n), sigma: rows(parts[1], n)}
	s.childSigma = rows(make([]float64, c.Lambda*n), n)
	s.mean, s.meanSigma = make([]float64, n), make([]float64, n)
	for i := range s.x {
		copy(s.x[i], start)
		for j := range s.sigma[i] {
			s.sigma[i][j] = c.Sigma
		}
	}
	return s, nil
}

// An evolution is a search by ES.
type evolution struct {
	core
	config          ES
	x, sigma        [][]float64 // of the parents
	childSigma      [][]float64
	mean, meanSigma []float64 // of the parents
}

// Ask implements Search.
func (s *evolution) Ask() [][]float64 {
	if s.ready {
		return s.asked
	}
	average(s.mean, s.x)
	average(s.meanSigma, s.sigma)
	for i := range s.asked {
		s.breed(i)
	}
	s.ready = true
	return s.asked
}

// breed makes child i.
func (s *evolution) breed(i int) {
	r, n := s.draw(i), float64(s.Len())
	mate := r.IntN(len(s.x))
	from := i % len(s.x)
	common := math.Exp(r.NormFloat64() / math.Sqrt(2*n))
	tau := 1 / math.Sqrt(2*math.Sqrt(n))
	for j := range s.asked[i] {
		x, sigma := s.x[from][j], (s.sigma[from][j]+s.sigma[mate][j])/2
		if s.config.Recombine {
			x, sigma = s.mean[j], s.meanSigma[j]
		}
		sigma *= common
		if !s.config.Isotropic {
			sigma *= math.Exp(tau * r.NormFloat64())
		}
		sigma = min(max(sigma, leastStep), mostStep)
		s.childSigma[i][j] = sigma
		s.asked[i][j] = x + sigma*r.NormFloat64()
	}
}

// Tell implements Search. Where fewer than μ children have a finite loss, these are parents several times; where none has,
// the parents stay.
func (s *evolution) Tell(losses []float64) error {
	if err := s.check(losses); err != nil {
		return err
	}
	s.Ask()
	if order, sound := rank(losses); sound > 0 {
		for i := range s.x {
			child := order[i%sound]
			copy(s.x[i], s.asked[child])
			copy(s.sigma[i], s.childSigma[child])
		}
	}
	s.next(losses)
	return nil
}

// Current implements Search: the mean of the parents.
func (s *evolution) Current() []float64 {
	average(s.mean, s.x)
	return s.mean
}

// average writes the mean of some vectors.
func average(dst []float64, of [][]float64) {
	clear(dst)
	for _, v := range of {
		for j, x := range v {
			dst[j] += x / float64(len(of))
		}
	}
}
