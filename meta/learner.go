package meta

import (
	"context"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/params"
)

// A Learner moves phi by outer steps. By a gradient, as GradientLearner does, or by trying out candidates: a Trainer sees no
// difference. It is for one goroutine at a time.
type Learner interface {
	Resumable

	// Layout lays out phi.
	Layout() params.Layout

	// Phi returns the phi to be validated and kept as things stand. It is valid until the next Learn.
	Phi() []float32

	// Learn takes an outer step. All that is random in it follows from key and from the steps before; done is what was learned
	// from before it. If ctx ends first, the error is ctx's and the learner is as it was before the call.
	Learn(ctx context.Context, key uint64, done Progress) (Outcome, error)
}

// Progress counts what a learner has learned from.
type Progress struct {
	Steps    int // outer steps
	Episodes int
}

// An Outcome is what an outer step came to.
type Outcome struct {
	Estimate
	Norm    float64 // of the meta-gradient, before it was clipped
	Clipped bool
	Skipped bool // loss or gradient was not finite, and phi did not move
}

// GradientConfig says how phi is moved by a meta-gradient.
type GradientConfig struct {
	Rule      learnedopt.Rule // gives phi its start, unless Start does
	Start     []float32       // where phi begins, such as at a rule learned before; drawn by Rule if nil
	Key       uint64          // of the start
	Estimator Estimator       // of the meta-gradient; to be saved, it must be Resumable
	Outer     learnedopt.Rule // moves phi; Adam with LR 0.003 if nil
	Clip      float64         // the longest meta-gradient, in the Euclidean norm; 1 if zero, no bound if negative

	// Average is the weight of the past in a running average of phi, above 0 and below 1; the average is what is validated
	// and kept, and is less noisy than phi itself (Polyak and Juditsky 1992). 0: none, phi itself is.
	Average float64

	// Cosine is the number of episodes over which the outer step shrinks to nothing along half a cosine (Loshchilov and Hutter
	// 2017, equation 5, without restarts). 0: it does not shrink.
	Cosine int
}

// A GradientLearner moves phi by an estimate of the meta-gradient and an outer optimizer.
type GradientLearner struct {
	config GradientConfig
	phi    []float32
	mean   []float32 // the running average of phi; phi itself if there is none
	from   []float32 // phi before the outer step
	grad   []float32
	outer  *learnedopt.Optimizer
}

var _ Learner = (*GradientLearner)(nil)

// NewGradientLearner returns a learner about to take its first step.
func NewGradientLearner(c GradientConfig) (*GradientLearner, error) {
	if c.Clip == 0 {
		c.Clip = 1
	}
	if c.Outer == nil {
		c.Outer = &handmade.Adam{LR: 0.003}
	}
	layout := c.Rule.Spec().Phi
	switch {
	case layout.Len() == 0:
		return nil, fmt.Errorf("meta: rule %q has nothing to learn", c.Rule.Name())
	case !layout.Equal(c.Estimator.Phi()):
		return nil, fmt.Errorf("meta: the estimator is for another rule than %q: %s", c.Rule.Name(), layout.Diff(c.Estimator.Phi()))
	case c.Start != nil && len(c.Start) != layout.Len():
		return nil, fmt.Errorf("meta: a start of %d numbers for a rule of %d", len(c.Start), layout.Len())
	case c.Average < 0 || c.Average >= 1:
		return nil, fmt.Errorf("meta: average %v; want 0, or above 0 and below 1", c.Average)
	case c.Cosine < 0:
		return nil, fmt.Errorf("meta: a cosine of %d episodes; want 0 for none, or more", c.Cosine)
	}
	outer, err := learnedopt.New(c.Outer, nil, layout)
	if err != nil {
		return nil, err
	}
	phi := learnedopt.Phi(c.Rule, c.Key)
	if c.Start != nil {
		copy(phi, c.Start)
	}
	mean := phi
	if c.Average > 0 {
		mean = append([]float32(nil), phi...)
	}
	return &GradientLearner{
		config: c, phi: phi, mean: mean, from: make([]float32, len(phi)), grad: make([]float32, len(phi)), outer: outer,
	}, nil
}

// Layout implements Learner.
func (l *GradientLearner) Layout() params.Layout { return l.config.Rule.Spec().Phi }

// Phi implements Learner: the running average, phi itself if there is none.
func (l *GradientLearner) Phi() []float32 { return l.mean }

// Raw returns where phi itself stands now.
func (l *GradientLearner) Raw() []float32 { return append([]float32(nil), l.phi...) }

// Learn implements Learner: it makes one estimate and moves phi by it. An estimate that is not finite moves nothing.
func (l *GradientLearner) Learn(ctx context.Context, key uint64, done Progress) (Outcome, error) {
	est, err := l.config.Estimator.Estimate(ctx, l.grad, l.phi, key)
	if err != nil {
		return Outcome{}, err
	}
	o := Outcome{Estimate: est, Norm: norm(l.grad)}
	if !finite(est.Loss) || !finite(o.Norm) {
		o.Skipped = true
		return o, nil
	}
	if c := l.config.Clip; c > 0 && o.Norm > c {
		o.Clipped = true
		for i := range l.grad {
			l.grad[i] *= float32(c / o.Norm)
		}
	}
	if err := l.move(done.Episodes + est.Episodes); err != nil {
		return Outcome{}, err
	}
	l.average(done.Steps + 1)
	return o, nil
}

// move takes the outer optimizer's step, or as much of it as the schedule has left after so many episodes.
func (l *GradientLearner) move(episodes int) error {
	copy(l.from, l.phi)
	if err := l.outer.Step(l.phi, l.grad); err != nil {
		return err
	}
	if l.config.Cosine == 0 {
		return nil
	}
	past := min(1, float64(episodes)/float64(l.config.Cosine))
	left := float32((1 + math.Cos(math.Pi*past)) / 2)
	for i, from := range l.from {
		l.phi[i] = from + left*(l.phi[i]-from)
	}
	return nil
}

// average takes phi into its running average, which forgets faster at the beginning.
func (l *GradientLearner) average(steps int) {
	if l.config.Average == 0 {
		return
	}
	n := float64(steps)
	past := min(l.config.Average, n/(n+10))
	for i, p := range l.phi {
		l.mean[i] += float32(1-past) * (p - l.mean[i])
	}
}

func norm(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

// vectors lists what is saved, by prefix.
func (l *GradientLearner) vectors(prefix string) []vector {
	return []vector{
		{prefix + "phi.", l.Layout(), l.phi},
		{prefix + "mean.", l.Layout(), l.mean},
		{prefix + "outer.", l.outer.StateLayout(), l.outer.State()},
	}
}

// Save implements Resumable: phi, its average, the outer optimizer's state, and what the estimator carries.
func (l *GradientLearner) Save(f *checkpoints.File, prefix string) error {
	r, ok := l.config.Estimator.(Resumable)
	if !ok {
		return fmt.Errorf("meta: an estimator of type %T can't be saved", l.config.Estimator)
	}
	for _, v := range l.vectors(prefix) {
		checkpoints.Put(f, v.prefix, v.layout, v.data)
	}
	return r.Save(f, prefix+"episode")
}

// Load implements Resumable.
func (l *GradientLearner) Load(f *checkpoints.File, prefix string) error {
	r, ok := l.config.Estimator.(Resumable)
	if !ok {
		return fmt.Errorf("meta: an estimator of type %T can't be resumed", l.config.Estimator)
	}
	for _, v := range l.vectors(prefix) {
		if err := v.load(f); err != nil {
			return err
		}
	}
	return r.Load(f, prefix+"episode")
}

// A vector is one that is saved.
type vector struct {
	prefix string
	layout params.Layout
	data   []float32
}

func (v vector) load(f *checkpoints.File) error {
	src, err := checkpoints.Get[float32](f, v.prefix, v.layout)
	copy(v.data, src)
	return err
}
