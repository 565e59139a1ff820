package meta

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// TrainerConfig says how phi is learned.
type TrainerConfig struct {
	Rule      learnedopt.Rule // gives phi its start, unless Start does
	Start     []float32       // where phi begins, such as at a rule learned before; drawn by Rule if nil
	Estimator Estimator       // of the meta-gradient
	Outer     learnedopt.Rule // moves phi; Adam with LR 0.003 if nil
	Clip      float64         // the longest meta-gradient, in the Euclidean norm; 1 if zero, no bound if negative
	Key       uint64          // of all randomness: the start of phi and every episode

	// Average is the weight of the past in a running average of phi, above 0 and below 1; the average is what is validated
	// and kept, and is less noisy than phi itself (Polyak and Juditsky 1992). 0: none, phi itself is.
	Average float64

	// Cosine is the number of episodes over which the outer step shrinks to nothing along half a cosine (Loshchilov and Hutter
	// 2017, equation 5, without restarts). 0: it does not shrink.
	Cosine int

	// Validate scores a phi; the lowest score is the best. It must give the same score for the same phi.
	Validate func(ctx context.Context, phi []float32) (float64, error)
	Every    int // episodes between validations; 20 if zero
	Patience int // validations without a new best after which training is over; no end if zero
}

// The keys of a trainer's parts are children of its own.
const (
	keyPhi = iota
	keyEpisodes
)

// A Trainer learns phi by outer steps. It validates before the first and then every so many episodes, and keeps the best
// phi seen. It is for one goroutine at a time.
type Trainer struct {
	config TrainerConfig
	phi    []float32
	mean   []float32 // the running average of phi; phi itself if there is none
	from   []float32 // phi before the outer step
	grad   []float32
	outer  *learnedopt.Optimizer
	status Status
	best   []float32
}

// Status counts what a Trainer has done.
type Status struct {
	OuterSteps  int     `json:"outer_steps"` // estimates made, the skipped ones included
	Episodes    int     `json:"episodes"`
	InnerSteps  int     `json:"inner_steps"`
	Diverged    int     `json:"diverged"`     // windows in which the inner loss was not finite
	Skipped     int     `json:"skipped"`      // outer steps left out because loss or gradient was not finite
	Due         int     `json:"due"`          // episodes at which the next validation is due
	Validated   int     `json:"validated"`    // outer steps before the last validation
	Best        float64 `json:"best"`         // lowest score
	BestEpisode int     `json:"best_episode"` // the episodes before the best phi
	Since       Mean    `json:"since"`        // meta-losses since the last validation
}

// bestLoss returns the best score, or what JSON calls null while there is none.
func (s Status) bestLoss() Number {
	if s.Best == math.MaxFloat64 {
		return Number(math.NaN())
	}
	return Number(s.Best)
}

// Mean is a running mean.
type Mean struct {
	Sum   float64 `json:"sum"`
	Count int     `json:"count"`
}

// Value returns the mean, NaN if there is nothing to take it of.
func (m Mean) Value() float64 { return m.Sum / float64(m.Count) }

// A Record is the outcome of a validation.
type Record struct {
	Episodes   int    `json:"episodes"`
	OuterSteps int    `json:"outer_steps"`
	TrainLoss  Number `json:"train_loss"` // mean meta-loss since the last validation
	ValidLoss  Number `json:"valid_loss"` // the score
	BestLoss   Number `json:"best_loss"`  // the best score so far
	Best       bool   `json:"best"`       // this one is it
	Diverged   int    `json:"diverged"`
	Skipped    int    `json:"skipped"`
}

// Number is a float64 that JSON can hold: what is not finite becomes null.
type Number float64

// MarshalJSON writes the shortest form that reads back the same, or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if !finite(float64(n)) {
		return []byte("null"), nil
	}
	return fmt.Appendf(nil, "%v", float64(n)), nil
}

// NewTrainer returns a trainer about to validate the start of phi.
func NewTrainer(c TrainerConfig) (*Trainer, error) {
	if c.Outer == nil {
		c.Outer = &learnedopt.Adam{LR: 0.003}
	}
	if c.Clip == 0 {
		c.Clip = 1
	}
	if c.Every == 0 {
		c.Every = 20
	}
	layout := c.Rule.Phi()
	switch {
	case layout.Len() == 0:
		return nil, fmt.Errorf("meta: rule %q has nothing to learn", c.Rule.Name())
	case !layout.Equal(c.Estimator.Phi()):
		return nil, fmt.Errorf("meta: the estimator is for another rule than %q: %s", c.Rule.Name(), layout.Diff(c.Estimator.Phi()))
	case c.Start != nil && len(c.Start) != layout.Len():
		return nil, fmt.Errorf("meta: a start of %d numbers for a rule of %d", len(c.Start), layout.Len())
	case c.Validate == nil:
		return nil, errors.New("meta: no validation")
	case c.Average < 0 || c.Average >= 1:
		return nil, fmt.Errorf("meta: average %v; want 0, or above 0 and below 1", c.Average)
	case c.Cosine < 0:
		return nil, fmt.Errorf("meta: a cosine of %d episodes; want 0 for none, or more", c.Cosine)
	case c.Every < 0 || c.Patience < 0:
		return nil, fmt.Errorf("meta: validation every %d episodes with patience %d; want neither below 0", c.Every, c.Patience)
	}
	outer, err := learnedopt.New(c.Outer, nil, layout)
	if err != nil {
		return nil, err
	}
	phi := learnedopt.Phi(c.Rule, rng.Split(c.Key, keyPhi))
	if c.Start != nil {
		copy(phi, c.Start)
	}
	mean := phi
	if c.Average > 0 {
		mean = append([]float32(nil), phi...)
	}
	return &Trainer{
		config: c, phi: phi, mean: mean, from: make([]float32, len(phi)), grad: make([]float32, len(phi)), outer: outer,
		best: append([]float32(nil), phi...), status: Status{Best: math.MaxFloat64},
	}, nil
}

// Status returns the counts so far.
func (t *Trainer) Status() Status { return t.status }

// Phi returns where phi stands now.
func (t *Trainer) Phi() []float32 { return append([]float32(nil), t.phi...) }

// Mean returns the running average of phi now, phi itself if there is none: what the next validation would score.
func (t *Trainer) Mean() []float32 { return append([]float32(nil), t.mean...) }

// Best returns the best phi so far.
func (t *Trainer) Best() []float32 { return append([]float32(nil), t.best...) }

// Run learns until stop says so, ctx ends, or patience runs out. It calls report after every validation; an error of
// report ends the run. When it returns, whatever the reason, the trainer stands between two outer steps: it can be
// saved, and it can be run again. The error is ctx's if ctx ended it.
func (t *Trainer) Run(ctx context.Context, stop func(Status) bool, report func(Record) error) error {
	for {
		if t.status.Episodes >= t.status.Due {
			r, err := t.validate(ctx)
			if err != nil {
				return err
			}
			if err := report(r); err != nil {
				return err
			}
		}
		if stop(t.status) || t.outOfPatience() {
			return nil
		}
		if err := t.outerStep(ctx); err != nil {
			return err
		}
	}
}

// Finish validates once more if there were outer steps since the last validation, so that the end of a run counts.
func (t *Trainer) Finish(ctx context.Context, report func(Record) error) error {
	if t.status.Validated == t.status.OuterSteps && t.status.Due > 0 {
		return nil
	}
	r, err := t.validate(ctx)
	if err != nil {
		return err
	}
	return report(r)
}

func (t *Trainer) outOfPatience() bool {
	late := t.status.Episodes - t.status.BestEpisode
	return t.config.Patience > 0 && late >= t.config.Patience*t.config.Every
}

func (t *Trainer) validate(ctx context.Context) (Record, error) {
	score, err := t.config.Validate(ctx, t.mean)
	if err != nil {
		return Record{}, err
	}
	s := &t.status
	best := score < s.Best
	if best {
		s.Best, s.BestEpisode = score, s.Episodes
		copy(t.best, t.mean)
	}
	r := Record{
		Episodes: s.Episodes, OuterSteps: s.OuterSteps,
		TrainLoss: Number(s.Since.Value()), ValidLoss: Number(score), BestLoss: s.bestLoss(), Best: best,
		Diverged: s.Diverged, Skipped: s.Skipped,
	}
	s.Due = (s.Episodes/t.config.Every + 1) * t.config.Every
	s.Validated, s.Since = s.OuterSteps, Mean{}
	return r, nil
}

// outerStep makes one estimate and moves phi by it. An estimate that is not finite is counted and moves nothing.
func (t *Trainer) outerStep(ctx context.Context) error {
	s := &t.status
	key := rng.Split(rng.Split(t.config.Key, keyEpisodes), uint64(s.OuterSteps))
	est, err := t.config.Estimator.Estimate(ctx, t.grad, t.phi, key)
	if err != nil {
		return err
	}
	s.OuterSteps++
	s.Episodes += est.Episodes
	s.InnerSteps += est.Steps
	norm := norm(t.grad)
	if !finite(est.Loss) {
		s.Diverged++
	}
	if !finite(est.Loss) || !finite(norm) {
		s.Skipped++
		return nil
	}
	s.Since.Sum += est.Loss
	s.Since.Count++
	if c := t.config.Clip; c > 0 && norm > c {
		for i := range t.grad {
			t.grad[i] *= float32(c / norm)
		}
	}
	if err := t.move(); err != nil {
		return err
	}
	t.average()
	return nil
}

// move takes the outer optimizer's step, or as much of it as the schedule has left.
func (t *Trainer) move() error {
	copy(t.from, t.phi)
	if err := t.outer.Step(t.phi, t.grad); err != nil {
		return err
	}
	if t.config.Cosine == 0 {
		return nil
	}
	past := min(1, float64(t.status.Episodes)/float64(t.config.Cosine))
	left := float32((1 + math.Cos(math.Pi*past)) / 2)
	for i, from := range t.from {
		t.phi[i] = from + left*(t.phi[i]-from)
	}
	return nil
}

// average takes phi into its running average, which forgets faster at the beginning.
func (t *Trainer) average() {
	if t.config.Average == 0 {
		return
	}
	n := float64(t.status.OuterSteps)
	past := min(t.config.Average, n/(n+10))
	for i, p := range t.phi {
		t.mean[i] += float32(1-past) * (p - t.mean[i])
	}
}

func norm(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

// phiLayout lays out phi, for checkpoints.
func (t *Trainer) phiLayout() params.Layout { return t.config.Rule.Phi() }
