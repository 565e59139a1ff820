package es

import (
	"context"
	"fmt"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// TrainingOf is the training of problems by a rule, as a System: a meta.Trajectory that goes on from any place. The loss after step
// t is that at the weights which the step led to, on the minibatch that the next step is computed from, the mean over the copies.
type TrainingOf[F params.Float] struct {
	family     inner.FamilyOf[F]
	trajectory *meta.Trajectory[F]
	lean       bool // only the loss at the end of an episode is looked at; all before are zero
	kept       []sampled[F]
	layout     params.Layout
}

// sampled are the problems of an episode.
type sampled[F params.Float] struct {
	key      uint64
	problems []inner.ProblemOf[F]
}

// TrainingConfigOf says what is trained.
type TrainingConfigOf[F params.Float] struct {
	Rule   learnedopt.Rule
	Family inner.FamilyOf[F]
	Copies int // problems side by side in an episode, their losses averaged; 1 if zero

	// With meta.Last, and a rule that reads neither losses nor gradients, losses before an episode's end are not looked at.
	Objective meta.Objective
}

// NewTraining returns training that is for one goroutine at a time.
func NewTraining[F params.Float](c TrainingConfigOf[F]) (*TrainingOf[F], error) {
	if c.Copies < 0 {
		return nil, fmt.Errorf("es: %d copies; want at least 1", c.Copies)
	}
	p, err := c.Family.Sample(0) // for its layout
	if err != nil {
		return nil, err
	}
	options := learnedopt.Options{Copies: max(1, c.Copies), Workers: 1, Senses: inner.SensesOf(p)}
	compiled, err := learnedopt.CompileWith[F](c.Rule, p.Params(), options)
	if err != nil {
		return nil, err
	}
	t := &TrainingOf[F]{family: c.Family, trajectory: meta.NewTrajectory(compiled, 0)}
	problems, err := t.trajectory.Sample(c.Family, 0)
	if err != nil {
		return nil, err
	}
	// Only with problems is it known what is shown to synapses.
	if err := t.trajectory.BeginOn(problems, make([]F, compiled.Phi().Len()), 0, 0); err != nil {
		return nil, err
	}
	t.layout, t.lean = t.trajectory.PlaceLayout(), t.trajectory.Lean(c.Objective)
	return t, nil
}

// State implements SystemOf: see meta.Trajectory.PlaceLayout.
func (t *TrainingOf[F]) State() params.Layout { return t.layout }

// Start implements SystemOf.
func (t *TrainingOf[F]) Start(state, phi []F, e Episode) error {
	problems, err := t.problems(e)
	if err != nil {
		return err
	}
	if err := t.trajectory.BeginOn(problems, phi, e.Key, e.Length); err != nil {
		return err
	}
	if err := t.look(e); err != nil {
		return err
	}
	t.trajectory.Place(state)
	return nil
}

// Unroll implements SystemOf. Problems with a world of their own must have been started by the same system just before.
func (t *TrainingOf[F]) Unroll(ctx context.Context, losses []float64, state, phi []F, e Episode, from int) error {
	problems, err := t.problems(e)
	if err != nil {
		return err
	}
	t.trajectory.ResumeOn(problems, state, e.Key, from, e.Length)
	for i := range losses {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.trajectory.Advance(phi); err != nil {
			return err
		}
		if err := t.look(e); err != nil {
			return err
		}
		losses[i] = t.loss(e)
	}
	t.trajectory.Place(state)
	return nil
}

// problems returns those of an episode. Each pair's are kept until its next episode.
func (t *TrainingOf[F]) problems(e Episode) ([]inner.ProblemOf[F], error) {
	for e.Pair >= len(t.kept) {
		t.kept = append(t.kept, sampled[F]{})
	}
	k := &t.kept[e.Pair]
	if k.problems != nil && k.key == e.Key {
		return k.problems, nil
	}
	problems, err := t.trajectory.Sample(t.family, e.Key)
	if err != nil {
		return nil, err
	}
	*k = sampled[F]{e.Key, problems}
	return problems, nil
}

// look sets what the next step sees, or after the last one the losses.
func (t *TrainingOf[F]) look(e Episode) error {
	switch {
	case t.trajectory.Steps() == e.Length:
		return t.trajectory.Measure()
	case t.lean:
		return t.trajectory.Sense()
	}
	return t.trajectory.Evaluate()
}

// loss returns the mean of the runs' losses, zero where nobody has looked.
func (t *TrainingOf[F]) loss(e Episode) float64 {
	if t.lean && t.trajectory.Steps() < e.Length {
		return 0
	}
	return t.trajectory.Loss() / float64(t.trajectory.Runs())
}

// hasWorld reports whether a problem has a world of its own, which can't be put back to where it was.
func hasWorld[F params.Float](p inner.ProblemOf[F]) bool {
	_, lived := p.(inner.Lived)
	_, senses := p.(inner.SynapticOf[F])
	_, follows := p.(inner.SynapticPullbackOf[F])
	return lived && senses && !follows
}
