package meta

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/internal/rng"
)

// TrainerConfig says how learning is watched over.
type TrainerConfig struct {
	Learner Learner
	Key     uint64 // of all randomness of the outer steps

	// Validate scores a phi; the lowest score is the best. It must give the same score for the same phi.
	Validate func(ctx context.Context, phi []float32) (float64, error)
	Every    int // episodes between validations; 20 if zero
	Patience int // validations without a new best after which training is over; no end if zero
}

// The keys of training's parts are children of its own.
const (
	keyPhi = iota
	keyEpisodes
)

// PhiKey returns the key that the start of phi is drawn by in a run of training with the given key.
func PhiKey(training uint64) uint64 { return rng.Split(training, keyPhi) }

// A Trainer lets a learner take outer steps. It validates before the first and then every so many episodes, and keeps the best
// phi seen. It is for one goroutine at a time.
type Trainer struct {
	config TrainerConfig
	status Status
	best   []float32
}

// Status counts what a Trainer has done.
type Status struct {
	OuterSteps  int         `json:"outer_steps"` // estimates made, the skipped ones included
	Episodes    int         `json:"episodes"`
	InnerSteps  int         `json:"inner_steps"`
	Diverged    int         `json:"diverged"`     // windows in which the inner loss was not finite
	Skipped     int         `json:"skipped"`      // outer steps left out because loss or gradient was not finite
	Due         int         `json:"due"`          // episodes at which the next validation is due
	Validated   int         `json:"validated"`    // outer steps before the last validation
	Best        float64     `json:"best"`         // lowest score
	BestEpisode int         `json:"best_episode"` // the episodes before the best phi
	Since       RunningMean `json:"since"`        // meta-losses since the last validation
}

// bestLoss returns the best score, or what JSON calls null while there is none.
func (s Status) bestLoss() Number {
	if s.Best == math.MaxFloat64 {
		return Number(math.NaN())
	}
	return Number(s.Best)
}

// RunningMean is a mean that is added to.
type RunningMean struct {
	Sum   float64 `json:"sum"`
	Count int     `json:"count"`
}

// Value returns the mean, NaN if there is nothing to take it of.
func (m RunningMean) Value() float64 { return m.Sum / float64(m.Count) }

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
	if c.Every == 0 {
		c.Every = 20
	}
	switch {
	case c.Learner == nil:
		return nil, errors.New("meta: no learner")
	case c.Validate == nil:
		return nil, errors.New("meta: no validation")
	case c.Every < 0 || c.Patience < 0:
		return nil, fmt.Errorf("meta: validation every %d episodes with patience %d; want neither below 0", c.Every, c.Patience)
	}
	return &Trainer{config: c, best: append([]float32(nil), c.Learner.Phi()...), status: Status{Best: math.MaxFloat64}}, nil
}

// Status returns the counts so far.
func (t *Trainer) Status() Status { return t.status }

// Last returns the learner's phi as things stand: what the next validation would score.
func (t *Trainer) Last() []float32 { return append([]float32(nil), t.config.Learner.Phi()...) }

// Best returns the best phi so far.
func (t *Trainer) Best() []float32 { return append([]float32(nil), t.best...) }

// Run learns until stop says so, ctx ends, or patience runs out. Stop only looks: whatever wants to do something at an event
// observes. An error of the observer ends the run. When Run returns, whatever the reason, the trainer stands between two
// outer steps: it can be saved, and it can be run again. The error is ctx's if ctx ended it. A nil observer is nobody.
func (t *Trainer) Run(ctx context.Context, stop func(Status) bool, observe Observer) error {
	observe = Observers(observe)
	for {
		if t.status.Episodes >= t.status.Due {
			if err := t.validate(ctx, observe); err != nil {
				return err
			}
		}
		if stop(t.status) || t.outOfPatience() {
			return nil
		}
		if err := t.outerStep(ctx, observe); err != nil {
			return err
		}
	}
}

// Finish validates once more if there were outer steps since the last validation, so that the end of a run counts. A nil observer is
// nobody.
func (t *Trainer) Finish(ctx context.Context, observe Observer) error {
	if t.status.Validated == t.status.OuterSteps && t.status.Due > 0 {
		return nil
	}
	return t.validate(ctx, Observers(observe))
}

func (t *Trainer) outOfPatience() bool {
	late := t.status.Episodes - t.status.BestEpisode
	return t.config.Patience > 0 && late >= t.config.Patience*t.config.Every
}

func (t *Trainer) validate(ctx context.Context, observe Observer) error {
	phi := t.config.Learner.Phi()
	score, err := t.config.Validate(ctx, phi)
	if err != nil {
		return err
	}
	s := &t.status
	best := score < s.Best
	if best {
		s.Best, s.BestEpisode = score, s.Episodes
		copy(t.best, phi)
	}
	r := Record{
		Episodes: s.Episodes, OuterSteps: s.OuterSteps,
		TrainLoss: Number(s.Since.Value()), ValidLoss: Number(score), BestLoss: s.bestLoss(), Best: best,
		Diverged: s.Diverged, Skipped: s.Skipped,
	}
	s.Due = (s.Episodes/t.config.Every + 1) * t.config.Every
	s.Validated, s.Since = s.OuterSteps, RunningMean{}
	return observe(Event{Status: *s, Record: &r})
}

// outerStep lets the learner take a step, and counts.
func (t *Trainer) outerStep(ctx context.Context, observe Observer) error {
	s := &t.status
	key := rng.Split(rng.Split(t.config.Key, keyEpisodes), uint64(s.OuterSteps))
	o, err := t.config.Learner.Learn(ctx, key, Progress{s.OuterSteps, s.Episodes})
	if err != nil {
		return err
	}
	s.OuterSteps++
	s.Episodes += o.Episodes
	s.InnerSteps += o.Steps
	if !finite(o.Loss) {
		s.Diverged++
	}
	if o.Skipped {
		s.Skipped++
	} else {
		s.Since.Sum += o.Loss
		s.Since.Count++
	}
	return observe(Event{Status: *s, Outcome: &o})
}
