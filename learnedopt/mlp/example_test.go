package mlp_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/mlp"
	"github.com/seed1498fded/unroll/params"
)

// The rule that comes embedded as zoo:general, and what it remembers: numbers for each weight, and some that are a tensor's.
func ExampleGeneral() {
	trained, err := learnedopt.Load("zoo:general")
	if err != nil {
		log.Fatal(err)
	}
	_, ours := trained.Rule.(*mlp.General)
	fmt.Println("a General:", ours, "with", len(trained.Phi), "numbers that were learned")

	layer := params.Layout{{Name: "w", Shape: []int{300, 100}}, {Name: "b", Shape: []int{100}}}
	opt, err := trained.New(layer, learnedopt.WithHorizon(1000)) // it wants to know how long a run is
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("it remembers %.1f numbers a weight\n", float64(len(opt.State()))/float64(layer.Len()))
	// Output:
	// a General: true with 195 numbers that were learned
	// it remembers 4.0 numbers a weight
}
