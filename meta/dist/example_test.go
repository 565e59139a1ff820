package dist_test

import (
	"context"
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/dist"
)

// The mean of eight estimates by as many workers as there are: the bits do not depend on how many. Package queue has a pool of
// other processes, for the same estimator.
func ExampleNewEstimator() {
	rule := &handmade.Momentum{LR: 0.01}
	bptt := func() (meta.Estimator, error) {
		return meta.NewBPTT(meta.BPTTConfig{Rule: rule, Family: inner.Quadratic{}, Horizon: 10, Window: 5})
	}
	member := func() (dist.Evaluator, error) {
		e, err := bptt()
		if err != nil {
			return nil, err
		}
		return dist.NewMember(e)
	}
	var grads [][]float32
	for _, workers := range []int{1, 3} {
		pool, err := dist.Goroutines(workers, member)
		if err != nil {
			log.Fatal(err)
		}
		e, err := dist.NewEstimator(dist.EstimatorConfig{Count: 8, Pool: pool, New: bptt})
		if err != nil {
			log.Fatal(err)
		}
		grad := make([]float32, e.Phi().Len())
		if _, err := e.Estimate(context.Background(), grad, learnedopt.Phi(rule, 1), 7); err != nil {
			log.Fatal(err)
		}
		grads = append(grads, grad)
	}
	fmt.Println("the same by one worker and by three:", fmt.Sprint(grads[0]) == fmt.Sprint(grads[1]))
	// Output: the same by one worker and by three: true
}
