package plastic_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/params"
)

// A rule that reads senses is bound to weights and to what their synapses feel. Here two inputs and a constant 1 lead to one
// neuron, whose modulator says that it has been 0.5 short of its target.
func Example() {
	weights := params.Layout{{Name: "w", Shape: []int{3, 1}}}
	senses := params.Layout{
		{Name: params.Pre.Of("w"), Shape: []int{1, 3}}, // one example
		{Name: params.Mod.Of("w"), Shape: []int{1, 1}},
	}
	rule := &plastic.Delta{Rate: 0.2}
	bound, err := learnedopt.CompileWith[float32](rule, weights, learnedopt.Options{Senses: senses})
	if err != nil {
		log.Fatal(err)
	}
	step := make([]float32, 3)
	err = bound.Step(step, nil, learnedopt.Point[float32]{
		Phi:    learnedopt.Phi(rule, 0),
		Senses: []float32{1, 0, 1 /* pre */, 0.5 /* mod */},
	})
	fmt.Printf("%.2f %v\n", step, err)
	// Output: [0.10 0.00 0.10] <nil>
}
