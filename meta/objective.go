package meta

import (
	"fmt"
	"slices"
	"strings"
)

// An Objective says how the losses f₀, ..., f_K that a window of K steps meets, f₀ where it begins and f_K after its last
// step, make up its meta-loss L = Σ_t w_t f_t. But for Borders a loss counts in one window only, so that what an episode is
// scored by does not depend on where it is cut.
type Objective string

// The objectives.
const (
	// Borders is the mean of all K+1 losses: a loss on the border of two windows counts in both. It is the default.
	Borders Objective = "borders"
	// Mean is the mean of f₁, ..., f_K, the losses that the window's steps have led to.
	Mean Objective = "mean"
	// Sum is their sum, the objective of Andrychowicz et al. 2016, equation 3, with w_t = 1.
	Sum Objective = "sum"
	// Last is f_K, as in Lv, Jiang and Li 2017.
	Last Objective = "last"
	// Min is the least of f₁, ..., f_K.
	Min Objective = "min"
)

// Objectives returns all objectives, the default first.
func Objectives() []Objective { return []Objective{Borders, Mean, Sum, Last, Min} }

func (o Objective) validate() error {
	if slices.Contains(Objectives(), o) {
		return nil
	}
	var names []string
	for _, x := range Objectives() {
		names = append(names, string(x))
	}
	return fmt.Errorf("meta: no objective %q; there are %s", string(o), strings.Join(names, ", "))
}

// count tells which of the losses that a window of len(losses)−1 steps met count, and returns the number that their sum is
// divided by.
func (o Objective) count(counts []bool, losses []float64) (divisor int) {
	steps := len(losses) - 1
	for t := range counts {
		counts[t] = t > 0 || o == Borders
	}
	switch o {
	case Borders:
		return steps + 1
	case Mean:
		return steps
	case Sum:
		return 1
	}
	at := steps
	if o == Min {
		at = 1
		for t := 2; t <= steps; t++ {
			if losses[t] < losses[at] {
				at = t
			}
		}
	}
	for t := range counts {
		counts[t] = t == at
	}
	return 1
}
