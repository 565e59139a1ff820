package main

import (
	"context"
	"fmt"
	"io"
	"time"

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

func newPES(images *data.Set, ruleName string) (*pes, error) {
	f, err := pesNetworks(images)
	if err != nil {
		return nil, err
	}
	r, err := learnedopt.Named(ruleName, nil)
	if err != nil {
		return nil, err
	}
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

// measurePES makes estimates for so long, after some for warming up. Its last line is the number of inner steps a second, of both
// branches of all pairs; the line before says what a loss with its gradient takes by itself.
func measurePES(w io.Writer, images *data.Set, ruleName string, length time.Duration) error {
	p, err := newPES(images, ruleName)
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
	gradient, err := timeGradient(p.family, length/10)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s: %d pairs, windows of %d; a loss and gradient alone: %.2f µs on one goroutine\n%.0f\n",
		ruleName, pesPairs, pesWindow, gradient, rate)
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
