package rnnmlp_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/rnnmlp"
	"github.com/seed1498fded/unroll/params"
)

// A smaller one than in the paper: what is learned, and what it remembers of a layer. metatrain --rule rnnmlp learns it.
func Example() {
	rule := &rnnmlp.Rule{LSTM: 8, Hidden: 8}
	fmt.Println(rule.Spec().Phi.Len(), "numbers to be learned")

	opt, err := learnedopt.New(rule, learnedopt.Phi(rule, 1), params.Layout{{Name: "w", Shape: []int{3, 2}}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(opt.StateLayout().Len(), "numbers to remember for a layer of 6 weights")
	// Output:
	// 2991 numbers to be learned
	// 113 numbers to remember for a layer of 6 weights
}
