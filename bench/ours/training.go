package main

import (
	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// A training is an epoch of Adam on 784-256-256-256-10 with tanh units, under a credit rule.
type training struct {
	problem     *credit.Problem
	optimizer   *learnedopt.Optimizer
	theta, grad []float32
	order       []int
}

func newTraining(images *data.Set, rule credit.Rule) (*training, error) {
	f, err := networks(images, "tanh", 256, 256, 256)
	if err != nil {
		return nil, err
	}
	f.Rule = rule
	p, err := f.Problem()
	if err != nil {
		return nil, err
	}
	t := &training{problem: p, theta: make([]float32, p.Params().Len()), grad: make([]float32, p.Params().Len())}
	p.Init(t.theta, startKey)
	t.order = rng.New(startKey).Perm(images.Len())
	t.optimizer, err = learnedopt.New(&handmade.Adam{LR: 1e-3}, nil, p.Params())
	return t, err
}

func (t *training) run() error {
	for at := 0; at+batch <= len(t.order); at += batch {
		if _, err := t.problem.EvalOn(t.grad, t.theta, t.order[at:at+batch], 0); err != nil {
			return err
		}
		if err := t.optimizer.Step(t.theta, t.grad); err != nil {
			return err
		}
	}
	return nil
}

// trainingFile returns a file with the weights, all images, and the loss and gradient on the first minibatch of them.
func trainingFile(problems credit.Family) (*checkpoints.File, error) {
	t, err := newTraining(problems.Data, credit.BackpropOf[float32]{})
	if err != nil {
		return nil, err
	}
	first := make([]int, batch)
	for i := range first {
		first[i] = i
	}
	loss, err := t.problem.EvalOn(t.grad, t.theta, first, 0)
	if err != nil {
		return nil, err
	}
	f := newFile(loss)
	checkpoints.Put(f, "theta.", t.problem.Params(), t.theta)
	checkpoints.Put(f, "grad.", t.problem.Params(), t.grad)
	var images, labels []float32
	for i := range problems.Data.Len() {
		for _, pixel := range problems.Data.Image(i) {
			images = append(images, float32(pixel)/255)
		}
		labels = append(labels, float32(problems.Data.Labels[i]))
	}
	checkpoints.Put(f, "", params.Layout{{Name: "images", Shape: []int{problems.Data.Len(), problems.Data.Pixels()}}}, images)
	checkpoints.Put(f, "", params.Layout{{Name: "labels", Shape: []int{problems.Data.Len()}}}, labels)
	return f, nil
}
