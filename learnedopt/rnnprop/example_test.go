package rnnprop_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/rnnprop"
	"github.com/seed1498fded/unroll/params"
)

// A smaller one than in the paper: what is learned, and what it remembers of a layer. metatrain --rule rnnprop learns it.
func Example() {
	rule := &rnnprop.Rule{Hidden: 8, Layers: 1}
	fmt.Println(rule.Spec().Phi.Len(), "numbers to be learned")

	opt, err := learnedopt.New(rule, learnedopt.Phi(rule, 1), params.Layout{{Name: "w", Shape: []int{3, 2}}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(opt.StateLayout())
	// Output:
	// 577 numbers to be learned
	// m[6] v[6] h0[6 8] c0[6 8] t[1]
}
