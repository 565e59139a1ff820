package metatrain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/seed1498fded/unroll/cmd/internal/live"
	"github.com/seed1498fded/unroll/cmd/internal/rundir"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/dist/queue"
	"github.com/seed1498fded/unroll/meta/eval"
)

// keyBeside is the child of validation's key that Adam is tuned by, for the page.
const keyBeside = 'P'<<8 + 1

// looked is what a page has seen of a validation: the runs of it, or of a mix those on its first network.
type looked struct {
	ctx     context.Context
	runs    eval.Runs
	losses  eval.Losses
	strides *eval.Strides
}

// measure is eval.Measure, at which the page looks if there is one.
func (p *page) measure(ctx context.Context, t *learnedopt.Trained, r eval.Runs) (eval.Losses, error) {
	if p == nil {
		return eval.Measure(ctx, t, r)
	}
	losses, strides, err := eval.Watch(ctx, t, r)
	if err == nil {
		p.looked = &looked{ctx, r, losses, strides}
	}
	return losses, err
}

// train shows how training went at the validation of a record, and at the first of them how it goes under Adam.
func (p *page) train(r meta.Record) error {
	l := p.looked
	if l == nil { // such as of lives
		return nil
	}
	p.looked = nil
	now := l.training("the rule", r.Episodes)
	news := live.Inner{On: p.on, Now: now}
	if r.Best {
		news.Best = now
	}
	p.show(news)
	if p.beside {
		return nil
	}
	p.beside = true
	adam, err := l.adam()
	if err == nil {
		p.show(live.Inner{Beside: adam})
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return nil // what can't be shown is no reason to stop
}

// show puts training on the board, and into the run's folder for pages that follow: no reason to stop either, if it cannot.
func (p *page) show(news live.Inner) {
	p.board.Train(news)
	p.inner = p.inner.With(news)
	if text, err := json.Marshal(p.inner); err == nil && p.folder != nil {
		p.folder.Write(rundir.Training, append(text, '\n'))
	}
}

// shown is what the last page of the run in a folder showed of training. A file that says nothing is as good as none.
func shown(dir string) (inner live.Inner) {
	text, err := rundir.Read(dir, rundir.Training)
	if err != nil || json.Unmarshal(text, &inner) != nil {
		return live.Inner{}
	}
	return inner
}

// adam returns training of the same runs under Adam, at the learning rate that is best on other runs: a quarter as many, but two at
// least. It takes about as long as four validations.
func (l *looked) adam() (*live.Training, error) {
	b, err := eval.FindBaseline("adam")
	if err != nil {
		return nil, err
	}
	others := l.runs
	others.Key, others.Count = rng.Split(l.runs.Key, keyBeside), max(2, l.runs.Count/4)
	tuned, err := eval.Tune(l.ctx, b, eval.LearningRates(), others)
	if err != nil {
		return nil, err
	}
	losses, strides, err := eval.Watch(l.ctx, &learnedopt.Trained{Rule: tuned.Rule}, l.runs)
	if err != nil {
		return nil, err
	}
	beside := looked{losses: losses, strides: strides}
	return beside.training(fmt.Sprintf("adam, lr %g", tuned.LR), 0), nil
}

// shownCurves makes the curves of training as fine as those of a comparison of so many.
const shownCurves = 60

// training words what was seen.
func (l *looked) training(name string, episodes int) *live.Training {
	t := &live.Training{
		Name: name, Episodes: episodes, At: live.CurvePoints(len(l.losses[0]), shownCurves),
		Low: eval.Lowest, Counts: l.strides.Counts, Still: l.strides.Zero, Odd: l.strides.Odd,
	}
	for _, step := range t.At {
		s := l.losses.At(step)
		t.Loss, t.Error = append(t.Loss, meta.Number(s.Mean)), append(t.Error, meta.Number(s.StdErr))
	}
	for _, x := range l.strides.Tensors {
		t.Tensors = append(t.Tensors, live.Stride{Name: x.Name, RMS: meta.Number(x.RMS)})
	}
	return t
}

// help shows who helps a learner; nobody any more if it is nil.
func (p *page) help(l *queue.Learner) {
	switch {
	case p == nil:
	case l == nil:
		p.board.Help(nil)
	default:
		p.board.Help(func() live.Helpers { return helpersOf(l) })
	}
}

func helpersOf(l *queue.Learner) live.Helpers {
	s := l.Stats()
	h := live.Helpers{
		Workers: s.Workers, Goroutines: s.Goroutines, Busy: s.Busy, Idle: s.Idle, InFlight: s.InFlight, Results: s.Results, Here: s.Here,
	}
	for _, w := range l.Helpers() {
		h.List = append(h.List, live.Helper{
			Name: fmt.Sprintf("%08x", w.ID>>32), Goroutines: w.Goroutines, Busy: w.Busy, Idle: w.Idle, Results: w.Results, Silent: w.Silent.Seconds(),
		})
	}
	return h
}
