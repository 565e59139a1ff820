package main

import (
	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
)

const (
	evaluations = 1000 // of one run
	minibatches = 20   // that they go through again and again
	startKey    = 3
)

// An optimizee is the network's own loss and gradient, a thousand times.
type optimizee struct {
	problem     inner.Problem
	theta, grad []float32
}

func newOptimizee(problems credit.Family) (*optimizee, error) {
	p, err := problems.Sample(0)
	if err != nil {
		return nil, err
	}
	o := &optimizee{p, make([]float32, p.Params().Len()), make([]float32, p.Params().Len())}
	p.Init(o.theta, startKey)
	return o, nil
}

func (o *optimizee) run() error {
	for i := range evaluations {
		if _, err := o.problem.Eval(o.grad, o.theta, uint64(i%minibatches)); err != nil {
			return err
		}
	}
	return nil
}

// optimizeeFile returns a file with the weights, the minibatches, and the loss and gradient of the first of these.
func optimizeeFile(problems credit.Family) (*checkpoints.File, error) {
	o, err := newOptimizee(problems)
	if err != nil {
		return nil, err
	}
	loss, err := o.problem.Eval(o.grad, o.theta, 0)
	if err != nil {
		return nil, err
	}
	f := newFile(loss)
	checkpoints.Put(f, "theta.", o.problem.Params(), o.theta)
	checkpoints.Put(f, "grad.", o.problem.Params(), o.grad)
	var keys []uint64
	for i := range minibatches {
		keys = append(keys, uint64(i))
	}
	putMinibatches(f, problems, keys)
	return f, nil
}
