// Command predictive trains a graph of one's own by predictive coding: each operation has a value and an error that only its
// neighbours see, and what they come to rest at is the gradient. The graph is a network with a way around its hidden layer,
// which learns exclusive or.
//
//	go run ./examples/predictive
//
// It prints by how much the first gradient differs from backpropagation's, for some numbers of steps of inference, and the
// loss before and after 300 steps of Adam on gradients of 120 steps:
//
//	 20 steps: off by 97.5 %
//	 60 steps: off by 44.7 %
//	120 steps: off by 2.5 %
//	loss 9.51 before, 0.00 after
package main

import (
	"fmt"
	"log"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/predictive"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

var (
	inputs  = []float32{1, 0, 0, 1, 0, 1, 1, 1, 0, 1, 1, 1} // rows of a constant 1 and two bits
	targets = []float32{0, 1, 1, 0}
)

// xor is the graph: the mean square of tanh(x·V)·w + x·s − targets.
var xor = inner.Expression{
	Layout: params.Layout{{Name: "V", Shape: []int{3, 4}}, {Name: "w", Shape: []int{4}}, {Name: "s", Shape: []int{3}}},
	Start: func(theta []float32, _ uint64) {
		for i := range theta {
			theta[i] = float32(math.Sin(float64(3*i + 1)))
		}
	},
	Loss: func(theta, _ map[string]*G.Node) (*G.Node, error) {
		x := G.NewConstant(tensor.New(tensor.WithShape(4, 3), tensor.WithBacking(inputs)))
		hidden := G.Must(G.Tanh(G.Must(G.Mul(x, theta["V"]))))
		y := G.Must(G.Add(G.Must(G.Mul(hidden, theta["w"])), G.Must(G.Mul(x, theta["s"]))))
		return G.Mean(G.Must(G.Square(G.Must(G.Sub(y, G.NewConstant(tensor.New(tensor.WithBacking(targets))))))))
	},
}

func main() {
	n := xor.Layout.Len()
	theta, grad, want := make([]float32, n), make([]float32, n), make([]float32, n)
	backprop, err := xor.Problem()
	check(err)
	backprop.Init(theta, 0)
	before, err := backprop.Eval(want, theta, 0)
	check(err)
	coded := backprop
	for _, steps := range []int{20, 60, 120} {
		coded, err = predictive.Family{Expression: xor, Config: predictive.Config{Gamma: 0.1, Steps: steps}}.Problem()
		check(err)
		_, err = coded.Eval(grad, theta, 0)
		check(err)
		off, norm := 0.0, 0.0
		for i := range grad {
			off, norm = math.Hypot(off, float64(grad[i]-want[i])), math.Hypot(norm, float64(want[i]))
		}
		fmt.Printf("%3d steps: off by %.1f %%\n", steps, 100*off/norm)
	}

	adam, err := learnedopt.New(&handmade.Adam{LR: 0.05}, nil, xor.Layout)
	check(err)
	for range 300 {
		_, err = coded.Eval(grad, theta, 0)
		check(err)
		check(adam.Step(theta, grad))
	}
	after, err := backprop.Eval(nil, theta, 0)
	check(err)
	fmt.Printf("loss %.2f before, %.2f after\n", before, after)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
