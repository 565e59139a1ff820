package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// Images is a network to be trained for epochs under a credit rule, and measured on other images. In each epoch the images of
// Data are shuffled and cut into minibatches; what is left over is not used in that epoch. The same key gives the same start
// and the same minibatches whatever the two rules, and the same results to the bit on any number of processors.
type Images struct {
	credit.Family
	Test       *data.Set // what the error is measured on
	Activation string    // of the hidden layers, for the report
}

// byEpochs is the plan of runs that go over the images again and again.
type byEpochs struct {
	Runs
	images Images
}

// The keys of a run's parts are children of its own.
const (
	keyStart = iota
	keyOrder
	keyNoise
	keyHeadStart
	keyAlign
)

// alignOver is the number of images that Run.Angle is taken over.
const alignOver = 512

func (e byEpochs) key(run int) uint64 { return e.Key + uint64(run) }
func (e byEpochs) atOnce() int        { return 1 }

// sample returns a *credit.Problem that there are images enough for.
func (e byEpochs) sample(int) (inner.Problem, error) {
	p, err := e.images.Problem()
	switch {
	case err != nil:
		return nil, err
	case e.images.Test == nil:
		return nil, errors.New("eval: no test images")
	case e.batches(p) == 0:
		return nil, fmt.Errorf("eval: minibatches of %d from %d images; want as many images at least", p.Batch(), e.images.Data.Len())
	}
	return p, nil
}

// batches returns the minibatches of an epoch.
func (e byEpochs) batches(p *credit.Problem) int { return e.images.Data.Len() / p.Batch() }

func (e byEpochs) size(p inner.Problem) (updates, minibatches int) {
	q := p.(*credit.Problem)
	batches := e.batches(q)
	return e.Epochs * batches * q.Repeats(), (headEpochs(q) + e.Epochs) * batches
}

// headEpochs returns the epochs in which the weights of the credit rule alone learn; without any there is nothing to pre-train.
func headEpochs(p *credit.Problem) int {
	if p.Own() == p.Params().Len() {
		return 0
	}
	return p.PretrainEpochs()
}

func (e byEpochs) begin(w *worker, run int) (course, error) {
	p, err := e.sample(run)
	if err != nil {
		return nil, err
	}
	s := &session{byEpochs: e, worker: w, problem: p.(*credit.Problem), key: e.key(run), order: make([]int, e.images.Data.Len())}
	return s, w.tr.Begin(onImages{s}, w.phi, s.key)
}

// A session is a run by epochs under way.
type session struct {
	byEpochs
	*worker
	problem *credit.Problem
	key     uint64
	order   []int         // images of the epoch
	tested  time.Duration // spent on test errors

	// The minibatch that the session has come to.
	minibatch []int
	noise     uint64
}

// An onImages is the network as a trajectory sees it: on the minibatch that the session has come to.
type onImages struct{ *session }

func (p onImages) Sample(uint64) (inner.Problem, error) { return p, nil }
func (p onImages) Params() params.Layout                { return p.problem.Params() }
func (p onImages) Init(theta []float32, _ uint64)       { p.problem.Init(theta, rng.Split(p.key, keyStart)) }

func (p onImages) Eval(grad, theta []float32, _ uint64) (float64, error) {
	return p.problem.EvalOn(grad, theta, p.minibatch, p.noise)
}

// An ownWeights is those weights alone that the credit rule learns for itself, from where they are in the trajectory of all.
type ownWeights struct{ onImages }

func (p ownWeights) Sample(uint64) (inner.Problem, error) { return p, nil }

func (p ownWeights) Params() params.Layout {
	return params.Layout{{Name: "own", Shape: []int{p.problem.Params().Len() - p.problem.Own()}}}
}

func (p ownWeights) Init(theta []float32, _ uint64) { copy(theta, p.tr.Theta[p.problem.Own():]) }

func (p ownWeights) Eval(grad, theta []float32, _ uint64) (float64, error) {
	copy(p.tr.Theta[p.problem.Own():], theta)
	loss, err := p.onImages.Eval(p.tr.Grad, p.tr.Theta, 0)
	copy(grad, p.tr.Grad[p.problem.Own():])
	return loss, err
}

// prepare lets the credit rule's own weights learn where it asks for that, with an optimizer of their own: one for all weights
// would move those of the net too, for a learned rule or one with decay makes steps without a gradient.
func (s *session) prepare(ctx context.Context) (sound bool, err error) {
	epochs := headEpochs(s.problem)
	if epochs == 0 {
		return true, nil
	}
	own := ownWeights{onImages{s}}
	c, err := learnedopt.Compile[float32](s.rule.Rule, own.Params())
	if err != nil {
		return false, err
	}
	tr := meta.NewTrajectory(c, epochs*s.batches(s.problem)*s.problem.Repeats())
	if err := tr.Begin(own, s.phi, s.key); err != nil {
		return false, err
	}
	key := rng.Split(s.key, keyHeadStart)
	for e := range epochs {
		loss, err := s.take(ctx, tr, s.pass(rng.Split(key, uint64(e))))
		if err != nil || infinite(loss) || !finite(tr.Theta) {
			return false, err
		}
	}
	copy(s.tr.Theta[s.problem.Own():], tr.Theta)
	return true, nil
}

// lap is one epoch, in which all weights move.
func (s *session) lap(e int) lap { return s.pass(rng.Split(rng.Split(s.key, keyOrder), uint64(e))) }

// pass goes over the images once, in an order of the key's.
func (s *session) pass(key uint64) lap {
	s.shuffle(key)
	size, noise := s.problem.Batch(), rng.Split(key, keyNoise)
	return lap{batches: s.batches(s.problem), repeats: s.problem.Repeats(), draw: func(b int) {
		s.minibatch, s.noise = s.order[b*size:(b+1)*size], rng.Split(noise, uint64(b))
	}}
}

// shuffle puts the images into an order that depends on the key alone.
func (s *session) shuffle(key uint64) {
	for i := range s.order {
		s.order[i] = i
	}
	rng.New(key).Shuffle(len(s.order), func(i, j int) { s.order[i], s.order[j] = s.order[j], s.order[i] })
}

// measure notes the error on the test images.
func (s *session) measure(h *Run, loss float64) (_ float64, err error) {
	if !finite(s.tr.Theta) {
		loss = math.Inf(1)
	}
	wrong := 1.0
	if !math.IsInf(loss, 1) {
		began := time.Now()
		wrong, err = s.problem.ErrorRate(s.tr.Theta, s.images.Test)
		s.tested += time.Since(began)
	}
	h.TestError = append(h.TestError, meta.Number(wrong))
	return loss, err
}

// end averages the alignment over whole minibatches.
func (s *session) end(h *Run, passed time.Duration, sound bool) error {
	h.Seconds = (passed - s.tested).Seconds()
	var parts [][]credit.Alignment
	key, size := rng.Split(s.key, keyAlign), s.problem.Batch()
	s.shuffle(key)
	for b := range min(s.batches(s.problem), max(1, alignOver/size)) {
		if !sound {
			break
		}
		part, err := s.problem.Align(s.tr.Theta, s.order[b*size:(b+1)*size], rng.Split(key, uint64(b)))
		if err != nil {
			return err
		}
		parts = append(parts, part)
	}
	h.Angle, h.NormRatio = []meta.Number{}, []meta.Number{}
	for l := s.images.Net.Blocks() - 2; l >= 0; l-- {
		a := meanAlignment(parts, l)
		h.Angle, h.NormRatio = append(h.Angle, meta.Number(a.Degrees)), append(h.NormRatio, meta.Number(a.NormRatio))
	}
	return nil
}

// meanAlignment averages layer l over the minibatches that have an alignment there: it has none where every signal is zero
// or every gradient is. It is NaN if none has.
func meanAlignment(parts [][]credit.Alignment, l int) (mean credit.Alignment) {
	n := 0.0
	for _, part := range parts {
		if a := part[l]; !math.IsNaN(a.Degrees) {
			mean.Degrees += a.Degrees
			mean.NormRatio += a.NormRatio
			n++
		}
	}
	mean.Degrees /= n
	mean.NormRatio /= n
	return mean
}

func finite(v []float32) bool {
	for _, x := range v {
		if x-x != 0 { // infinite or NaN
			return false
		}
	}
	return true
}
