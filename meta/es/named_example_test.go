package es_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/meta/es"
)

// Any method by its name, on the training of problems by a rule: by which change of Adam's hyperparameters do losses fall?
func ExampleNamed() {
	rule := &handmade.Adam{LR: 0.001}
	e, err := es.Named("pes", json.RawMessage(`{"pairs": 16, "sigma": 0.1}`), es.Config{
		Rule: rule, Family: inner.Quadratic{}, Horizon: 40, Window: 10,
	})
	if err != nil {
		log.Fatal(err)
	}
	phi, grad := learnedopt.Phi(rule, 1), make([]float32, e.Phi().Len())
	downhill := 0
	for key := range uint64(20) {
		if _, err := e.Estimate(context.Background(), grad, phi, key); err != nil {
			log.Fatal(err)
		}
		if grad[0] < 0 { // of log_lr
			downhill++
		}
	}
	fmt.Println("by a larger rate, in most of 20 estimates:", downhill > 15)
	// Output: by a larger rate, in most of 20 estimates: true
}
