package es

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// TrainingOf is the training of problems by a rule, as a System: a meta.Trajectory that goes on from any place. The loss after step
// t is that at the weights which the step led to, on the minibatch that the next step is computed from, the mean over the copies.
// The family may be a mix: each episode is of one member.
type TrainingOf[F params.Float] struct {
	config  TrainingConfigOf[F]
	members []inner.FamilyOf[F]
	tracks  []*track[F]  // of the members that episodes have been of, nil for others
	kept    []sampled[F] // for each pair; an estimator's systems share it, since each of them may have any pair's next window
	longest int          // the largest state
}

// A track is what the problems of one member are trained on.
type track[F params.Float] struct {
	family     inner.FamilyOf[F]
	trajectory *meta.Trajectory[F]
	layout     params.Layout
	lean       bool            // only the loss at the end of an episode is looked at; all before are zero
	through    *meta.BPTTOf[F] // nil if nothing is to be differentiated
	teacher    *teacher[F]     // nil if nothing is imitated
	before     []F             // the weights before a step, where steps are of another length than the rule's
}

// sampled are the problems of an episode.
type sampled[F params.Float] struct {
	key      uint64
	member   int
	problems []inner.ProblemOf[F]
}

// TrainingConfigOf says what is trained.
type TrainingConfigOf[F params.Float] struct {
	Rule   learnedopt.Rule
	Family inner.FamilyOf[F]
	Copies int // problems side by side in an episode, their losses averaged; 1 if zero

	// With meta.Last, and a rule that reads neither losses nor gradients, losses before an episode's end are not looked at.
	Objective meta.Objective

	MetaLoss  meta.MetaLoss   // what each loss counts as; the loss itself if zero
	Baselines *meta.Baselines // where the runs of its baseline are kept, to share them; its own if nil

	// Imitate is what is imitated, if anything is. Not with Through.
	Imitate *Imitation

	Untold float64 // the probability, up to 1, that the rule is not told how long an episode is

	Pace float64 // see Settings.Pace; 1 if zero. Not with Through

	Through int  // the most steps that Differentiate goes at once; none if zero
	Exact   bool // it goes through the inner gradients too, see meta.BPTTConfigOf
}

// NewTraining returns training that is for one goroutine at a time.
func NewTraining[F params.Float](c TrainingConfigOf[F]) (*TrainingOf[F], error) {
	if c.Copies < 0 {
		return nil, fmt.Errorf("es: %d copies; want at least 1", c.Copies)
	}
	if c.Imitate != nil && c.Through > 0 {
		return nil, errors.New("es: an imitation has no derivative")
	}
	if c.Pace > 1 && c.Through > 0 {
		return nil, errors.New("es: steps of another length than the rule's have no derivative here")
	}
	c.Copies = max(1, c.Copies)
	t := &TrainingOf[F]{config: c, members: inner.MembersOf(c.Family)}
	t.tracks = make([]*track[F], len(t.members))
	if !t.varies() {
		tr, err := t.track(0)
		if err != nil {
			return nil, err
		}
		t.longest = tr.layout.Len()
		return t, nil
	}
	for _, f := range t.members {
		n, err := placeLen(c, f)
		if err != nil {
			return nil, err
		}
		t.longest = max(t.longest, n)
	}
	return t, nil
}

// varies reports whether states differ in length.
func (t *TrainingOf[F]) varies() bool { return len(t.members) > 1 }

// placeLen returns how many numbers a place in the training of a family's problems has.
func placeLen[F params.Float](c TrainingConfigOf[F], f inner.FamilyOf[F]) (int, error) {
	p, err := f.Sample(0) // for its layout
	if err != nil {
		return 0, err
	}
	state, err := learnedopt.StateLen(c.Rule, p.Params(), c.Copies)
	if err != nil {
		return 0, fmt.Errorf("es: %w", err)
	}
	taught, err := c.Imitate.memory(p.Params(), c.Copies)
	if err != nil {
		return 0, fmt.Errorf("es: %w", err)
	}
	return c.Copies*(2*p.Params().Len()+1+inner.SensesOf(p).Len()) + state + taught, nil
}

// track returns what a member's problems are trained on, which is made when it is first asked for.
func (t *TrainingOf[F]) track(member int) (*track[F], error) {
	if t.tracks[member] == nil {
		tr, err := newTrack(t.config, t.members[member])
		if err != nil {
			return nil, err
		}
		t.tracks[member] = tr
	}
	return t.tracks[member], nil
}

func newTrack[F params.Float](c TrainingConfigOf[F], f inner.FamilyOf[F]) (*track[F], error) {
	p, err := f.Sample(0) // for its layout
	if err != nil {
		return nil, err
	}
	options := learnedopt.Options{Copies: c.Copies, Workers: 1, Senses: inner.SensesOf(p)}
	compiled, err := learnedopt.CompileWith[F](c.Rule, p.Params(), options)
	if err != nil {
		return nil, err
	}
	t := &track[F]{family: f, trajectory: meta.NewTrajectory(compiled, 0)}
	if err := t.trajectory.SetMetaLoss(c.MetaLoss, p, false, c.Baselines); err != nil {
		return nil, err
	}
	if t.through, err = c.through(f); err != nil {
		return nil, err
	}
	problems, err := t.trajectory.Sample(f, 0)
	if err != nil {
		return nil, err
	}
	// Only with problems is it known what is shown to synapses.
	if err := t.trajectory.BeginOn(problems, make([]F, compiled.Phi().Len()), 0, 0); err != nil {
		return nil, err
	}
	if t.teacher, err = newTeacher[F](c.Imitate, p.Params(), c.Copies); err != nil {
		return nil, err
	}
	t.layout, t.lean = t.trajectory.PlaceLayout(), t.trajectory.Lean(c.Objective) && t.teacher == nil
	if n := len(t.teacher.memory()); n > 0 {
		t.layout = append(t.layout, params.Spec{Name: "teacher", Shape: []int{n}})
	}
	return t, nil
}

// State implements SystemOf: see meta.Trajectory.PlaceLayout. Of a mix it is as long as the longest.
func (t *TrainingOf[F]) State() params.Layout {
	if t.varies() {
		return params.Layout{{Name: "place", Shape: []int{t.longest}}}
	}
	return t.tracks[0].layout
}

// StateLen implements VariedOf.
func (t *TrainingOf[F]) StateLen(e Episode) (int, error) {
	tr, err := t.track(inner.ChooseOf(t.config.Family, e.Key))
	if err != nil {
		return 0, err
	}
	return tr.layout.Len(), nil
}

// Start implements SystemOf.
func (t *TrainingOf[F]) Start(state, phi []F, e Episode) error {
	tr, problems, err := t.problems(e)
	if err != nil {
		return err
	}
	if err := tr.trajectory.BeginOn(problems, phi, e.Key, t.told(e)); err != nil {
		return err
	}
	if err := tr.look(e); err != nil {
		return err
	}
	tr.trajectory.Place(state)
	return tr.teacher.start(state)
}

// Unroll implements SystemOf. Problems with a world of their own must have been started by the same system just before.
func (t *TrainingOf[F]) Unroll(ctx context.Context, losses []float64, state, phi []F, e Episode, from int) error {
	tr, problems, err := t.problems(e)
	if err != nil {
		return err
	}
	tr.trajectory.ResumeOn(problems, state, e.Key, from, t.told(e))
	tr.teacher.resume(state)
	if err := tr.trajectory.Prepare(ctx, e.Length); err != nil {
		return err
	}
	for i := range losses {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := tr.teacher.look(tr.trajectory, e); err != nil {
			return err
		}
		if err := tr.advance(phi, t.pace(e)); err != nil {
			return err
		}
		tr.teacher.judge(tr.trajectory)
		if err := tr.look(e); err != nil {
			return err
		}
		losses[i] = tr.teacher.count(tr.loss(e), tr.trajectory.Steps(), e)
	}
	tr.trajectory.Place(state)
	tr.teacher.place(state)
	return nil
}

// Children of an episode's key, beside those of a trajectory.
const (
	keyUntold = 1<<32 + iota
	keyPace
)

// pace returns how many times as long as the rule has them an episode's steps are.
func (t *TrainingOf[F]) pace(e Episode) F {
	if t.config.Pace <= 1 {
		return 1
	}
	u := 2*rng.New(rng.Split(e.Key, keyPace)).Float64() - 1
	return F(math.Pow(t.config.Pace, u))
}

// advance takes a step at a pace.
func (t *track[F]) advance(phi []F, pace F) error {
	if pace == 1 {
		return t.trajectory.Advance(phi)
	}
	theta := t.trajectory.Theta
	t.before = append(t.before[:0], theta...)
	if err := t.trajectory.Advance(phi); err != nil {
		return err
	}
	for i, x := range t.before {
		theta[i] = x + pace*(theta[i]-x)
	}
	return nil
}

// told returns how many steps the rule is told that an episode has, 0 where it is not.
func (t *TrainingOf[F]) told(e Episode) int {
	if t.config.Untold > 0 && rng.New(rng.Split(e.Key, keyUntold)).Float64() < t.config.Untold {
		return 0
	}
	return e.Length
}

// problems returns those of an episode, and what they are trained on. Each pair's are kept until its next episode.
func (t *TrainingOf[F]) problems(e Episode) (*track[F], []inner.ProblemOf[F], error) {
	for e.Pair >= len(t.kept) {
		t.kept = append(t.kept, sampled[F]{})
	}
	k := &t.kept[e.Pair]
	if k.problems != nil && k.key == e.Key {
		tr, err := t.track(k.member)
		return tr, k.problems, err
	}
	member := inner.ChooseOf(t.config.Family, e.Key)
	tr, err := t.track(member)
	if err != nil {
		return nil, nil, err
	}
	problems, err := tr.trajectory.Sample(tr.family, e.Key)
	if err != nil {
		return nil, nil, err
	}
	*k = sampled[F]{e.Key, member, problems}
	return tr, problems, nil
}

// look sets what the next step sees, or after the last one the losses.
func (t *track[F]) look(e Episode) error {
	switch {
	case t.trajectory.Steps() == e.Length:
		return t.trajectory.Measure()
	case t.lean:
		return t.trajectory.Sense()
	}
	return t.trajectory.Evaluate()
}

// loss returns the mean of the runs' losses, zero where nobody has looked.
func (t *track[F]) loss(e Episode) float64 {
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
