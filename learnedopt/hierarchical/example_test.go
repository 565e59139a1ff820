package hierarchical_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/hierarchical"
	"github.com/seed1498fded/unroll/params"
)

// A smaller one than in the paper: what is learned, and what it remembers of a layer. metatrain --rule hierarchical learns it.
func Example() {
	rule := &hierarchical.Rule{Parameter: 4, Tensor: 8, Global: 8}
	fmt.Println(rule.Spec().Phi.Len(), "numbers to be learned")

	opt, err := learnedopt.New(rule, learnedopt.Phi(rule, 1), params.Layout{{Name: "w", Shape: []int{3, 2}}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(opt.StateLayout())
	// Output:
	// 1689 numbers to be learned
	// h[6 4] m0[6] m1[6] m2[6] m3[6] v0[6] v1[6] v2[6] v3[6] grad_decay[6] scale_decay[6] rate[6] w.tensor[1 8] global[1 8]
}
