package search_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/meta/search"
)

// Every method has a name and settings, as the flags --learner and --learner-config have them.
func ExampleMethodNamed() {
	for _, name := range []string{"cmaes", "ga", "anneal"} {
		method, err := search.MethodNamed(name, nil) // with the settings' defaults
		if err != nil {
			log.Fatal(err)
		}
		s, err := method.New([]float64{2, -3}, 1)
		if err != nil {
			log.Fatal(err)
		}
		for asked := 0; asked < 2000; {
			var losses []float64
			for _, x := range s.Ask() {
				losses = append(losses, x[0]*x[0]+x[1]*x[1])
			}
			if err := s.Tell(losses); err != nil {
				log.Fatal(err)
			}
			asked += len(losses)
		}
		_, loss := s.Best()
		fmt.Println(name, "comes below a thousandth of where it began:", loss < 0.013)
	}
	// Output:
	// cmaes comes below a thousandth of where it began: true
	// ga comes below a thousandth of where it began: true
	// anneal comes below a thousandth of where it began: true
}
