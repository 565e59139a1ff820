// Command charrnn trains a recurrent network of Gorgonia's to tell the next letter of Newton's Opticks, with a learned rule
// as its solver: the general one, which was never learned on this text and has no rate to be tuned. All it is told is how many steps
// there will be.
//
//	go run ./examples/charrnn
//
// It prints the mean loss, in bits a letter, of the first and the last 20 of 200 minibatches:
//
//	adam, rate 0.001  6.5, then 4.8
//	adam, rate 0.01   5.5, then 3.7
//	adam, rate 0.03   5.0, then 3.6
//	learned           4.9, then 3.4
package main

import (
	"fmt"
	"log"
	"math"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/inner/data/opticks"
	"github.com/seed1498fded/unroll/learnedopt"
)

const (
	batch, letters, hidden = 16, 8, 32 // pieces of text, letters of each that are told, units
	steps                  = 200
)

func main() {
	text, _, err := opticks.Load()
	check(err)
	rule, err := learnedopt.Load("zoo:general")
	check(err)
	for _, rate := range []float64{0.001, 0.01, 0.03} {
		first, last := train(text, G.NewAdamSolver(G.WithLearnRate(rate)))
		fmt.Printf("%-16s  %.1f, then %.1f\n", fmt.Sprint("adam, rate ", rate), first, last)
	}
	first, last := train(text, rule.Solver(learnedopt.WithHorizon(steps)))
	fmt.Printf("%-16s  %.1f, then %.1f\n", "learned", first, last)
}

// train returns the mean losses of the first and of the last 20 minibatches.
func train(text *opticks.Text, solver G.Solver) (first, last float64) {
	g, n := G.NewGraph(), len(text.Alphabet)
	weight := func(name string, rows, cols int) *G.Node {
		return G.NewMatrix(g, G.Float32, G.WithShape(rows, cols), G.WithName(name), G.WithInit(normal(rows, name)))
	}
	in, back, out := weight("in", n, hidden), weight("back", hidden, hidden), weight("out", hidden, n)
	var inputs [letters + 1]*G.Node
	for t := range inputs {
		inputs[t] = G.NewMatrix(g, G.Float32, G.WithShape(batch, n), G.WithName(fmt.Sprint("letter", t)))
	}
	var h, sum *G.Node
	for t := range letters {
		z := G.Must(G.Mul(inputs[t], in))
		if h != nil {
			z = G.Must(G.Add(z, G.Must(G.Mul(h, back))))
		}
		h = G.Must(G.Tanh(z))
		told := G.Must(G.LogSoftMax(G.Must(G.Mul(h, out))))
		right := G.Must(G.Sum(G.Must(G.HadamardProd(inputs[t+1], told))))
		if sum == nil {
			sum = right
		} else {
			sum = G.Must(G.Add(sum, right))
		}
	}
	loss := G.Must(G.Div(G.Must(G.Neg(sum)), G.NewConstant(float32(batch*letters))))
	weights := G.Nodes{in, back, out}
	_, err := G.Grad(loss, weights...)
	check(err)
	vm := G.NewTapeMachine(g, G.BindDualValues(weights...))
	defer vm.Close()

	random := rand.New(rand.NewPCG(1, 2))
	for step := range steps {
		for t, x := range minibatch(text, random) {
			check(G.Let(inputs[t], x))
		}
		check(vm.RunAll())
		check(solver.Step(G.NodesToValueGrads(weights)))
		bits := float64(loss.Value().Data().(float32)) / math.Ln2
		switch {
		case step < 20:
			first += bits / 20
		case step >= steps-20:
			last += bits / 20
		}
		vm.Reset()
	}
	return first, last
}

// minibatch is pieces of the text, letter by letter, each letter a row with a single 1.
func minibatch(text *opticks.Text, random *rand.Rand) (x [letters + 1]*tensor.Dense) {
	n := len(text.Alphabet)
	for t := range x {
		x[t] = tensor.New(tensor.WithShape(batch, n), tensor.Of(tensor.Float32))
	}
	for i := range batch {
		from := random.IntN(len(text.Codes) - letters)
		for t := range x {
			x[t].Float32s()[i*n+int(text.Codes[from+t])] = 1
		}
	}
	return x
}

// normal draws weights from a normal distribution of variance 1/rows, the same for the same name.
func normal(rows int, name string) G.InitWFn {
	return func(_ tensor.Dtype, shape ...int) any {
		random, v := rand.New(rand.NewPCG(uint64(name[0]), 1)), make([]float32, tensor.Shape(shape).TotalSize())
		for i := range v {
			v[i] = float32(random.NormFloat64() / math.Sqrt(float64(rows)))
		}
		return v
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
