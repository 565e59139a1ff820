package nets_test

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed1498fded/unroll/inner/nets"
)

// A residual net with a layer of one's own, and what its parts see.
func ExampleNew() {
	gate := nets.Function{Name: "softplus", Write: G.Softplus}
	same := nets.Conv{Channels: 1, Kernel: 3, Stride: 1, Pad: 1}
	net, err := nets.New[float32](nets.Shape{Channels: 1, Rows: 8, Cols: 8}, nets.CrossEntropy,
		same, gate, nets.Skip{}, nets.MaxPool{Size: 2},
		nets.Dense{Units: 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	for l := range net.Blocks() {
		fmt.Println(net.Input(l), "to", net.Pre(l), "to", net.Output(l))
	}
	fmt.Println(net.Params().Len(), "weights")

	_, err = nets.New[float32](nets.Vector(64), nets.CrossEntropy, same, nets.Conv{Channels: 4, Kernel: 5, Stride: 1, Pad: 1})
	fmt.Println(err)
	// Output:
	// 1x8x8 to 1x8x8 to 1x4x4
	// 1x4x4 to 10x1x1 to 10x1x1
	// 180 weights
	// nets: layer 1, conv 4 of 5x5, stride 1, pad 1: a kernel of 5 does not fit an image of 1x1, 3x3 with its pad
}
