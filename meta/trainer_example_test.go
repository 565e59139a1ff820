package meta_test

import (
	"context"
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/meta"
)

// Momentum's two numbers are learned on quadratics by truncated backpropagation. Every 64 episodes the trainer looks at problems that
// are held out for that, under other keys, and it keeps the phi that did best on them.
func ExampleTrainer() {
	ctx, rule := context.Background(), &handmade.Momentum{LR: 0.001}
	var family inner.Quadratic
	bptt, err := meta.NewBPTT(meta.BPTTConfig{Rule: rule, Family: family, Horizon: 20, Window: 10, Copies: 8})
	if err != nil {
		fmt.Println(err)
		return
	}
	learner, err := meta.NewGradientLearner(meta.GradientConfig{Rule: rule, Key: 1, Estimator: bptt, Outer: &handmade.Adam{LR: 0.05}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var first, last meta.Number
	trainer, err := meta.NewTrainer(meta.TrainerConfig{
		Learner: learner, Key: 1, Every: 64,
		Validate: func(ctx context.Context, phi []float32) (float64, error) { return validationLoss(rule, phi, family) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	stop := func(s meta.Status) bool { return s.Episodes >= 640 }
	err = trainer.Run(ctx, stop, func(e meta.Event) error {
		if e.Record != nil {
			if last = e.Record.ValidLoss; first == 0 {
				first = last
			}
		}
		return nil
	})
	fmt.Printf("validation loss is below half of what it was: %v %v\n", last < first/2, err)
	// Output:
	// validation loss is below half of what it was: true <nil>
}

// validationLoss is the mean loss after 20 steps on ten problems that are not learned on.
func validationLoss(rule learnedopt.Rule, phi []float32, family inner.Family) (float64, error) {
	mean := 0.0
	for key := uint64(1e6); key < 1e6+10; key++ {
		problem, err := family.Sample(key)
		if err != nil {
			return 0, err
		}
		opt, err := learnedopt.New(rule, phi, problem.Params())
		if err != nil {
			return 0, err
		}
		theta := make([]float32, problem.Params().Len())
		grad := make([]float32, len(theta))
		problem.Init(theta, key)
		for step := range uint64(20) {
			if _, err := problem.Eval(grad, theta, step); err != nil {
				return 0, err
			}
			if err := opt.Step(theta, grad); err != nil {
				return 0, err
			}
		}
		loss, err := problem.Eval(nil, theta, 0)
		if err != nil {
			return 0, err
		}
		mean += loss / 10
	}
	return mean, nil
}
