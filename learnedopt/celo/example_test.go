package celo_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/celo"
	"github.com/seed1498fded/unroll/params"
)

// A smaller one than in the paper: what is learned, and what it remembers of a layer's weights. metatrain --rule celo learns it.
func ExampleCelo() {
	rule := &celo.Celo{Hidden: 4, LSTM: 8}
	fmt.Println(rule.Spec().Phi.Len(), "numbers to be learned")

	opt, err := learnedopt.New(rule, learnedopt.Phi(rule, 1), params.Layout{{Name: "w", Shape: []int{3, 2}}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(opt.StateLayout())
	// Output:
	// 1032 numbers to be learned
	// m0[6] m1[6] m2[6] v0[6] w.row0[2] w.row1[2] w.row2[2] w.col0[3] w.col1[3] w.col2[3] mean[10] min[10] hidden[1 8] cell[1 8]
}
