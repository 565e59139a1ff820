package search_test

import (
	"context"
	"fmt"

	"github.com/seed1498fded/unroll/inner/plastic"
	"github.com/seed1498fded/unroll/learnedopt"
	rules "github.com/seed1498fded/unroll/learnedopt/plastic"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/search"
)

// A learning rule is evolved on nine Boolean functions, and then learns five others that it has never met.
func ExampleLearner() {
	rule := new(rules.Bengio7)
	var known, others []uint8
	for i, f := range plastic.Separable(2) {
		if i%3 == 0 {
			others = append(others, f)
		} else {
			known = append(known, f)
		}
	}
	lives := func(of []uint8, copies int) (*meta.Lives, error) {
		return meta.NewLives(meta.LivesConfig{Rule: rule, Family: plastic.Boolean{Functions: of}, Copies: copies})
	}
	s, err := search.ES{}.New(make([]float64, rule.Spec().Phi.Len()), 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := search.New(search.Config{
		Search: s, Layout: rule.Spec().Phi,
		NewEvaluator: func() (search.Evaluator, error) { return lives(known, 9) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for generation := range uint64(40) {
		if _, err := l.Learn(context.Background(), generation, meta.Progress{}); err != nil {
			fmt.Println(err)
			return
		}
	}
	for _, phi := range [][]float32{learnedopt.Phi(rule, 1), l.Phi()} {
		led, err := lives(others, 60)
		if err != nil {
			fmt.Println(err)
			return
		}
		if _, err := led.Evaluate(context.Background(), phi, 7); err != nil {
			fmt.Println(err)
			return
		}
		scores, err := led.Scores()
		solved := 0.0
		for _, v := range scores["solved"] {
			solved += v / 60
		}
		fmt.Printf("%.1f of the lives on other functions solve them %v\n", solved, err)
	}
	// Output:
	// 0.0 of the lives on other functions solve them <nil>
	// 1.0 of the lives on other functions solve them <nil>
}
