package main

import (
	"context"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/lstm"
	"github.com/seed1498fded/unroll/meta"
)

const (
	steps   = 20
	phiKey  = 1
	episode = 2 // the key of the episode whose first window this is
)

// A window is one of meta-training: 20 steps of the LSTM, each call of work the same ones from the start of an episode.
type window struct {
	estimator *meta.BPTT
	phi, grad []float32
}

func (w *window) run() error {
	_, err := w.differentiate()
	return err
}

func newWindow(f inner.Family) (*window, error) {
	rule := &lstm.Rule{}
	e, err := meta.NewBPTT(meta.BPTTConfig{Rule: rule, Family: f, Horizon: steps, Window: steps})
	if err != nil {
		return nil, err
	}
	return &window{e, learnedopt.Phi(rule, phiKey), make([]float32, rule.Spec().Phi.Len())}, nil
}

func (w *window) differentiate() (loss float64, err error) {
	e, err := w.estimator.Estimate(context.Background(), w.grad, w.phi, episode)
	return e.Loss, err
}

// A recorder notes the keys of the start and of the minibatches that a problem is asked for. It is the family of this
// one problem, too.
type recorder struct {
	inner.Problem
	start   uint64
	batches []uint64
}

func (r *recorder) Sample(uint64) (inner.Problem, error) { return r, nil }

func (r *recorder) Init(theta []float32, key uint64) {
	r.start = key
	r.Problem.Init(theta, key)
}

func (r *recorder) Eval(grad, theta []float32, key uint64) (float64, error) {
	r.batches = append(r.batches, key)
	return r.Problem.Eval(grad, theta, key)
}

// windowFile computes a window and returns a file with all that goes into it and what comes out.
func windowFile(problems credit.Family) (*checkpoints.File, error) {
	p, err := problems.Sample(0)
	if err != nil {
		return nil, err
	}
	r := &recorder{Problem: p}
	w, err := newWindow(r)
	if err != nil {
		return nil, err
	}
	loss, err := w.differentiate()
	if err != nil {
		return nil, err
	}
	f := newFile(loss)
	phi := w.estimator.Phi()
	checkpoints.Put(f, "phi.", phi, w.phi)
	checkpoints.Put(f, "grad.", phi, w.grad)
	theta := make([]float32, p.Params().Len())
	p.Init(theta, r.start)
	checkpoints.Put(f, "theta.", p.Params(), theta)
	putMinibatches(f, problems, r.batches)
	return f, nil
}
