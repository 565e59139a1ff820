package suite

import (
	"slices"

	"github.com/seed1498fded/unroll/inner/nets"
)

// Perceptrons returns eleven perceptrons on images, for runs of 100 to 10,000 steps: what a general rule that is learned in minutes
// can be held to. The first four are on the second half of MNIST, the first of them on images of 8x8, the others on Fashion-MNIST. The
// caller owns the list.
func Perceptrons() []Problem {
	founding := func(activation string) secondHalf {
		return secondHalf{MLP: MLP{Hidden: []int{20}, Activation: activation, Init: nets.Normal}}
	}
	clothes := func(activation string, init nets.Init, hidden ...int) MLP {
		return MLP{Hidden: hidden, Activation: activation, Init: init, Batch: 64}
	}
	list := []Problem{
		{Name: "mnist8-relu", Family: secondHalf{MLP{Hidden: []int{32}, Batch: 64}, 8}, Batch: 64, Steps: 500},
		{Name: "mnist-relu", Family: founding("relu"), Batch: 128, Steps: 100},
		{Name: "mnist-tanh", Family: founding("tanh"), Batch: 128, Steps: 100},
		{Name: "mnist-sigmoid", Family: founding("sigmoid"), Batch: 128, Steps: 100},
		{Name: "fashion-relu", Family: MLP{}, Batch: 128, Steps: 2000},
		{Name: "fashion-relu-8", Family: clothes("relu", nets.He, slices.Repeat([]int{64}, 8)...), Batch: 64, Steps: 1000},
		{Name: "fashion-relu-10k", Family: MLP{}, Batch: 128, Steps: 10_000},
		{Name: "fashion-tanh", Family: clothes("tanh", nets.He, 64, 64), Batch: 64, Steps: 1000},
		{Name: "fashion-gelu", Family: MLP{Hidden: []int{256}, Activation: "gelu"}, Batch: 128, Steps: 1000},
		{Name: "fashion-sigmoid", Family: clothes("sigmoid", nets.He, 32, 32, 32, 32), Batch: 64, Steps: 3000},
		{Name: "fashion-normal", Family: clothes("relu", nets.Normal, 64, 64, 64), Batch: 64, Steps: 500},
	}
	for i := range list {
		list[i].Number, list[i].Final = i+1, finalLosses
		if list[i].Steps == 100 {
			list[i].Final = fewFinalLosses
		}
	}
	return list
}
