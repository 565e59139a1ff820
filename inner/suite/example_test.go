package suite_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/suite"
)

// Gradient descent on one problem of the quick suite, and what it comes to on what is held out.
func Example() {
	problems, err := suite.Lookup("quick")
	if err != nil {
		log.Fatal(err)
	}
	wanted := problems[len(problems)-1]
	problem, err := wanted.Family.Sample(0)
	if err != nil {
		log.Fatal(err)
	}
	theta := make([]float32, problem.Params().Len())
	grad := make([]float32, len(theta))
	problem.Init(theta, 1)
	before, err := problem.(inner.Tested).TestLoss(theta)
	if err != nil {
		log.Fatal(err)
	}
	for step := range wanted.Steps {
		if _, err := problem.Eval(grad, theta, uint64(step)); err != nil {
			log.Fatal(err)
		}
		for i, g := range grad {
			theta[i] -= .02 * g
		}
	}
	after, err := problem.(inner.Tested).TestLoss(theta)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: test loss %.1f before, %.1f after\n", wanted.Name, before, after)
	// Output: diabetes-mlp: test loss 1.4 before, 0.5 after
}
