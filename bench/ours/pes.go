package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta/es"
)

const (
	pesPairs   = 32
	pesWindow  = 50
	pesHorizon = 1000
	pesBatch   = 64
	pesHidden  = 32
)

// A pes is persistent evolution strategies on 64-32-10 ReLU networks, which learn MNIST at 8x8 pixels in minibatches of 64: an
// estimate takes 32 pairs through windows of 50 steps, of episodes of 1,000.
type pes struct {
	estimator *es.Estimator
	family    credit.Family
	phi, grad []float32
	key       uint64
}

func newPES(f credit.Family, r learnedopt.Rule) (*pes, error) {
	settings := es.Settings{Method: es.PES, Pairs: pesPairs}
	e, err := es.New(es.Config{Settings: settings, Rule: r, Family: f, Horizon: pesHorizon, Window: pesWindow})
	if err != nil {
		return nil, err
	}
	return &pes{e, f, learnedopt.Phi(r, phiKey), make([]float32, r.Spec().Phi.Len()), 0}, nil
}

// pesNetworks is the family of problems that the rule is learned on.
func pesNetworks(images *data.Set) (credit.Family, error) {
	small, err := images.Downsample8()
	if err != nil {
		return credit.Family{}, err
	}
	f, err := networks(small, "relu", pesHidden)
	f.Batch, f.Init = pesBatch, nets.He
	return f, err
}

// estimate makes the next estimate and returns the inner steps that it took.
func (p *pes) estimate() (steps int, err error) {
	e, err := p.estimator.Estimate(context.Background(), p.grad, p.phi, p.key)
	p.key++
	return e.Steps, err
}

// runPES writes the work's file to a folder, unless its name is empty, and makes estimates for so long, if it is not zero.
func runPES(w io.Writer, images *data.Set, ruleName, dir string, length time.Duration) error {
	f, err := pesNetworks(images)
	if err != nil {
		return err
	}
	r, err := learnedopt.Named(ruleName, nil)
	if err != nil {
		return err
	}
	if dir != "" {
		file := func(f credit.Family) (*checkpoints.File, error) { return pesFile(f, r) }
		if err := save(file, f, dir, pesWork); err != nil {
			return err
		}
	}
	if length <= 0 {
		return nil
	}
	return measurePES(w, f, r, length)
}

// measurePES makes estimates for so long, after some for warming up. Its last line is the number of inner steps a second, of both
// branches of all pairs; the line before says what a loss with its gradient takes by itself.
func measurePES(w io.Writer, f credit.Family, r learnedopt.Rule, length time.Duration) error {
	p, err := newPES(f, r)
	if err != nil {
		return err
	}
	if _, err := p.run(length / 10); err != nil {
		return err
	}
	rate, err := p.run(length)
	if err != nil {
		return err
	}
	gradient, err := timeGradient(f, length/10)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s, %d pairs, windows of %d; a loss and gradient alone take %.2f µs on one goroutine\n%.0f\n",
		r.Name(), pesPairs, pesWindow, gradient, rate)
	return err
}

// run makes estimates for so long, at least one, and returns the inner steps a second.
func (p *pes) run(length time.Duration) (rate float64, err error) {
	steps, began := 0, time.Now()
	for steps == 0 || time.Since(began) < length {
		n, err := p.estimate()
		if err != nil {
			return 0, err
		}
		steps += n
	}
	return float64(steps) / time.Since(began).Seconds(), nil
}

// timeGradient returns the microseconds of a loss and gradient on a new minibatch: the least of many means over a hundred.
func timeGradient(f credit.Family, length time.Duration) (float64, error) {
	o, err := newOptimizee(f)
	if err != nil {
		return 0, err
	}
	const some = 100
	least := time.Duration(1 << 62)
	for key, began := uint64(0), time.Now(); time.Since(began) < length || key == 0; {
		start := time.Now()
		for range some {
			if _, err := o.problem.Eval(o.grad, o.theta, key); err != nil {
				return 0, err
			}
			key++
		}
		least = min(least, time.Since(start))
	}
	return least.Seconds() / some * 1e6, nil
}

// pesFile returns a file with the rule's weights, the start of a network, the minibatches of a window, and the network's weights
// after it, with the mean of the losses before each step.
func pesFile(problems credit.Family, r learnedopt.Rule) (*checkpoints.File, error) {
	p, err := problems.Sample(0)
	if err != nil {
		return nil, err
	}
	phi := learnedopt.Phi(r, phiKey)
	optimizer, err := learnedopt.New(r, phi, p.Params())
	if err != nil {
		return nil, err
	}
	theta, grad := make([]float32, p.Params().Len()), make([]float32, p.Params().Len())
	p.Init(theta, startKey)
	start := slices.Clone(theta)
	var keys []uint64
	sum := 0.0
	for key := range uint64(pesWindow) {
		loss, err := p.Eval(grad, theta, key)
		if err != nil {
			return nil, err
		}
		if err := optimizer.Step(theta, grad); err != nil {
			return nil, err
		}
		sum += loss
		keys = append(keys, key)
	}
	f := newFile(sum / pesWindow)
	checkpoints.Put(f, "phi.", r.Spec().Phi, phi)
	checkpoints.Put(f, "theta.", p.Params(), start)
	checkpoints.Put(f, "after.", p.Params(), theta)
	putMinibatches(f, problems, keys)
	return f, nil
}
