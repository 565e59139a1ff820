package credit_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data/mnist"
	"github.com/seed1498fded/unroll/inner/nets"
)

// Feedback alignment: the error comes down through random weights that never change, at a right angle to the gradient. The
// forward weights learn to make use of it, and the angle falls.
func Example() {
	train, _, err := mnist.Load()
	if err != nil {
		log.Fatal(err)
	}
	digits, err := train.Slice(0, 2000).Downsample8()
	if err != nil {
		log.Fatal(err)
	}
	net, err := nets.New[float32](nets.Shape{Channels: 1, Rows: 8, Cols: 8}, nets.CrossEntropy,
		nets.Dense{Units: 64}, nets.Activation("tanh"), nets.Dense{Units: digits.Classes})
	if err != nil {
		log.Fatal(err)
	}
	p, err := credit.Family{Net: net, Rule: credit.FeedbackAlignmentOf[float32]{}, Data: digits, Batch: 50}.Problem()
	if err != nil {
		log.Fatal(err)
	}

	theta, grad := make([]float32, p.Params().Len()), make([]float32, p.Params().Len())
	images := make([]int, 50)
	for i := range images {
		images[i] = i
	}
	angle := func() float64 {
		a, err := p.Align(theta, images, 0)
		if err != nil {
			log.Fatal(err)
		}
		return a[0].Degrees
	}
	p.Init(theta, 1)
	before := angle()
	for i := range uint64(300) { // the key of a minibatch
		if _, err := p.Eval(grad, theta, i); err != nil {
			log.Fatal(err)
		}
		for k, g := range grad {
			theta[k] -= 0.2 * g
		}
	}
	after := angle()
	rate, err := p.ErrorRate(theta, digits)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("about a right angle at the start:", before > 75 && before < 105)
	fmt.Println("below 75 degrees after training:", after < 75)
	fmt.Println("fewer than a third wrong:", rate < 1.0/3)
	// Output:
	// about a right angle at the start: true
	// below 75 degrees after training: true
	// fewer than a third wrong: true
}
