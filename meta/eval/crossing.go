package eval

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
)

// A Crossing trains a network for epochs under every pair of a credit rule and an update rule, each from the same starts and
// over the same minibatches, one run after the other, so that their times can be compared.
type Crossing struct {
	Problem    string // its name, for the report
	Activation string // of the hidden layers, for the report
	Family     credit.Family
	Credits    []credit.Rule // each takes the place of Family.Rule
	Test       *data.Set
	Contenders []Contender // as they are: nothing is tuned
	LR         float64     // learning rate of all baselines; 0 for each one's own default
	Epochs     int
	Runs       int
	Seed       uint64 // of the first run; the next has the one after it, and so on

	// Progress is told how much of the work is done, as a fraction, and what comes next. It may be nil.
	Progress func(fraction float64, next string)
}

// CrossReport is what a Crossing found; marshalled, it is the JSON of cmd/compare with epochs.
type CrossReport struct {
	Results    []CrossResult `json:"results"`
	Problem    string        `json:"problem"`
	Layers     []int         `json:"layers"`     // inputs, hidden units, outputs
	Activation string        `json:"activation"` // empty without hidden layers
	Objective  string        `json:"objective"`  // what is minimised
	Batch      int           `json:"batch"`
	Epochs     int           `json:"epochs"`
	Runs       int           `json:"runs"`
	Seed       uint64        `json:"seed"`
	Train      int           `json:"train_images"`
	Test       int           `json:"test_images"`
	Credits    []Setting     `json:"credits"`
	Rules      []Setting     `json:"rules"`
}

// A Setting is a rule's name and its configuration, a credit rule's without the fields that are at their default.
type Setting struct {
	Name  string                     `json:"name"`
	Hyper map[string]json.RawMessage `json:"hyper"`
}

// CrossResult is one run. Numbers that are not finite, those of runs that diverged and the angles of signals that are zero,
// are null in JSON.
type CrossResult struct {
	Credit    string        `json:"credit"`
	Rule      string        `json:"rule"` // the update rule
	Seed      uint64        `json:"seed"`
	Loss      []meta.Number `json:"loss"`       // of each epoch, see History
	TestError []meta.Number `json:"test_error"` // after each epoch, a fraction
	Angle     []meta.Number `json:"angle_deg"`  // of the signal to the gradient, for each hidden layer from the top down
	NormRatio []meta.Number `json:"norm_ratio"` // of their lengths
	Seconds   float64       `json:"seconds"`    // of training alone
}

// A pair is one cell of the cross product.
type pair struct {
	credit    credit.Rule
	contender Contender
}

// Run trains every pair, the pairs of one credit rule after the other's.
func (c Crossing) Run(ctx context.Context) (*CrossReport, error) {
	if len(c.Credits) == 0 || len(c.Contenders) == 0 {
		return nil, errNoContenders
	}
	if c.Runs < 1 {
		return nil, errors.New("eval: no runs; want at least 1")
	}
	var pairs []pair
	for _, rule := range c.Credits {
		for _, x := range c.Contenders {
			x.Learned = c.trained(x)
			pairs = append(pairs, pair{rule, x})
		}
	}
	report, err := c.head()
	if err != nil {
		return nil, err
	}
	work, err := c.work(pairs)
	if err != nil {
		return nil, err
	}
	done := 0.0
	for i, p := range pairs {
		for r := range c.Runs {
			share := work[i] / float64(c.Runs)
			t := c.training(p, c.Seed+uint64(r))
			t.Progress = func(f float64) { c.tell(done+f*share, p.name()) }
			t.Progress(0)
			h, err := t.Run(ctx)
			if err != nil {
				return nil, err
			}
			report.Results = append(report.Results, result(p, t.Key, h))
			done += share
		}
	}
	return report, nil
}

func (p pair) name() string { return p.credit.Name() + " × " + p.contender.Name }

func (c Crossing) tell(fraction float64, next string) {
	if c.Progress != nil {
		c.Progress(fraction, next)
	}
}

// trained returns what a contender moves by.
func (c Crossing) trained(x Contender) *learnedopt.Trained {
	if x.Baseline == nil {
		return x.Learned
	}
	return &learnedopt.Trained{Rule: x.Baseline.With(c.LR)}
}

func (c Crossing) training(p pair, seed uint64) Training {
	f := c.Family
	f.Rule = p.credit
	return Training{Family: f, Test: c.Test, Optimizer: p.contender.Learned, Epochs: c.Epochs, Key: seed}
}

// head returns the report without results.
func (c Crossing) head() (*CrossReport, error) {
	p, err := c.Family.Problem()
	if err != nil {
		return nil, err
	}
	net := c.Family.Net
	r := &CrossReport{
		Problem: c.Problem, Layers: []int{net.Input(0).Size()}, Activation: c.Activation, Objective: string(net.Loss()),
		Batch: p.Batch(), Epochs: c.Epochs, Runs: c.Runs, Seed: c.Seed, Train: c.Family.Data.Len(), Test: c.Test.Len(),
	}
	for l := range net.Blocks() {
		r.Layers = append(r.Layers, net.Output(l).Size())
	}
	for _, rule := range c.Credits {
		s, err := setting(rule.Name(), rule)
		if err != nil {
			return nil, err
		}
		maps.DeleteFunc(s.Hyper, func(_ string, v json.RawMessage) bool { return slices.Contains(zeros, string(v)) })
		r.Credits = append(r.Credits, s)
	}
	for _, x := range c.Contenders {
		s, err := setting(x.Name, c.trained(x).Rule)
		if err != nil {
			return nil, err
		}
		r.Rules = append(r.Rules, s)
	}
	return r, nil
}

// zeros are the settings that stand for a credit rule's default.
var zeros = []string{"0", "false", `""`, "null"}

func setting(name string, rule any) (Setting, error) {
	s := Setting{Name: name}
	text, err := json.Marshal(rule)
	if err == nil {
		err = json.Unmarshal(text, &s.Hyper)
	}
	return s, err
}

// work returns the pairs' shares of the time that all will take, from the time of an update of each.
func (c Crossing) work(pairs []pair) ([]float64, error) {
	work, total := make([]float64, len(pairs)), 0.0
	for i, p := range pairs {
		s, err := c.training(p, c.Seed).begin()
		if err != nil {
			return nil, err
		}
		took, err := s.updateTime()
		if err != nil {
			return nil, err
		}
		work[i] = float64(took) * float64(s.head+s.Epochs)
		total += work[i]
	}
	for i := range work {
		work[i] /= total
	}
	return work, nil
}

// updateTime returns the time of the second update of a run: the first one finds nothing in the caches.
func (s *session) updateTime() (took time.Duration, err error) {
	for range 2 {
		began := time.Now()
		if _, err := s.update(s.run, s.order[:s.problem.Batch()], s.Key); err != nil {
			return 0, err
		}
		took = time.Since(began)
	}
	return took, nil
}

func result(p pair, seed uint64, h *History) CrossResult {
	r := CrossResult{
		Credit: p.credit.Name(), Rule: p.contender.Name, Seed: seed, Loss: []meta.Number{}, TestError: []meta.Number{},
		Angle: []meta.Number{}, NormRatio: []meta.Number{}, Seconds: h.Took.Seconds(),
	}
	for e, loss := range h.Loss {
		r.Loss, r.TestError = append(r.Loss, meta.Number(loss)), append(r.TestError, meta.Number(h.TestError[e]))
	}
	for l := len(h.Alignment) - 1; l >= 0; l-- {
		r.Angle = append(r.Angle, meta.Number(h.Alignment[l].Degrees))
		r.NormRatio = append(r.NormRatio, meta.Number(h.Alignment[l].NormRatio))
	}
	return r
}
