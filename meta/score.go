package meta

import (
	"context"
	"fmt"
	"sync"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/params"
)

// A score makes meta-losses of the losses of a trajectory's runs.
type score[F params.Float] struct {
	loss     MetaLoss
	baseline *baseline[F] // nil for none
	slopes   []F          // of each run's meta-loss by the loss that it is of
	other    []F          // the derivatives of the losses on other minibatches; nil where nobody wants them
	batch    func(i int) uint64
}

// SetMetaLoss has Evaluate set MetaLosses by a MetaLoss, for runs of problems such as p, from the next Begin on. With derivatives it also
// sets what BPTT goes back from. What a baseline comes to is kept where it is shared with others, or if that is nil by the trajectory.
func (t *Trajectory[F]) SetMetaLoss(m MetaLoss, p inner.ProblemOf[F], derivatives bool, shared *Baselines) error {
	m, rule, err := m.filled()
	if err != nil || m.Plain() {
		return err
	}
	if _, lived := p.(inner.Lived); lived && (rule != nil || m.Minibatches == Other) {
		return fmt.Errorf("meta: meta-loss: %T is a life, which has neither other minibatches nor a baseline", p)
	}
	s := &score[F]{loss: m, slopes: make([]F, t.Runs()), batch: t.batch}
	if m.Minibatches == Other {
		s.batch = t.otherBatch
		if derivatives {
			s.other = make([]F, len(t.Theta))
			t.metaGrad = s.other
		}
	}
	if rule != nil {
		if s.baseline, err = newBaseline(rule, t, s, p); err != nil {
			return err
		}
		if s.baseline.kept = shared; shared == nil {
			s.baseline.kept = NewBaselines()
		}
	}
	t.score, t.MetaLosses = s, make([]float64, t.Runs())
	return nil
}

// Prepare runs the meta-loss's baseline over the episode that the trajectory stands in, of a number of steps, unless that has been done. It
// must be called after each Begin, BeginOn or ResumeOn before Evaluate is after a step; the trajectory stays where it is.
func (t *Trajectory[F]) Prepare(ctx context.Context, steps int) error {
	if t.score == nil || t.score.baseline == nil {
		return nil
	}
	return t.score.baseline.prepare(ctx, t, steps)
}

// derivative returns what meta-losses are differentiated from: the derivatives of the losses that they are of.
func (t *Trajectory[F]) derivative() []F {
	if t.metaGrad != nil {
		return t.metaGrad
	}
	return t.TrueGrad
}

// tally sets MetaLosses, after Losses.
func (t *Trajectory[F]) tally() error {
	s := t.score
	if s == nil {
		return nil
	}
	for i := range t.runs {
		loss, err := s.met(t, i)
		if err != nil {
			return err
		}
		base := 1 - s.loss.Eps
		if s.baseline != nil {
			base = s.baseline.at(t, i, loss)
		}
		value, slope := s.loss.of(loss, base)
		t.MetaLosses[i], s.slopes[i] = value, F(slope)
	}
	return nil
}

// met returns the loss of run i that counts.
func (s *score[F]) met(t *Trajectory[F], i int) (float64, error) {
	if s.loss.Minibatches != Other {
		return t.Losses[i], nil
	}
	r, batch := &t.runs[i], s.batch(i)
	var grad []F
	if s.other != nil {
		n := len(r.theta)
		grad = s.other[i*n : (i+1)*n]
	}
	loss, err := r.problem.Eval(grad, r.theta, batch)
	if err == nil && grad != nil && r.signal != nil {
		err = r.signal.Derivative(grad, r.theta, batch)
	}
	return loss, err
}

// maxKept is the number of episodes whose baselines' losses are kept. One that comes up again later is run again.
const maxKept = 1024

// Baselines keep the losses that a meta-loss's baseline has in episodes, for trajectories of the same meta-loss on the same family, which
// may be on several goroutines, so that it need not be run for each.
type Baselines struct {
	mu     sync.Mutex
	losses map[uint64][][]float64 // for each key of an episode, those of each run after each number of steps
	order  []uint64               // the keys, in the order they came
}

// NewBaselines returns one that keeps nothing yet.
func NewBaselines() *Baselines { return &Baselines{losses: make(map[uint64][][]float64)} }

// of returns the losses of an episode, nil if they are not kept.
func (b *Baselines) of(key uint64) [][]float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.losses[key]
}

// keep keeps the losses of an episode.
func (b *Baselines) keep(key uint64, losses [][]float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.losses[key]; !known {
		b.order = append(b.order, key)
	}
	b.losses[key] = losses
	if len(b.order) > maxKept {
		delete(b.losses, b.order[0])
		b.order = append(b.order[:0], b.order[1:]...)
	}
}

// A baseline is a rule's own training in the episodes of a trajectory.
type baseline[F params.Float] struct {
	trajectory *Trajectory[F]
	phi        []F
	kept       *Baselines
	key        uint64      // of the episode that was prepared last
	losses     [][]float64 // of each of its runs after each number of steps
}

func newBaseline[F params.Float](r learnedopt.Rule, t *Trajectory[F], s *score[F], p inner.ProblemOf[F]) (*baseline[F], error) {
	options := learnedopt.Options{Copies: t.Runs(), Workers: 1, Senses: inner.SensesOf(p)}
	c, err := learnedopt.CompileWith[F](r, t.compiled.Theta(), options)
	if err != nil {
		return nil, fmt.Errorf("meta: meta-loss: baseline: %w", err)
	}
	b := &baseline[F]{trajectory: NewTrajectory(c, 0)}
	b.trajectory.score = &score[F]{loss: MetaLoss{Minibatches: s.loss.Minibatches}, slopes: s.slopes, batch: b.trajectory.batch}
	if s.loss.Minibatches == Other {
		b.trajectory.score.batch = b.trajectory.otherBatch
	}
	b.trajectory.MetaLosses = make([]float64, t.Runs())
	b.phi = params.Convert[F](learnedopt.Phi(r, 0))
	return b, nil
}

// prepare sees to it that the losses of t's episode are there.
func (b *baseline[F]) prepare(ctx context.Context, t *Trajectory[F], steps int) error {
	if b.key == t.key && len(b.losses) > steps {
		return nil
	}
	if losses := b.kept.of(t.key); len(losses) > steps {
		b.key, b.losses = t.key, losses
		return nil
	}
	problems := make([]inner.ProblemOf[F], t.Runs())
	for i, r := range t.runs {
		problems[i] = r.problem
	}
	losses, err := b.run(ctx, problems, t.key, steps)
	if err != nil {
		return err
	}
	b.key, b.losses = t.key, losses
	b.kept.keep(t.key, losses)
	return nil
}

// run takes the steps of an episode.
func (b *baseline[F]) run(ctx context.Context, problems []inner.ProblemOf[F], key uint64, steps int) (losses [][]float64, err error) {
	tr := b.trajectory
	if err := tr.BeginOn(problems, b.phi, key, steps); err != nil {
		return nil, err
	}
	for range steps + 1 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := tr.Evaluate(); err != nil {
			return nil, err
		}
		losses = append(losses, append([]float64(nil), tr.MetaLosses...))
		if n := len(losses); n > 1 {
			for i, f := range losses[n-1] {
				if !finite(f) {
					losses[n-1][i] = losses[n-2][i]
				}
			}
		}
		if err := tr.Advance(b.phi); err != nil {
			return nil, err
		}
	}
	return losses, nil
}

// at returns the baseline's loss in run i after as many steps as t has taken: before the first that is t's own.
func (b *baseline[F]) at(t *Trajectory[F], i int, loss float64) float64 {
	if t.steps == 0 {
		return loss
	}
	if b.key != t.key {
		panic("meta: a trajectory whose meta-loss was not prepared")
	}
	return b.losses[t.steps][i]
}
