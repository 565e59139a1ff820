package handmade_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// Hand-made rules are structs whose zero value has the usual defaults. What others set by hand is phi here, and can be learned.
func Example() {
	rule := &handmade.Adam{LR: 0.1}
	fmt.Println("to be learned:", rule.Spec().Phi)

	opt, err := learnedopt.New(rule, nil, params.Layout{{Name: "theta", Shape: []int{2}}}) // nil: phi as the struct says
	if err != nil {
		log.Fatal(err)
	}
	theta := []float32{4, -2}
	for range 300 {
		if err := opt.Step(theta, []float32{theta[0] - 1, 50 * (theta[1] - 1)}); err != nil { // which is least at (1, 1)
			log.Fatal(err)
		}
	}
	fmt.Printf("%.2f\n", theta)
	// Output:
	// to be learned: log_lr[1] logit_beta1[1] logit_beta2[1] log_eps[1]
	// [1.00 1.00]
}
