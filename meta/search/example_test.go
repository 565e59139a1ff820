package search_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/meta/search"
)

// An evolution strategy looks for the minimum of Rosenbrock's function, which is at (1, 1).
func ExampleES() {
	s, err := search.ES{Mu: 5, Lambda: 40}.New([]float64{-1.5, 2}, 1)
	if err != nil {
		log.Fatal(err)
	}
	for range 600 {
		var losses []float64
		for _, x := range s.Ask() {
			a, b := x[1]-x[0]*x[0], 1-x[0]
			losses = append(losses, 100*a*a+b*b)
		}
		if err := s.Tell(losses); err != nil {
			log.Fatal(err)
		}
	}
	x, loss := s.Best()
	fmt.Printf("(%.3f, %.3f), a loss below 1e-6: %t\n", x[0], x[1], loss < 1e-6)
	// Output: (1.000, 1.000), a loss below 1e-6: true
}

// Genetic programming works on formulas as vectors; a vector that was learned becomes a rule again.
func ExampleDecodeFormula() {
	phi, err := search.EncodeFormula("0.5*pre*(target - post)")
	if err != nil {
		log.Fatal(err)
	}
	rule, numbers, err := search.DecodeFormula(phi)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rule.Name(), rule.Formula, numbers)
	// Output: formula 0.5*pre*(target - post) [0.5]
}
