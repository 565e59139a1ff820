package params_test

import (
	"fmt"

	"github.com/seed1498fded/unroll/params"
)

// The weights of a layer are one flat vector; the layout finds the tensors in it.
func ExampleLayout() {
	layout := params.Layout{{Name: "w", Shape: []int{2, 3}}, {Name: "b", Shape: []int{3}}}
	theta := make([]float32, layout.Len())
	b := params.Slice(layout, theta, "b")
	b[0] = 1
	fmt.Println(layout, theta)

	other := params.Layout{{Name: "w", Shape: []int{3, 2}}, {Name: "b", Shape: []int{3}}}
	fmt.Println(layout.Diff(other))
	// Output:
	// w[2 3] b[3] [0 0 0 0 0 0 1 0 0]
	// tensor 0 is w[3 2], want w[2 3]
}
