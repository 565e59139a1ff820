package eval

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
)

// A Comparison measures contenders on the same runs.
type Comparison struct {
	Problem    string       // its name, for the report
	Credit     string       // the credit rule's name, for the report; empty for the gradient itself
	Test       inner.Family // problems that the results are measured on
	Tuning     inner.Family // problems that learning rates are tuned on
	Steps      int
	Runs       int
	TuningRuns int
	Seed       uint64
	Contenders []Contender

	// Progress is told how much of the work is done, as a fraction, and what comes next. It may be nil.
	Progress func(fraction float64, next string)
}

// A Contender is a learned rule, as it is, or a baseline, to be tuned. Exactly one is set.
type Contender struct {
	Name     string
	Learned  *learnedopt.Trained
	Baseline *Baseline
}

// The keys of a comparison's two sets of runs are children of its seed, far from those that other users of a seed take.
const (
	keyTest   = 'T'<<8 + 1
	keyTuning = 'T'<<8 + 2
)

// Report is what a Comparison found; marshalled, it is the JSON of cmd/compare.
type Report struct {
	Problem string   `json:"problem"`
	Credit  string   `json:"credit,omitempty"` // the rule whose signal the contenders saw; empty for the gradient itself
	Steps   int      `json:"steps"`
	Runs    int      `json:"runs"`
	Seed    uint64   `json:"seed"`
	Results []Result `json:"results"`
}

// Result is one contender's. Numbers that are not finite, the losses of runs that diverged, are null in JSON.
type Result struct {
	Name      string          `json:"name"`
	Kind      string          `json:"kind"`  // "learned" or "baseline"
	Hyper     json.RawMessage `json:"hyper"` // the rule's configuration; a baseline's with the tuned learning rate
	Curve     []meta.Number   `json:"curve"` // mean loss at each step
	CurveErr  []meta.Number   `json:"curve_stderr"`
	Final     Stat            `json:"final"` // of the mean loss over the last 5 steps
	Sum       Stat            `json:"sum"`   // of the sum of the losses
	Diverged  int             `json:"diverged"`
	USPerStep float64         `json:"us_per_step"`          // median time of a step, gradient included, one run at a time
	Edge      bool            `json:"lr_at_edge,omitempty"` // the tuned learning rate is at the end of its grid
}

// Stat is a Summary in JSON.
type Stat struct {
	Mean   meta.Number `json:"mean"`
	StdErr meta.Number `json:"stderr"`
}

func stat(s Summary) Stat { return Stat{meta.Number(s.Mean), meta.Number(s.StdErr)} }

// Validate reports what Run would refuse before it begins: that there is nothing to compare, numbers of runs or steps below 1,
// and what the machine has no memory for.
func (c Comparison) Validate() error {
	if len(c.Contenders) == 0 {
		return errNoContenders
	}
	var all, tuned []learnedopt.Rule
	for _, x := range c.Contenders {
		if x.Baseline != nil {
			tuned = append(tuned, untuned(*x.Baseline).Rule)
		} else {
			all = append(all, x.Learned.Rule)
		}
	}
	if err := c.test().Validate(append(all, tuned...)...); err != nil {
		return err
	}
	const perPoint = 80 // of a curve: mean and error, while the slices grow, and both as text
	if err := machine.Fits(perPoint * float64(len(c.Contenders)) * float64(c.Steps)); err != nil {
		return fmt.Errorf("eval: %d curves of %d steps: %w", len(c.Contenders), c.Steps, err)
	}
	if len(tuned) == 0 {
		return nil
	}
	return c.tuning().Validate(tuned...)
}

// test returns the runs that the results are measured on.
func (c Comparison) test() Runs {
	return Runs{Family: c.Test, Steps: c.Steps, Count: c.Runs, Key: rng.Split(c.Seed, keyTest)}
}

// tuning returns the runs that learning rates are tuned on.
func (c Comparison) tuning() Runs {
	return Runs{Family: c.Tuning, Steps: c.Steps, Count: c.TuningRuns, Key: rng.Split(c.Seed, keyTuning)}
}

// Run tunes, measures and times every contender.
func (c Comparison) Run(ctx context.Context) (*Report, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	report := &Report{Problem: c.Problem, Credit: c.Credit, Steps: c.Steps, Runs: c.Runs, Seed: c.Seed}
	work, err := c.work(ctx)
	if err != nil {
		return nil, err
	}
	done := 0.0
	for i, contender := range c.Contenders {
		if c.Progress != nil {
			c.Progress(done, contender.Name)
		}
		r, err := c.measure(ctx, contender)
		if err != nil {
			return nil, err
		}
		report.Results = append(report.Results, r)
		done += work[i]
	}
	return report, nil
}

// work returns the contenders' shares of the time that all will take, from the time of a few steps of each.
func (c Comparison) work(ctx context.Context) ([]float64, error) {
	work := make([]float64, len(c.Contenders))
	total := 0.0
	for i, x := range c.Contenders {
		trained, runs := x.Learned, c.Runs
		if x.Baseline != nil {
			trained = untuned(*x.Baseline)
			runs += c.TuningRuns * len(LearningRates())
		}
		took, err := StepTime(ctx, trained, Runs{Family: c.Test, Steps: min(c.Steps, 10), Count: 1, Key: rng.Split(c.Seed, keyTest)})
		if err != nil {
			return nil, err
		}
		work[i] = float64(runs) * float64(took)
		total += work[i]
	}
	for i := range work {
		work[i] /= total
	}
	return work, nil
}

// untuned returns a baseline at some learning rate.
func untuned(b Baseline) *learnedopt.Trained {
	rule := b.With(LearningRates()[0])
	return &learnedopt.Trained{Rule: rule, Phi: learnedopt.Phi(rule, 0)}
}

func (c Comparison) measure(ctx context.Context, x Contender) (Result, error) {
	r := Result{Name: x.Name, Kind: "learned"}
	trained := x.Learned
	if x.Baseline != nil {
		tuned, err := Tune(ctx, *x.Baseline, LearningRates(), c.tuning())
		if err != nil {
			return r, err
		}
		trained = &learnedopt.Trained{Rule: tuned.Rule, Phi: learnedopt.Phi(tuned.Rule, 0)}
		r.Kind, r.Edge = "baseline", tuned.AtEdge()
	}
	var err error
	if r.Hyper, err = json.Marshal(trained.Rule); err != nil {
		return r, err
	}
	test := c.test()
	losses, err := Measure(ctx, trained, test)
	if err != nil {
		return r, err
	}
	for t := range c.Steps {
		at := losses.At(t)
		r.Curve, r.CurveErr = append(r.Curve, meta.Number(at.Mean)), append(r.CurveErr, meta.Number(at.StdErr))
	}
	r.Final, r.Sum, r.Diverged = stat(losses.Final()), stat(losses.Sum()), losses.Diverged()
	took, err := StepTime(ctx, trained, test)
	r.USPerStep = float64(took) / float64(time.Microsecond)
	return r, err
}
