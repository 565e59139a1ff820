package compose_test

import (
	"encoding/json"
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/compose"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// sizes prints how far some steps of a rule are, for a gradient that stays what it is.
func sizes(r learnedopt.Rule, phi []float32, grad float32, steps int) {
	trained := learnedopt.Trained{Rule: r, Phi: phi}
	if phi == nil {
		trained.Phi = learnedopt.Phi(r, 0)
	}
	opt, err := trained.New(params.Layout{{Name: "theta", Shape: []int{1}}}, learnedopt.WithHorizon(steps))
	if err != nil {
		log.Fatal(err)
	}
	theta := []float32{0}
	for range steps {
		before := theta[0]
		if err := opt.Step(theta, []float32{grad}); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%.3f ", theta[0]-before)
	}
	fmt.Println(compose.Text(r))
}

// A composition is named and configured like any other rule, and may be within another one.
func Example() {
	rule, err := learnedopt.Named("schedule", json.RawMessage(
		`{"rule": {"name": "decay", "config": {"rule": {"name": "lion"}, "decay": 0.001}}, "shape": "linear"}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(compose.Text(rule))
	// Output: schedule(decay(lion))
}

// Two steps of warm-up, then half a cosine down to nothing.
func ExampleSchedule() {
	sizes(&compose.Schedule{Rule: compose.Of(&handmade.SGD{LR: 1}), Shape: compose.Cosine, Warmup: 2}, nil, -1, 6)
	// Output: 0.500 1.000 1.000 0.854 0.500 0.146 schedule(sgd)
}

// The direction is Adam's, the length that of gradient descent.
func ExampleGraft() {
	sizes(&compose.Graft{Direction: compose.Of(&handmade.Adam{}), Length: compose.Of(&handmade.SGD{LR: 0.5})}, nil, -3, 2)
	// Output: 1.500 1.500 graft(adam, sgd)
}

// The weights of the terms are what is learned, beside what the rules themselves learn.
func ExampleSum() {
	rule := &compose.Sum{Terms: []compose.Term{
		{Rule: compose.Of(&handmade.SGD{LR: 0.1}), Weight: 1},
		{Rule: compose.Of(&handmade.Lion{LR: 0.1}), Weight: 2},
	}}
	sizes(rule, nil, -5, 2)
	// Output: 0.700 0.700 sum(sgd, lion)
}

// What a rule does at half its rate.
func ExampleRated() {
	sizes(&compose.Rated{Rule: compose.Of(&handmade.SGD{LR: 1}), Rate: 0.5}, nil, -2, 3)
	// Output: 1.000 1.000 1.000 rated(sgd)
}

// A learned controller sets the rate of a rule that only points: this one follows Adam's direction, on a schedule to be learned.
func ExampleControlled() {
	rule := &compose.Controlled{Rule: compose.Of(&handmade.Adam{})}
	fmt.Println(rule.Spec().Phi)
	// Output: rule.log_lr[1] rule.logit_beta1[1] rule.logit_beta2[1] rule.log_eps[1] schedule[7] controls[8]
}
