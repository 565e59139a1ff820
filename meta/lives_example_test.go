package meta_test

import (
	"context"
	"fmt"

	"github.com/seed1498fded/unroll/inner/plastic"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	plasticity "github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/meta"
)

// A plasticity rule is learned by the gradient through whole lives, the first ones short, and then makes neurons learn functions of
// three inputs, which it has never met.
func ExampleLives() {
	rule := &plasticity.Bengio7{Forget: true}
	bptt, err := meta.NewBPTT(meta.BPTTConfig{
		Rule: rule, Family: plastic.Boolean{}, Horizon: 120, Window: 120, Copies: 28, Objective: meta.Last,
		Curriculum: []int{12, 32, 60}, Stage: 50,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	learner, err := meta.NewGradientLearner(meta.GradientConfig{
		Rule: rule, Key: 1, Estimator: bptt, Outer: &handmade.Adam{LR: 0.03}, Clip: 0.3,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for step := range 250 {
		if _, err := learner.Learn(context.Background(), uint64(step), meta.Progress{Steps: step}); err != nil {
			fmt.Println(err)
			return
		}
	}
	lives, err := meta.NewLives(meta.LivesConfig{Rule: rule, Family: plastic.Boolean{Inputs: 3}})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := lives.Evaluate(context.Background(), learner.Phi(), 7); err != nil {
		fmt.Println(err)
		return
	}
	scores, err := lives.Scores()
	solved := 0.0
	for _, v := range scores["solved"] {
		solved += v
	}
	fmt.Printf("more than 95 of the 104 functions are solved: %v %v\n", solved > 95, err)
	// Output:
	// more than 95 of the 104 functions are solved: true <nil>
}
