package eval

import (
	"context"
	"math"
	"runtime"
	"time"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
)

// Run is what happened in a run. It diverges when the loss of a minibatch is not finite, or a weight at the end of an epoch: it
// ends there, this loss and those after it are +Inf, and test errors 1. By steps there is nothing but losses.
type Run struct {
	Seed      uint64        `json:"seed"`       // its key
	Loss      []meta.Number `json:"loss"`       // at each step, or of each epoch the mean over its minibatches; before the update it leads to
	TestError []meta.Number `json:"test_error"` // after each epoch, the fraction of test images given another class than their label

	// Angle, in degrees, and NormRatio compare the signal with the gradient at the end, for each hidden layer from the top down,
	// over 512 training images, or as many whole minibatches as there are in these. They are NaN for a run that diverged.
	Angle     []meta.Number `json:"angle_deg"`
	NormRatio []meta.Number `json:"norm_ratio"`

	// Scores are by steps what the problem says of a run at its end, such as "solved", 0 or 1; nil if it has nothing to say.
	Scores map[string]float64 `json:"scores,omitempty"`

	Seconds float64 `json:"seconds"` // of training alone, pre-training of a credit rule's own weights included
}

// A course is a run under way, as its plan has it.
type course interface {
	// prepare does what comes before the first lap, and reports whether the run is still sound.
	prepare(ctx context.Context) (sound bool, err error)
	lap(i int) lap
	// measure looks at where lap after lap leads, and returns its loss, +Inf if the run has come to nothing.
	measure(h *Run, loss float64) (float64, error)
	// end looks at where all has led, in the time that has passed since the beginning.
	end(h *Run, passed time.Duration, sound bool) error
}

// A lap is the part of a run that one loss is of: a step, or an epoch.
type lap struct {
	batches int
	repeats int             // updates from one minibatch
	draw    func(batch int) // brings the problem to it
}

// A worker takes one run after the other, on one trajectory.
type worker struct {
	plan plan
	rule *learnedopt.Trained
	phi  []float32
	tr   *meta.Trajectory[float32]
	hooks
	number int // of the run
}

// newWorker makes room for runs from the given one on, of which several go on at a time.
func newWorker(plan plan, t *learnedopt.Trained, first, atOnce int, h hooks) (*worker, error) {
	p, err := plan.sample(first) // for its layout
	if err != nil {
		return nil, err
	}
	options := learnedopt.Options{Workers: max(1, runtime.GOMAXPROCS(0)/atOnce), Senses: inner.SensesOf(p)}
	c, err := learnedopt.CompileWith[float32](t.Rule, p.Params(), options)
	if err != nil {
		return nil, err
	}
	horizon, _ := plan.size(p)
	if h.watch != nil && first == 0 {
		h.watch.layout = p.Params()
	}
	return &worker{plan: plan, rule: t, phi: phiOf(t), tr: meta.NewTrajectory(c, horizon), hooks: h}, nil
}

// phiOf returns a rule's meta-parameters, its own start if there are none.
func phiOf(t *learnedopt.Trained) []float32 {
	if t.Phi == nil {
		return learnedopt.Phi(t.Rule, 0)
	}
	return t.Phi
}

// run trains from the start of a run to its end.
func (w *worker) run(ctx context.Context, run, laps int) (*Run, error) {
	c, err := w.plan.begin(w, run)
	if err != nil {
		return nil, err
	}
	w.number = run
	h := &Run{Seed: w.plan.key(run), Loss: make([]meta.Number, laps)}
	began := time.Now()
	sound, err := c.prepare(ctx)
	if err != nil {
		return nil, err
	}
	for i := range h.Loss {
		loss := math.Inf(1)
		if sound {
			loss, err = w.take(ctx, w.tr, c.lap(i))
		}
		if err == nil {
			loss, err = c.measure(h, loss)
		}
		if err != nil {
			return nil, err
		}
		h.Loss[i], sound = meta.Number(loss), !math.IsInf(loss, 0)
	}
	if err := c.end(h, time.Since(began), sound); err != nil {
		return nil, err
	}
	w.ended(h)
	return h, nil
}

// take takes the updates of a lap and returns the mean of the losses on its minibatches, each before the update it leads to;
// +Inf as soon as one is not finite.
func (w *worker) take(ctx context.Context, tr *meta.Trajectory[float32], l lap) (mean float64, err error) {
	for b := range l.batches {
		loss, err := w.learn(ctx, tr, l, b)
		if err != nil {
			return 0, err
		}
		w.minibatch()
		if infinite(loss) {
			return math.Inf(1), nil
		}
		mean += loss / float64(l.batches)
	}
	return mean, nil
}

// learn makes the updates from one minibatch and returns the loss before.
func (w *worker) learn(ctx context.Context, tr *meta.Trajectory[float32], l lap, batch int) (loss float64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	l.draw(batch)
	for i := range l.repeats {
		if err := tr.Evaluate(); err != nil {
			return 0, err
		}
		if i == 0 {
			loss = tr.Losses[0]
		}
		if err := w.advance(tr); err != nil {
			return 0, err
		}
	}
	return loss, nil
}

// advance takes a step, and lets it be looked at.
func (w *worker) advance(tr *meta.Trajectory[float32]) error {
	if w.number != 0 || !w.watch.wants(tr.Steps()) {
		return tr.Advance(w.phi)
	}
	w.watch.look(tr.Theta)
	if err := tr.Advance(w.phi); err != nil {
		return err
	}
	w.watch.note(tr.Theta)
	return nil
}

// times returns how long each of a run's first minibatches takes.
func (w *worker) times(ctx context.Context, laps, most int) (times []time.Duration, err error) {
	c, err := w.plan.begin(w, 0)
	for i := 0; i < laps && len(times) < most && err == nil; i++ {
		l := c.lap(i)
		for b := 0; b < l.batches && len(times) < most && err == nil; b++ {
			began := time.Now()
			_, err = w.learn(ctx, w.tr, l, b)
			times = append(times, time.Since(began))
		}
	}
	return times, err
}
