// Command identify tells by which learning rule a network was trained, from how its weights and activations change while it
// learns. Networks under two rules are trained to know the rules by; then two are trained by a loop of one's own.
//
//	go run ./examples/identify
//
// It prints how many networks that were not seen are told right, and what is said of the loop's:
//
//	more than 4 of 5 are told right: true
//	a loop of momentum is told for momentum
//	a loop of adam is told for adam
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/data/mnist"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/meta/identify"
)

const (
	steps = 400
	times = 6 // at which a network is looked at
)

func main() {
	train, test, err := mnist.Load()
	check(err)
	digits, err := train.Slice(0, 4000).Downsample8()
	check(err)
	probe, err := test.Slice(0, 50).Downsample8()
	check(err)

	known := identify.Population{Data: digits, Probe: probe, Nets: 16, Steps: steps, Times: times, Key: 1}
	for _, name := range []string{"momentum", "adam"} {
		rule, err := identify.FindRule(name)
		check(err)
		known.Rules = append(known.Rules, rule)
	}
	networks, err := known.Train(context.Background())
	check(err)
	report, err := identify.Study{Networks: networks, Trees: 50, Splits: 4}.Run(context.Background())
	check(err)
	fmt.Println("more than 4 of 5 are told right:", report.Accuracy.Net.Mean > 0.8)

	model, err := networks.Fit(context.Background(), 50, 1)
	check(err)
	for _, rule := range []learnedopt.Rule{&handmade.Momentum{LR: 0.02}, &handmade.Adam{LR: 0.001}} {
		verdict, err := model.Identify(recorded(rule, digits, probe))
		check(err)
		fmt.Printf("a loop of %s is told for %s\n", rule.Name(), verdict.Rule)
	}
}

// recorded trains a network under a rule, as any program might, and notes down what is to be seen of it.
func recorded(rule learnedopt.Rule, digits, probe *data.Set) *identify.Recording {
	net, err := nets.New[float32](nets.Shape{Channels: 1, Rows: 8, Cols: 8}, nets.CrossEntropy,
		nets.Dense{Units: 40}, nets.Activation("relu"), nets.Dense{Units: 40}, nets.Activation("relu"), nets.Dense{Units: 10})
	check(err)
	problem, err := credit.Family{Net: net, Data: digits, Batch: 50}.Problem()
	check(err)
	recorder, err := identify.NewRecorder(net, probe, identify.Times(times, steps))
	check(err)
	opt, err := learnedopt.New(rule, nil, problem.Params())
	check(err)
	theta, grad := make([]float32, problem.Params().Len()), make([]float32, problem.Params().Len())
	problem.Init(theta, 1)
	for step := range steps + 1 {
		check(recorder.Observe(step, theta))
		_, err := problem.Eval(grad, theta, uint64(step))
		check(err)
		check(opt.Step(theta, grad))
	}
	recording, err := recorder.Recording()
	check(err)
	return recording
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
