// Command resume learns a learning rate, stops halfway as if the machine had been taken away, and goes on from a file in
// what could be another process: to the same bits.
//
//	go run ./examples/resume
//
// It prints:
//
//	mean loss 1.83 at first
//	mean loss 0.29 after 200 outer steps
//	another trainer goes on after 101
//	and ends at the same bits: true
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/eval"
	"github.com/seed1498fded/unroll/params"
)

var rule = &handmade.Adam{LR: 0.01}

// bowl is θ₀² + 10θ₁².
var bowl = inner.Expression{
	Layout: params.Layout{{Name: "theta", Shape: []int{2}}},
	Start:  func(theta []float32, key uint64) { theta[0], theta[1] = 1, float32(key%7)/7 },
	Loss: func(theta, _ map[string]*G.Node) (*G.Node, error) {
		steepness := G.NewConstant(tensor.New(tensor.WithBacking([]float32{1, 10})))
		return G.Sum(G.Must(G.HadamardProd(steepness, G.Must(G.Square(theta["theta"])))))
	},
}

// newTrainer returns a trainer at the start of the run.
func newTrainer() *meta.Trainer {
	bptt, err := meta.NewBPTT(meta.BPTTConfig{Rule: rule, Family: bowl, Horizon: 30, Window: 10})
	check(err)
	learner, err := meta.NewGradientLearner(meta.GradientConfig{Rule: rule, Estimator: bptt, Outer: &handmade.Adam{LR: 0.03}})
	check(err)
	trainer, err := meta.NewTrainer(meta.TrainerConfig{
		Learner: learner, Key: 1, Every: 20,
		Validate: func(ctx context.Context, phi []float32) (float64, error) {
			trained := &learnedopt.Trained{Rule: rule, Phi: phi}
			losses, err := eval.Measure(ctx, trained, eval.Runs{Family: bowl, Steps: 30, Count: 10, Key: 9})
			return losses.Mean().Mean, err
		},
	})
	check(err)
	return trainer
}

// until runs a trainer up to a number of outer steps.
func until(t *meta.Trainer, steps int) {
	check(t.Run(context.Background(), func(s meta.Status) bool { return s.OuterSteps >= steps }, meta.Observers()))
}

func main() {
	undisturbed := newTrainer()
	until(undisturbed, 0)
	fmt.Printf("mean loss %.2f at first\n", undisturbed.Status().Best)
	until(undisturbed, 200)
	fmt.Printf("mean loss %.2f after 200 outer steps\n", undisturbed.Status().Best)

	dir, err := os.MkdirTemp("", "resume")
	check(err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "train.safetensors")
	halfway := newTrainer()
	until(halfway, 101) // in the middle of an episode
	file, err := halfway.Checkpoint(nil)
	check(err)
	check(file.Save(path))

	file, err = checkpoints.Load(path, meta.KindTraining)
	check(err)
	resumed := newTrainer()
	check(resumed.Restore(file))
	fmt.Println("another trainer goes on after", resumed.Status().OuterSteps)
	until(resumed, 200)

	fmt.Println("and ends at the same bits:", slices.Equal(resumed.Last(), undisturbed.Last()))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
