package nnadam_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/nnadam"
	"github.com/seed1498fded/unroll/params"
)

// A smaller one than in the paper: what is learned, and what it remembers of a layer. metatrain --rule nnadam learns it.
func Example() {
	rule := &nnadam.Rule{LSTM: 8}
	fmt.Println(rule.Spec().Phi.Len(), "numbers to be learned")

	opt, err := learnedopt.New(rule, learnedopt.Phi(rule, 1), params.Layout{{Name: "w", Shape: []int{3, 2}}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(opt.StateLayout())
	// Output:
	// 952 numbers to be learned
	// m[6] v[6] w.hidden[1 8] w.cell[1 8] w.x[4]
}
