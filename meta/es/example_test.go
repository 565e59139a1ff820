package es_test

import (
	"context"
	"fmt"

	"github.com/seed1498fded/unroll/meta/es"
	"github.com/seed1498fded/unroll/params"
)

// A spring is pulled back to rest by a force phi times its place, and loses by how far it is.
type spring struct{}

func (spring) State() params.Layout { return params.Layout{{Name: "place", Shape: []int{1}}} }

func (spring) Start(state, _ []float32, _ es.Episode) error {
	state[0] = 1
	return nil
}

func (spring) Unroll(_ context.Context, losses []float64, state, phi []float32, _ es.Episode, _ int) error {
	for t := range losses {
		state[0] -= phi[0] * state[0]
		losses[t] = float64(state[0]) * float64(state[0])
	}
	return nil
}

// Anything that goes on from a vector can be learned.
func Example() {
	e, err := es.New(es.Config{
		Settings:  es.Settings{Method: es.PES, Pairs: 50, Sigma: 0.05},
		NewSystem: func() (es.System, error) { return spring{}, nil },
		Phi:       params.Layout{{Name: "force", Shape: []int{1}}},
		Horizon:   20, Window: 5,
	})
	if err != nil {
		panic(err)
	}
	phi, grad := []float32{0}, make([]float32, 1)
	for key := range uint64(300) {
		if _, err := e.Estimate(context.Background(), grad, phi, key); err != nil {
			panic(err)
		}
		phi[0] -= 0.05 * grad[0]
	}
	fmt.Println("the force that stops it at once is 1; learned:", phi[0] > 0.8 && phi[0] < 1.2)
	// Output: the force that stops it at once is 1; learned: true
}
