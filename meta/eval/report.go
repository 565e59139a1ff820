package eval

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/meta"
)

// Report is what a Comparison found. Marshalled, it is the JSON that the package documentation describes.
type Report struct {
	Results   []Result `json:"results"` // of one task after the other
	Problem   string   `json:"problem"`
	*Network           // nil by steps
	Steps     int      `json:"steps,omitempty"`
	Epochs    int      `json:"epochs,omitempty"`
	Runs      int      `json:"runs"`
	Seed      uint64   `json:"seed"`
	Tuned     bool     `json:"tuned"`
	Schedules []string `json:"schedules,omitempty"`
	Credits   []Credit `json:"credits,omitempty"`
}

// Network is what was trained for epochs.
type Network struct {
	Layers     []int  `json:"layers"`
	Activation string `json:"activation"`
	Objective  string `json:"objective"`
	Batch      int    `json:"batch"`
	Train      int    `json:"train_images"`
	Test       int    `json:"test_images"`
}

// Credit is a credit rule's name and its configuration, without the fields that are at their default.
type Credit struct {
	Name  string                     `json:"name"`
	Hyper map[string]json.RawMessage `json:"hyper"`
}

// Result is one contender's at one task. What was not measured is nil or zero.
type Result struct {
	Problem      string          `json:"problem,omitempty"` // of several
	Credit       string          `json:"credit,omitempty"`
	Name         string          `json:"name"`
	Kind         string          `json:"kind"`
	Hyper        json.RawMessage `json:"hyper"`
	Schedule     string          `json:"schedule,omitempty"`
	Curve        []meta.Number   `json:"curve"`
	CurveErr     []meta.Number   `json:"curve_stderr"`
	Final        Stat            `json:"final"`
	Sum          *Stat           `json:"sum,omitempty"`
	Diverged     int             `json:"diverged"`
	Solved       *Stat           `json:"solved,omitempty"`
	Reward       *Stat           `json:"reward,omitempty"`
	Transfer     *Stat           `json:"transfer,omitempty"`
	Measures     map[string]Stat `json:"measures,omitempty"`
	TestError    []meta.Number   `json:"test_error,omitempty"`
	TestErrorErr []meta.Number   `json:"test_error_stderr,omitempty"`
	Angle        []meta.Number   `json:"angle_deg,omitzero"` // empty without hidden layers
	NormRatio    []meta.Number   `json:"norm_ratio,omitzero"`
	USPerStep    float64         `json:"us_per_step,omitempty"`
	Seconds      float64         `json:"seconds,omitempty"`
	Edge         bool            `json:"lr_at_edge,omitempty"`
	Each         []*Run          `json:"each,omitempty"`
}

// Stat is a Summary in JSON.
type Stat struct {
	Mean   meta.Number `json:"mean"`
	StdErr meta.Number `json:"stderr"`
}

func stat(s Summary) Stat { return Stat{meta.Number(s.Mean), meta.Number(s.StdErr)} }

// head returns the report without results.
func (c Comparison) head() (*Report, error) {
	r := &Report{Problem: c.Problem, Steps: c.Steps, Epochs: c.Epochs, Runs: c.Runs, Seed: c.Seed, Schedules: c.Schedules}
	for _, x := range c.cells() {
		r.Tuned = r.Tuned || x.tunes()
	}
	for _, t := range c.Tasks {
		if t.Credit == "" {
			continue
		}
		hyper, err := creditHyper(t.Test)
		if err != nil {
			return nil, err
		}
		r.Credits = append(r.Credits, Credit{t.Credit, hyper})
	}
	if c.Epochs == 0 {
		return r, nil
	}
	var err error
	r.Network, err = c.Tasks[0].Test.(Images).describe()
	return r, err
}

// describe says what is trained.
func (m Images) describe() (*Network, error) {
	p, err := m.Problem()
	if err != nil {
		return nil, err
	}
	n := &Network{
		Layers: []int{m.Net.Input(0).Size()}, Activation: m.Activation, Objective: string(m.Net.Loss()), Batch: p.Batch(),
		Train: m.Data.Len(), Test: m.Test.Len(),
	}
	for l := range m.Net.Blocks() {
		n.Layers = append(n.Layers, m.Net.Output(l).Size())
	}
	return n, nil
}

// zeros are the settings that stand for a credit rule's default.
var zeros = []string{"0", "false", `""`, "null"}

// creditHyper returns the configuration of the credit rule that a family has, if it is one of this package's or of credit's.
func creditHyper(f inner.Family) (map[string]json.RawMessage, error) {
	hyper := map[string]json.RawMessage{}
	var rule credit.Rule
	switch f := f.(type) {
	case Images:
		rule = f.Rule
	case credit.Family:
		rule = f.Rule
	}
	if rule == nil {
		return hyper, nil
	}
	text, err := json.Marshal(rule)
	if err == nil {
		err = json.Unmarshal(text, &hyper)
	}
	maps.DeleteFunc(hyper, func(_ string, v json.RawMessage) bool { return slices.Contains(zeros, string(v)) })
	return hyper, err
}

// summarize puts in what runs come to.
func (r *Result) summarize(runs []*Run, of Runs) {
	losses := lossesOf(runs)
	r.Curve, r.CurveErr = losses.means()
	r.Final, r.Diverged = stat(of.final(losses)), losses.Diverged()
	if of.Epochs == 0 {
		sum := stat(losses.Sum())
		r.Sum = &sum
		r.measures(scoresOf(runs))
		return
	}
	r.TestError, r.TestErrorErr = each(runs, func(x *Run) []meta.Number { return x.TestError }).means()
	r.Angle, _ = each(runs, func(x *Run) []meta.Number { return x.Angle }).means()
	r.NormRatio, _ = each(runs, func(x *Run) []meta.Number { return x.NormRatio }).means()
	for _, x := range runs {
		r.Seconds += x.Seconds / float64(len(runs))
	}
	r.Each = runs
}

// The measures of a life that have a place of their own in a report.
const (
	solved = "solved"
	reward = "reward"
)

// measures puts in what problems say of runs at their end.
func (r *Result) measures(scores map[string]Summary) {
	for name, s := range scores {
		x := stat(s)
		switch name {
		case solved:
			r.Solved = &x
		case reward:
			r.Reward = &x
		default:
			if r.Measures == nil {
				r.Measures = make(map[string]Stat)
			}
			r.Measures[name] = x
		}
	}
}

// transfer puts in what came of runs on other tasks: how many were solved, or else the reward.
func (r *Result) transfer(scores map[string]Summary) {
	for _, name := range []string{reward, solved} {
		if s, ok := scores[name]; ok {
			x := stat(s)
			r.Transfer = &x
		}
	}
}

// scoresOf summarizes what problems say of runs at their end.
func scoresOf(runs []*Run) map[string]Summary {
	lists := make(map[string][]float64)
	for _, x := range runs {
		for name, v := range x.Scores {
			lists[name] = append(lists[name], v)
		}
	}
	scores := make(map[string]Summary)
	for name, v := range lists {
		scores[name] = summarize(v)
	}
	return scores
}

func lossesOf(runs []*Run) Losses { return each(runs, func(x *Run) []meta.Number { return x.Loss }) }

// each returns a list of every run's.
func each(runs []*Run, list func(*Run) []meta.Number) Losses {
	l := make(Losses, len(runs))
	for i, x := range runs {
		l[i] = make([]float64, len(list(x)))
		for j, v := range list(x) {
			l[i][j] = float64(v)
		}
	}
	return l
}
