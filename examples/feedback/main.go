// Command feedback trains a network by feedback alignment, where the error comes down through random weights that never
// change, with an optimizer that was learned on such signals.
//
//	go run ./examples/feedback
//
// It prints the errors on 2,000 digits that were not trained on, after 100 minibatches, and the angle between signal and
// gradient in the hidden layer:
//
//	lstm  15 % errors, angle 26 degrees
//	adam  43 % errors, angle 49 degrees
package main

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data/mnist"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
)

func main() {
	all, _, err := mnist.Load()
	check(err)
	digits, err := all.Downsample8()
	check(err)
	net, err := nets.New[float32](nets.Shape{Channels: 1, Rows: 8, Cols: 8}, nets.CrossEntropy,
		nets.Dense{Units: 20}, nets.Activation("sigmoid"), nets.Dense{Units: 10})
	check(err)
	problem, err := credit.Family{Net: net, Rule: credit.FeedbackAlignmentOf[float32]{}, Data: digits.Slice(0, 20000)}.Problem()
	check(err)
	learned, err := learnedopt.Load("zoo:lstm-mnist8-fa")
	check(err)
	adam := &handmade.Adam{LR: 0.01}
	for _, trained := range []*learnedopt.Trained{learned, {Rule: adam, Phi: learnedopt.Phi(adam, 0)}} {
		opt, err := trained.New(problem.Params())
		check(err)
		theta, signal := make([]float32, problem.Params().Len()), make([]float32, problem.Params().Len())
		problem.Init(theta, 1)
		for minibatch := range uint64(100) {
			_, err := problem.Eval(signal, theta, minibatch)
			check(err)
			check(opt.Step(theta, signal))
		}
		errors, err := problem.ErrorRate(theta, digits.Slice(50000, 52000))
		check(err)
		angle, err := problem.Align(theta, []int{0, 1, 2, 3, 4, 5, 6, 7}, 0)
		check(err)
		fmt.Printf("%-5s %2.0f %% errors, angle %.0f degrees\n", trained.Rule.Name(), 100*errors, angle[0].Degrees)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
