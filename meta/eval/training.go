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
	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// Training is one training run of a network for epochs, under a credit rule and an update rule. In each epoch the images of
// Family.Data are shuffled and cut into minibatches; what is left over is not used in that epoch. The same key gives the
// same start and the same minibatches whatever the two rules, and the same results to the bit on any number of processors.
type Training struct {
	Family    credit.Family
	Test      *data.Set // what the error is measured on
	Optimizer *learnedopt.Trained
	Epochs    int
	Key       uint64
	Progress  func(fraction float64) // told after each minibatch how much is done; may be nil
}

// History is what a Training found. A run diverges when the loss of a minibatch is not finite, or a weight at the end of an
// epoch: it ends there, the losses of that epoch and of those after it are +Inf and their test errors 1.
type History struct {
	Loss      []float64 // of each epoch, the mean over its minibatches of the loss before the update it leads to
	TestError []float64 // after each epoch, the fraction of test images given another class than their label

	// Alignment compares the signal with the gradient at the end, for each hidden layer from the first up, over 512 training
	// images, or as many whole minibatches as there are in these. It is NaN for a run that diverged.
	Alignment []credit.Alignment

	Took time.Duration // training alone, pre-training of the rule's own weights included
}

// The keys of a run's parts are children of its own.
const (
	keyStart = iota
	keyOrder
	keyNoise
	keyHeadStart
	keyAlign
)

// alignOver is the number of images that Alignment is taken over.
const alignOver = 512

// Run trains. If ctx ends first, the error is ctx's.
func (t Training) Run(ctx context.Context) (*History, error) {
	s, err := t.begin()
	if err != nil {
		return nil, err
	}
	h := &History{}
	if h.Took, err = s.headStart(ctx); err != nil {
		return nil, err
	}
	for e := range t.Epochs {
		loss, took, err := s.epoch(ctx, e)
		if err != nil {
			return nil, err
		}
		wrong := 1.0
		if !math.IsInf(loss, 1) {
			if wrong, err = s.problem.ErrorRate(s.run.Theta, t.Test); err != nil {
				return nil, err
			}
		}
		h.Loss, h.TestError, h.Took = append(h.Loss, loss), append(h.TestError, wrong), h.Took+took
	}
	h.Alignment, err = s.align()
	return h, err
}

// A session is a training run under way.
type session struct {
	Training
	problem  *credit.Problem
	phi      []float32
	run      *meta.Trajectory[float32]
	order    []int // images of the epoch
	batches  int   // in an epoch
	head     int   // epochs of the head start
	done     int   // minibatches
	diverged bool

	// The minibatch that the session has come to.
	images []int
	noise  uint64
}

// An onImages is the network as a trajectory sees it: on the minibatch that the session has come to.
type onImages struct{ *session }

func (p onImages) Sample(uint64) (inner.Problem, error) { return p, nil }
func (p onImages) Params() params.Layout                { return p.problem.Params() }
func (p onImages) Init(theta []float32, _ uint64)       { p.problem.Init(theta, rng.Split(p.Key, keyStart)) }

func (p onImages) Eval(grad, theta []float32, _ uint64) (float64, error) {
	return p.problem.EvalOn(grad, theta, p.images, p.noise)
}

// An ownWeights is those weights alone that the credit rule learns for itself, from where they are in a trajectory of all.
type ownWeights struct {
	onImages
	all *meta.Trajectory[float32]
}

func (p ownWeights) Sample(uint64) (inner.Problem, error) { return p, nil }

func (p ownWeights) Params() params.Layout {
	return params.Layout{{Name: "own", Shape: []int{p.problem.Params().Len() - p.problem.Own()}}}
}

func (p ownWeights) Init(theta []float32, _ uint64) { copy(theta, p.all.Theta[p.problem.Own():]) }

func (p ownWeights) Eval(grad, theta []float32, _ uint64) (float64, error) {
	copy(p.all.Theta[p.problem.Own():], theta)
	loss, err := p.onImages.Eval(p.all.Grad, p.all.Theta, 0)
	copy(grad, p.all.Grad[p.problem.Own():])
	return loss, err
}

func (t Training) begin() (*session, error) {
	p, err := t.Family.Problem()
	if err != nil {
		return nil, err
	}
	s := &session{Training: t, problem: p, phi: phiOf(t.Optimizer), order: make([]int, t.Family.Data.Len())}
	s.batches = len(s.order) / p.Batch()
	if p.Own() < p.Params().Len() { // else there is nothing to pre-train
		s.head = p.PretrainEpochs()
	}
	switch {
	case t.Epochs < 1:
		return nil, fmt.Errorf("eval: %d epochs; want at least 1", t.Epochs)
	case t.Test == nil:
		return nil, errors.New("eval: no test images")
	case s.batches == 0:
		return nil, fmt.Errorf("eval: minibatches of %d from %d images; want as many images at least", p.Batch(), len(s.order))
	}
	need, err := trainingBytes(p.Params(), t.Optimizer.Rule)
	if err == nil {
		err = machine.Fits(need + p.Bytes())
	}
	if err != nil {
		return nil, fmt.Errorf("eval: training %d weights by %q: %w", p.Params().Len(), t.Optimizer.Rule.Name(), err)
	}
	s.run, err = s.trajectory(onImages{s}, s.steps(t.Epochs))
	return s, err
}

// steps returns the updates of some epochs.
func (s *session) steps(epochs int) int { return epochs * s.batches * s.problem.Repeats() }

// trajectory begins the training of a problem.
func (s *session) trajectory(p inner.Problem, horizon int) (*meta.Trajectory[float32], error) {
	c, err := learnedopt.Compile[float32](s.Optimizer.Rule, p.Params())
	if err != nil {
		return nil, err
	}
	tr := meta.NewTrajectory(c, horizon)
	return tr, tr.Begin(p.(inner.Family), s.phi, s.Key)
}

// headStart lets the rule's own weights learn where it asks for that, with an optimizer of their own: one for all weights
// would move those of the net too, for a learned rule or one with decay makes steps without a gradient.
func (s *session) headStart(ctx context.Context) (took time.Duration, err error) {
	if s.head == 0 {
		return 0, nil
	}
	own, err := s.trajectory(ownWeights{onImages{s}, s.run}, s.steps(s.head))
	if err != nil {
		return 0, err
	}
	key := rng.Split(s.Key, keyHeadStart)
	for e := range s.head {
		_, t, err := s.pass(ctx, rng.Split(key, uint64(e)), own)
		if took += t; err != nil {
			return took, err
		}
	}
	copy(s.run.Theta[s.problem.Own():], own.Theta)
	return took, nil
}

// epoch is one pass in which all weights move.
func (s *session) epoch(ctx context.Context, e int) (loss float64, took time.Duration, err error) {
	return s.pass(ctx, rng.Split(rng.Split(s.Key, keyOrder), uint64(e)), s.run)
}

// pass goes over the images once, in an order of the key's, and returns the mean loss, +Inf once the run has diverged, and
// the time it took.
func (s *session) pass(ctx context.Context, key uint64, tr *meta.Trajectory[float32]) (loss float64, took time.Duration, err error) {
	began := time.Now()
	s.shuffle(key)
	size := s.problem.Batch()
	for b := range s.batches {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		if s.diverged {
			break
		}
		f, err := s.update(tr, s.order[b*size:(b+1)*size], rng.Split(rng.Split(key, keyNoise), uint64(b)))
		if err != nil {
			return 0, 0, err
		}
		s.diverged = math.IsNaN(f) || math.IsInf(f, 0)
		loss += f / float64(s.batches)
		s.report()
	}
	if s.diverged = s.diverged || !finite(tr.Theta); s.diverged {
		loss = math.Inf(1)
	}
	return loss, time.Since(began), nil
}

// update learns from one minibatch, as many times as the credit rule wants, and returns the loss before.
func (s *session) update(tr *meta.Trajectory[float32], images []int, noise uint64) (loss float64, err error) {
	s.images, s.noise = images, noise
	for i := range s.problem.Repeats() {
		if err := step(tr, s.phi); err != nil {
			return 0, err
		}
		if i == 0 {
			loss = tr.Losses[0]
		}
	}
	return loss, nil
}

// shuffle puts the images into an order that depends on the key alone.
func (s *session) shuffle(key uint64) {
	for i := range s.order {
		s.order[i] = i
	}
	rng.New(key).Shuffle(len(s.order), func(i, j int) { s.order[i], s.order[j] = s.order[j], s.order[i] })
}

func (s *session) report() {
	s.done++
	if s.Progress != nil {
		s.Progress(float64(s.done) / float64((s.head+s.Epochs)*s.batches))
	}
}

// align averages the alignment over whole minibatches.
func (s *session) align() ([]credit.Alignment, error) {
	var parts [][]credit.Alignment
	key, size := rng.Split(s.Key, keyAlign), s.problem.Batch()
	s.shuffle(key)
	for b := range min(s.batches, max(1, alignOver/size)) {
		if s.diverged {
			break
		}
		part, err := s.problem.Align(s.run.Theta, s.order[b*size:(b+1)*size], rng.Split(key, uint64(b)))
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	mean := make([]credit.Alignment, s.Family.Net.Blocks()-1)
	for l := range mean {
		mean[l] = meanAlignment(parts, l)
	}
	return mean, nil
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
