// Command plasticity evolves a learning rule: seven numbers that tell a synapse how to change by what it feels where it is.
// It is evolved on nine functions of two bits, which a neuron is to learn in its life, and tried on others.
//
//	go run ./examples/plasticity
//
// It prints how many lives come to the function that they are shown, on functions that evolution has never met:
//
//	at the start    0 % with two bits,   0 % with three
//	evolved        97 % with two bits,  48 % with three
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/plastic"
	"github.com/seed1498fded/unroll/learnedopt"
	rules "github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/search"
)

func main() {
	rule := new(rules.Bengio7)
	var met, others []uint8
	for i, f := range plastic.Separable(2) {
		if i%3 == 0 {
			others = append(others, f)
		} else {
			met = append(met, f)
		}
	}

	strategy, err := search.ES{}.New(make([]float64, rule.Spec().Phi.Len()), 1)
	check(err)
	learner, err := search.New(search.Config{
		Search: strategy, Layout: rule.Spec().Phi,
		NewEvaluator: func() (search.Evaluator, error) {
			return meta.NewLives(meta.LivesConfig{Rule: rule, Family: plastic.Boolean{Functions: met}, Copies: len(met)})
		},
	})
	check(err)
	for generation := range uint64(40) {
		_, err := learner.Learn(context.Background(), generation, meta.Progress{})
		check(err)
	}

	for _, c := range []struct {
		name string
		phi  []float32
	}{{"at the start", learnedopt.Phi(rule, 1)}, {"evolved", learner.Phi()}} {
		two := solved(rule, c.phi, plastic.Boolean{Functions: others})
		three := solved(rule, c.phi, plastic.Boolean{Inputs: 3})
		fmt.Printf("%-13s %3.0f %% with two bits, %3.0f %% with three\n", c.name, two, three)
	}
}

// solved is how many of a hundred lives under a rule come to their function.
func solved(rule learnedopt.Rule, phi []float32, tasks inner.Family) (percent float64) {
	lives, err := meta.NewLives(meta.LivesConfig{Rule: rule, Family: tasks, Copies: 104})
	check(err)
	_, err = lives.Evaluate(context.Background(), phi, 7)
	check(err)
	scores, err := lives.Scores()
	check(err)
	for _, s := range scores["solved"] {
		percent += 100 * s / float64(len(scores["solved"]))
	}
	return percent
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
