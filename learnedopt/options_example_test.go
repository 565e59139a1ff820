package learnedopt_test

import (
	"fmt"
	"log"
	"math"

	"gonum.org/v1/gonum/optimize"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// oneStep shows what a step of gradient descent at a rate of 0.1 makes of the weights 1 and 1.
func oneStep(grad []float32, opts ...learnedopt.Option) {
	rule := &handmade.SGD{LR: 0.1} // a learned rule takes the same options
	trained := &learnedopt.Trained{Rule: rule, Phi: learnedopt.Phi(rule, 0)}
	opt, err := trained.New(params.Layout{{Name: "w", Shape: []int{2}}}, opts...)
	if err != nil {
		log.Fatal(err)
	}
	theta := []float32{1, 1}
	if err := opt.Step(theta, grad); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.3f\n", theta)
}

// Twice as bold.
func ExampleWithRate() {
	oneStep([]float32{1, 2})
	oneStep([]float32{1, 2}, learnedopt.WithRate(2))
	// Output:
	// [0.900 0.800]
	// [0.800 0.600]
}

// The loss is a sum over four examples: its gradient is four times that of the mean.
func ExampleWithBatchSize() {
	oneStep([]float32{4, 8}, learnedopt.WithBatchSize(4))
	// Output: [0.900 0.800]
}

// No element of the gradient is larger than 1.
func ExampleWithClip() {
	oneStep([]float32{0.5, 20}, learnedopt.WithClip(1))
	// Output: [0.950 0.900]
}

// The gradient is no longer than 1, and points where it pointed.
func ExampleWithClipNorm() {
	oneStep([]float32{3, 4}, learnedopt.WithClipNorm(1))
	// Output: [0.940 0.920]
}

// A hundredth of each weight goes with every step.
func ExampleWithWeightDecay() {
	oneStep([]float32{1, 2}, learnedopt.WithWeightDecay(0.01))
	// Output: [0.890 0.790]
}

// A weight without a gradient stays where it is, whatever the options. That a step moves it, by decay here, is to be asked for.
func ExampleEveryCoordinate() {
	oneStep([]float32{1, 0}, learnedopt.WithWeightDecay(0.01))
	oneStep([]float32{1, 0}, learnedopt.WithWeightDecay(0.01), learnedopt.EveryCoordinate())
	// Output:
	// [0.890 1.000]
	// [0.890 0.990]
}

// A minibatch that gives no number is passed over, and counted.
func ExampleSkipNonFinite() {
	oneStep([]float32{1, float32(math.NaN())}, learnedopt.SkipNonFinite())
	// Output: [1.000 1.000]
}

// A rule that moves by what is left of its time has to know how much there is. Celo's scheduler is one.
func ExampleWithHorizon() {
	rule, err := learnedopt.Named("celoadam", nil)
	if err != nil {
		log.Fatal(err)
	}
	trained := &learnedopt.Trained{Rule: rule, Phi: learnedopt.Phi(rule, 0)} // or learnedopt.Load of the released weights
	_, err = trained.New(params.Layout{{Name: "w", Shape: []int{2, 3}}}, learnedopt.WithHorizon(2000))
	fmt.Println(err)
	_, err = trained.New(params.Layout{{Name: "w", Shape: []int{2, 3}}}, learnedopt.WithHorizon(0))
	fmt.Println(err)
	// Output:
	// <nil>
	// learnedopt: WithHorizon: the horizon is 0, want at least 1
}

// A step that is too bold for the size of the weights is shortened: 10 would be the step of the first weight.
func ExampleClipStep() {
	oneStep([]float32{100, 1}, learnedopt.WithGuard(learnedopt.ClipStep{Limit: 0.1}))
	// Output: [0.859 0.999]
}

// The direction of the gradient, and the length of Lion's step.
func ExampleGraft() {
	oneStep([]float32{300, 400}, learnedopt.WithGuard(learnedopt.Graft{Fallback: &handmade.Lion{LR: 0.01}}))
	// Output: [0.992 0.989]
}

// A rule that diverges, under a guard that takes back what does worse than gradient descent. The loss is told
// with each step; six checks, all lost, have taken 60 of the 500 steps.
func ExampleLossCheck() {
	rule := &handmade.Momentum{LR: 1.2}
	trained := &learnedopt.Trained{Rule: rule, Phi: learnedopt.Phi(rule, 0)}
	guard := learnedopt.LossCheck{Fallback: &handmade.SGD{LR: 0.1}}
	opt, err := trained.New(params.Layout{{Name: "w", Shape: []int{2}}}, learnedopt.WithGuard(guard))
	if err != nil {
		log.Fatal(err)
	}
	theta, grad := []float32{3, -2}, make([]float32, 2)
	bowl := func() (loss float64) {
		for i, curvature := range []float32{10, 1} {
			loss += float64(curvature*theta[i]*theta[i]) / 2
			grad[i] = curvature * theta[i]
		}
		return loss
	}
	for range 500 {
		loss := bowl() // and the gradient
		if err := opt.StepLoss(theta, grad, loss); err != nil {
			log.Fatal(err)
		}
	}
	if err := opt.Finish(theta, bowl()); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.3f\n%+v\n", bowl(), opt.Checks())
	// Output:
	// 0.000
	// {Won:0 Lost:6 Undone:0 TakenBack:60}
}

// A solver is not told the loss, and asks for it: what the program has read of its last run will do where that was on all data.
func ExampleWithLoss() {
	rule := &handmade.Momentum{LR: 1.2}
	trained := &learnedopt.Trained{Rule: rule, Phi: learnedopt.Phi(rule, 0)}
	var loss float64 // the program writes it after each RunAll, by gorgonia.Read
	solver := trained.Solver(
		learnedopt.WithGuard(learnedopt.LossCheck{}),
		learnedopt.WithLoss(func() (float64, error) { return loss, nil }),
	)
	fmt.Println(solver.Checks())
	// Output: {0 0 0 0}
}

// The names of guards, as a file of settings would have them.
func ExampleGuardNamed() {
	guard, err := learnedopt.GuardNamed("graft(adam)")
	fmt.Println(guard, err)
	_, err = learnedopt.GuardNamed("brakes")
	fmt.Println(err)
	// Output:
	// graft(adam) <nil>
	// learnedopt: unknown guard "brakes"; want none, clip, graft, graft(RULE), loss-check or loss-check(RULE)
}

// Gonum's methods know the loss. A run of theirs under a check gives up when it finds nothing better in 300 evaluations.
func ExampleWithGuard() {
	rule := &handmade.Momentum{LR: 1.2}
	trained := &learnedopt.Trained{Rule: rule, Phi: learnedopt.Phi(rule, 0)}
	bowl := optimize.Problem{
		Func: func(x []float64) float64 { return 5*x[0]*x[0] + x[1]*x[1]/2 },
		Grad: func(grad, x []float64) { grad[0], grad[1] = 10*x[0], x[1] },
	}
	for _, guard := range []learnedopt.Guard{nil, learnedopt.LossCheck{Fallback: &handmade.SGD{LR: 0.1}}} {
		method := trained.Method(learnedopt.WithGuard(guard), learnedopt.WithPatience(300))
		result, err := optimize.Minimize(bowl, []float64{3, -2}, &optimize.Settings{FuncEvaluations: 500}, method)
		fmt.Printf("f = %.3f, %t\n", result.F, err == nil)
	}
	// Output:
	// f = 47.000, false
	// f = 0.000, true
}
