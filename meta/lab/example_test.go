package lab_test

import (
	"context"
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/meta/lab"
)

// Which estimator is biased, and which one noisy? Backpropagation through windows of two steps and an evolution strategy,
// both held against the derivative through all of an episode.
func ExampleStudyOf() {
	rule := &handmade.Momentum{LR: 0.02}
	setup := lab.SetupOf[float32]{Rule: rule, Family: inner.Quadratic{}}
	entries, err := lab.ParseEntries(`bptt/2,es{"pairs":4}`)
	if err != nil {
		log.Fatal(err)
	}
	study := lab.StudyOf[float32]{
		Phi: learnedopt.Phi(rule, 1), Horizons: []int{10}, Draws: 50, PerStep: setup.PerStep(), Key: 1,
	}
	for _, e := range entries {
		c, err := setup.Contender(e)
		if err != nil {
			log.Fatal(err)
		}
		study.Contenders = append(study.Contenders, c)
	}
	if study.Truth, err = setup.Backpropagation(true); err != nil {
		log.Fatal(err)
	}
	report, err := study.Run(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range report.Results {
		fmt.Printf("%s: biased %t, noisy %t\n", r.Name, r.Bias > 5*r.Noise && r.Bias > 0.01, r.Variance > 0.01)
	}
	// Output:
	// bptt/2: biased true, noisy false
	// es{"pairs":4}: biased false, noisy true
}
