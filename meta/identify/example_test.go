package identify_test

import (
	"context"
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/inner/data/mnist"
	"github.com/seed1498fded/unroll/meta/identify"
)

// A few networks under two rules that are easily told apart, and a forest that tells which is which.
func Example() {
	train, test, err := mnist.Load()
	if err != nil {
		log.Fatal(err)
	}
	images, _ := train.Slice(0, 4000).Downsample8()
	probe, _ := test.Slice(0, 50).Downsample8()

	population := identify.Population{Data: images, Probe: probe, Nets: 16, Steps: 400, Times: 6, Key: 1}
	for _, name := range []string{"momentum", "adam"} {
		rule, err := identify.FindRule(name)
		if err != nil {
			log.Fatal(err)
		}
		population.Rules = append(population.Rules, rule)
	}
	networks, err := population.Train(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	report, err := identify.Study{Networks: networks, Trees: 50}.Run(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("networks:", report.Nets, "chance:", report.Chance)
	fmt.Println("told right four times of five or more often:", report.Accuracy.Net.Mean >= 0.8)
	// Output:
	// networks: 32 chance: 0.5
	// told right four times of five or more often: true
}
