package mix_test

import (
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/mix"
	"github.com/seed1498fded/unroll/inner/synthetic"
)

// A mix of two families, one in units of its own and with noisy gradients. Rules are learned on it as on any family.
func ExampleNew() {
	family, err := mix.New([]mix.Member{
		{Name: "bowls", Weight: 1, Family: inner.Quadratic{}},
		{Name: "clouds", Weight: 3, Family: mix.Noisy{
			Noise: mix.Range{Low: 0.1, High: 1},
			Of: mix.Rescaled{
				Of:   synthetic.Clusters{Inputs: 4, Classes: 3},
				Unit: mix.Range{Low: 0.1, High: 10}, Level: []mix.Level{mix.Tensor},
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	met := make(map[string]int)
	for key := range uint64(1000) { // the key of an episode says which family it is of
		met[family.Name(family.Choose(key))]++
	}
	fmt.Println("clouds about three times as often:", met["clouds"] > 2*met["bowls"] && met["clouds"] < 4*met["bowls"])

	problem, err := family.Members()[1].Sample(7)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(problem.Params())
	// Output:
	// clouds about three times as often: true
	// w0[4 3] b0[3]
}
