package stepsize_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/stepsize"
	"github.com/seed1498fded/unroll/params"
)

// Where the least value of the loss is known, Polyak's step needs no learning rate. The rule reads the loss, so it is told it.
func ExamplePolyak() {
	opt, err := learnedopt.New(&stepsize.Polyak{Scale: 1, Floor: 3, Beta: 0.5}, nil, params.Layout{{Name: "theta", Shape: []int{1}}})
	if err != nil {
		log.Fatal(err)
	}
	for _, unit := range []float32{1, 10} { // in which theta is measured
		theta := []float32{unit}
		if err := opt.Reset(); err != nil {
			log.Fatal(err)
		}
		for range 100 {
			u := theta[0] / unit
			if err := opt.StepLoss(theta, []float32{2 * u / unit}, float64(3+u*u)); err != nil {
				log.Fatal(err)
			}
		}
		fmt.Println("a thousandth of the way or less is left:", theta[0] < unit/1000)
	}
	// Output:
	// a thousandth of the way or less is left: true
	// a thousandth of the way or less is left: true
}
