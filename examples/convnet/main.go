// Command convnet trains a small convolutional network of Gorgonia's on 8x8 digits with a learned rule as its solver. It
// takes one changed line: where gorgonia.NewAdamSolver() stood. The rule is the general one, which has no rate to be tuned; all it is
// told is how many steps there will be.
//
//	go run ./examples/convnet
//
// It prints the mean loss of the last 20 of 150 minibatches:
//
//	adam, rate 0.001  2.1
//	adam, rate 0.01   0.6
//	adam, rate 0.03   0.4
//	learned           0.4
package main

import (
	"fmt"
	"log"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/data/mnist"
	"github.com/seed1498fded/unroll/learnedopt"
)

const (
	batch = 32
	steps = 150
)

func main() {
	all, _, err := mnist.Load()
	check(err)
	digits, err := all.Slice(0, 5000).Downsample8()
	check(err)
	rule, err := learnedopt.Load("zoo:general")
	check(err)
	for _, rate := range []float64{0.001, 0.01, 0.03} {
		fmt.Printf("%-16s  %.1f\n", fmt.Sprint("adam, rate ", rate), train(digits, G.NewAdamSolver(G.WithLearnRate(rate))))
	}
	fmt.Printf("%-16s  %.1f\n", "learned", train(digits, rule.Solver(learnedopt.WithHorizon(steps))))
}

// train returns the mean loss of the last 20 minibatches.
func train(digits *data.Set, solver G.Solver) (last float64) {
	g := G.NewGraph()
	images := G.NewTensor(g, G.Float32, 4, G.WithShape(batch, 1, 8, 8), G.WithName("images"))
	labels := G.NewMatrix(g, G.Float32, G.WithShape(batch, 10), G.WithName("labels"))
	kernels := G.NewTensor(g, G.Float32, 4, G.WithShape(8, 1, 3, 3), G.WithName("kernels"), G.WithInit(normal))
	w := G.NewMatrix(g, G.Float32, G.WithShape(8*4*4, 10), G.WithName("w"), G.WithInit(normal))

	conv := G.Must(G.Conv2d(images, kernels, tensor.Shape{3, 3}, []int{1, 1}, []int{1, 1}, []int{1, 1}))
	pool := G.Must(G.MaxPool2D(G.Must(G.Tanh(conv)), tensor.Shape{2, 2}, []int{0, 0}, []int{2, 2}))
	logits := G.Must(G.Mul(G.Must(G.Reshape(pool, tensor.Shape{batch, 8 * 4 * 4})), w))
	right := G.Must(G.HadamardProd(labels, G.Must(G.LogSoftMax(logits))))
	loss := G.Must(G.Neg(G.Must(G.Div(G.Must(G.Sum(right)), G.NewConstant(float32(batch))))))
	_, err := G.Grad(loss, kernels, w)
	check(err)
	vm := G.NewTapeMachine(g, G.BindDualValues(kernels, w))
	defer vm.Close()

	for step := range steps {
		x, y := minibatch(digits, step)
		check(G.Let(images, x))
		check(G.Let(labels, y))
		check(vm.RunAll())
		check(solver.Step(G.NodesToValueGrads(G.Nodes{kernels, w})))
		if step >= steps-20 {
			last += float64(loss.Value().Data().(float32)) / 20
		}
		vm.Reset()
	}
	return last
}

// minibatch is the images that follow those of the step before.
func minibatch(digits *data.Set, step int) (images, labels *tensor.Dense) {
	x, y := make([]float32, batch*64), make([]float32, batch*10)
	for i := range batch {
		k := (step*batch + i) % digits.Len()
		for j, pixel := range digits.Image(k) {
			x[i*64+j] = float32(pixel) / 255
		}
		y[i*10+int(digits.Labels[k])] = 1
	}
	images = tensor.New(tensor.WithShape(batch, 1, 8, 8), tensor.WithBacking(x))
	return images, tensor.New(tensor.WithShape(batch, 10), tensor.WithBacking(y))
}

// normal draws weights from a normal distribution of deviation 0.2, always the same.
func normal(_ tensor.Dtype, shape ...int) any {
	random, v := rand.New(rand.NewPCG(1, 2)), make([]float32, tensor.Shape(shape).TotalSize())
	for i := range v {
		v[i] = float32(0.2 * random.NormFloat64())
	}
	return v
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
