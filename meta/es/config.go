package es

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/params"
)

// ConfigOf says what is estimated, and how. Estimates are not clipped: that is up to the learner, meta.GradientConfig.Clip.
type ConfigOf[F params.Float] struct {
	Settings

	// What is perturbed: either the training of a family's problems by a rule, Copies of them side by side in an episode (1 if
	// zero), or any system. NewSystem makes one for each worker, and Phi lays out what it is under.
	Rule      learnedopt.Rule
	Family    inner.FamilyOf[F]
	Copies    int
	NewSystem func() (SystemOf[F], error)
	Phi       params.Layout

	Horizon int // steps of an episode; 100 if zero
	Window  int // steps between two estimates, at most Horizon; if zero 20, or Horizon if that is less or the method is Full

	// Objective of the losses after each step. For Full it is of an episode's: meta.Mean, Sum, Last or Min. Else it is of a
	// window's: Mean; Sum, with which estimates add up to the gradient of the sum over an episode; or Last, for windows as long as
	// the horizon. meta.Mean if empty.
	Objective meta.Objective

	MetaLoss meta.MetaLoss // what each loss counts as, in training; the loss itself if zero. Settings.Cap is of that

	// Pinned, if not zero, is the key of every episode. The estimates then differ by their perturbations alone: for studies of those.
	Pinned uint64

	Workers int // goroutines to use at most; runtime.GOMAXPROCS(0) if zero. The bits do not depend on it
}

// Config is the form in use.
type Config = ConfigOf[float32]

// filled returns the configuration with every default in its place, checked.
func (c ConfigOf[F]) filled() (ConfigOf[F], error) {
	c.Settings = c.Settings.filled()
	c.Horizon, c.Copies = cmp.Or(c.Horizon, 100), cmp.Or(c.Copies, 1)
	if c.Window == 0 {
		c.Window = min(20, c.Horizon)
		if c.Method == Full {
			c.Window = c.Horizon
		}
	}
	c.Objective = cmp.Or(c.Objective, meta.Mean)
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	c.Workers = min(c.Workers, c.Pairs)
	if err := c.Settings.validate(); err != nil {
		return c, fmt.Errorf("es: %s: %w", c.Method, err)
	}
	if err := errors.Join(c.checkSizes(), c.checkObjective()); err != nil {
		return c, err
	}
	return c, nil
}

func (c ConfigOf[F]) checkSizes() error {
	switch {
	case (c.Rule == nil || c.Family == nil) && c.NewSystem == nil:
		return errors.New("es: want a rule and a family, or systems")
	case c.Horizon < 1:
		return fmt.Errorf("es: horizon %d; want at least 1", c.Horizon)
	case c.Window < 1 || c.Window > c.Horizon:
		return fmt.Errorf("es: window %d; want between 1 and the horizon, %d", c.Window, c.Horizon)
	case c.Method == Full && c.Window != c.Horizon:
		return fmt.Errorf("es: window %d; full ES perturbs whole episodes of the horizon, %d", c.Window, c.Horizon)
	case c.Shortest > c.Horizon:
		return fmt.Errorf("es: %s: shortest is %d; want at most the horizon, %d", c.Method, c.Shortest, c.Horizon)
	case c.Copies < 1:
		return fmt.Errorf("es: %d copies; want at least 1", c.Copies)
	case (c.Untold > 0 || c.Pace > 1) && c.NewSystem != nil:
		return errors.New("es: untold and pace are for the training of problems, not for other systems")
	case c.Imitate != nil && c.NewSystem != nil:
		return errors.New("es: imitate is for the training of problems, not for other systems")
	case c.Workers < 1:
		return fmt.Errorf("es: %d workers; want 0 for all processors, or more", c.Workers)
	}
	return nil
}

// ObjectivesOf returns the names of the objectives that a method can have, the default first.
func ObjectivesOf(m Method) []string {
	known := []string{string(meta.Mean), string(meta.Sum), string(meta.Last)}
	if m == Full {
		known = append(known, string(meta.Min))
	}
	return known
}

func (c ConfigOf[F]) checkObjective() error {
	known := ObjectivesOf(c.Method)
	switch {
	case !slices.Contains(known, string(c.Objective)):
		return fmt.Errorf("es: %s: no objective %s; want one of %s", c.Method, brief.Quote(c.Objective), strings.Join(known, ", "))
	case c.Method != Full && c.Objective == meta.Last && (c.Window < c.Horizon || c.Shortest != 0 || c.Form != ""):
		return fmt.Errorf("es: %s: the objective last wants windows as long as the horizon, %d, and neither shortest nor form", c.Method, c.Horizon)
	}
	return nil
}

// New returns an estimator, or an error if the configuration makes no sense or the machine has no room.
func New[F params.Float](c ConfigOf[F]) (*EstimatorOf[F], error) {
	c, err := c.filled()
	if err != nil {
		return nil, err
	}
	if c.NewSystem == nil {
		if c, err = c.training(); err != nil {
			return nil, err
		}
	}
	e := &EstimatorOf[F]{config: c}
	for range c.Workers {
		s, err := c.NewSystem()
		if err != nil {
			return nil, err
		}
		if len(e.workers) == 0 {
			if err := machine.Fits(c.bytes(s.State().Len())); err != nil {
				return nil, fmt.Errorf("es: %d pairs of %d numbers each: %w", c.Pairs, s.State().Len(), err)
			}
		}
		w := newWorker(c, s)
		if err := w.controls(s); err != nil {
			return nil, err
		}
		e.workers = append(e.workers, w)
	}
	return e, e.allocate()
}

// Named is New with the settings of a method of a name, from their JSON: see SettingsNamed.
func Named[F params.Float](name string, text json.RawMessage, c ConfigOf[F]) (*EstimatorOf[F], error) {
	var err error
	if c.Settings, err = SettingsNamed(name, text); err != nil {
		return nil, err
	}
	return New(c)
}

// training fills in systems that train the family's problems by the rule.
func (c ConfigOf[F]) training() (ConfigOf[F], error) {
	training := TrainingConfigOf[F]{Rule: c.Rule, Family: c.Family, Copies: c.Copies, Objective: c.Objective, MetaLoss: c.MetaLoss, Baselines: meta.NewBaselines(), Imitate: c.Imitate, Untold: c.Untold, Pace: c.Pace}
	if c.Control != NoControl {
		training.Through, training.Exact = c.Window, c.Control == ExactControl
	}
	if c.Method != Full && c.Objective == meta.Mean {
		training.Objective = meta.Sum // of a stretch; what a window's is divided by comes after
	}
	for _, f := range inner.MembersOf(c.Family) {
		if err := c.member(training, f); err != nil {
			return c, err
		}
	}
	c.Phi = c.Rule.Spec().Phi
	kept := make([]sampled[F], c.Pairs)
	c.NewSystem = func() (SystemOf[F], error) {
		t, err := NewTraining(training)
		if err != nil {
			return nil, err
		}
		t.kept = kept
		return t, nil
	}
	return c, nil
}

// member reports why the problems of one family can't be trained: those of a mix are asked one by one.
func (c ConfigOf[F]) member(t TrainingConfigOf[F], f inner.FamilyOf[F]) error {
	p, err := f.Sample(0) // for its kind
	if err != nil {
		return err
	}
	if hasWorld(p) && c.Method != Full {
		return fmt.Errorf("es: %s goes by windows, and %T has a world of its own, which can't be put back; want es, full ES", c.Method, p)
	}
	n, err := placeLen(t, f)
	if err != nil {
		return err
	}
	need := c.bytes(n)
	if s, ok := p.(inner.Sized); ok {
		need += float64(c.Pairs*c.Copies) * s.Bytes()
	}
	if err := machine.Fits(need); err != nil {
		return fmt.Errorf("es: %d pairs of %d copies of a problem of %d weights: %w", c.Pairs, c.Copies, p.Params().Len(), err)
	}
	return nil
}

// bytes estimates what an estimator takes for states of a length: each branch's, before and after a window, and for each pair the
// perturbations, likewise, and its part of the gradient; for each worker the places of three branches, and their phi.
func (c ConfigOf[F]) bytes(state int) float64 {
	pairs, workers, phi, size := float64(c.Pairs), float64(c.Workers), float64(c.Phi.Len()), machine.Size[F]()
	if c.Rule != nil {
		phi = float64(c.Rule.Spec().Phi.Len())
	}
	branches := float64(c.branches())
	vectors := (2*pairs+workers)*branches*float64(state) + (4*pairs+workers*branches)*phi
	sums := pairs
	if c.Control != NoControl {
		sums *= 2
	}
	return vectors*size + 8*(sums*phi+workers*branches*float64(c.Window))
}
