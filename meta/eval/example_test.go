package eval_test

import (
	"context"
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta/eval"
)

// Adam's learning rate is tuned on some quadratics, and Adam then measured on others, beside a rule that was learned.
func ExampleMeasure() {
	ctx := context.Background()
	adam, err := eval.FindBaseline("adam")
	if err != nil {
		fmt.Println(err)
		return
	}
	var family inner.Quadratic
	tuned, err := eval.Tune(ctx, adam, eval.LearningRates(), eval.Runs{Family: family, Steps: 50, Count: 20, Key: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	learned, err := learnedopt.Load("zoo:lstm-quadratic")
	if err != nil {
		fmt.Println(err)
		return
	}
	var finals []float64
	for _, t := range []*learnedopt.Trained{learned, {Rule: tuned.Rule, Phi: learnedopt.Phi(tuned.Rule, 0)}} {
		losses, err := eval.Measure(ctx, t, eval.Runs{Family: family, Steps: 50, Count: 20, Key: 2})
		if err != nil {
			fmt.Println(err)
			return
		}
		finals = append(finals, losses.Final().Mean)
	}
	fmt.Println("the learned rule ends lower:", finals[0] < finals[1])
	// Output:
	// the learned rule ends lower: true
}
