package live

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/seed1498fded/unroll/meta"
)

// How much of a run the page is told, however long it takes.
const (
	maxPoints      = 600
	maxValidations = 600
	maxWeights     = 60
)

// A Run is what there is to be said about a run besides what happens in it.
type Run struct {
	Title    string    `json:"title"`
	Dir      string    `json:"dir"`
	Settings []Setting `json:"settings"`
	Lines    []Line    `json:"lines"` // to beat
}

// A Setting is a flag and its value.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Settings makes a list of the members of a JSON object, in its order.
func Settings(object []byte) ([]Setting, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("settings: want a JSON object, got %.20q", object)
	}
	var list []Setting
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("settings: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("settings: %w", err)
		}
		text := string(value)
		if s := ""; json.Unmarshal(value, &s) == nil && text != "null" {
			text = s
		}
		list = append(list, Setting{fmt.Sprint(name), text})
	}
	return list, nil
}

// A Line is what a tuned baseline comes to: its mean loss over an episode, which is what validation measures of a rule.
type Line struct {
	Name string      `json:"name"`
	Loss meta.Number `json:"loss"`
}

// A Point is what the outer steps between two updates came to.
type Point struct {
	Episodes int         `json:"episodes"` // at its end
	Steps    int         `json:"steps"`    // outer steps
	Loss     meta.Number `json:"loss"`     // mean meta-loss of those that were not skipped
	Norm     meta.Number `json:"norm"`     // of the longest meta-gradient, before it was clipped
	Clipped  int         `json:"clipped"`
	Skipped  int         `json:"skipped"`
}

// with returns the point of the steps of both.
func (p Point) with(q Point) Point {
	a, b := p.Steps-p.Skipped, q.Steps-q.Skipped
	r := Point{
		Episodes: q.Episodes, Steps: p.Steps + q.Steps, Clipped: p.Clipped + q.Clipped, Skipped: p.Skipped + q.Skipped,
		Loss: q.Loss, Norm: max(p.Norm, q.Norm),
	}
	switch {
	case a == 0 && b == 0:
		r.Loss = meta.Number(math.NaN())
	case b == 0:
		r.Loss, r.Norm = p.Loss, p.Norm
	case a == 0:
		r.Norm = q.Norm
	default:
		r.Loss = (p.Loss*meta.Number(a) + q.Loss*meta.Number(b)) / meta.Number(a+b)
	}
	return r
}

// pointOf is the point of one outer step.
func pointOf(s meta.Status, o meta.Outcome) Point {
	p := Point{Episodes: s.Episodes, Steps: 1, Loss: meta.Number(o.Loss), Norm: meta.Number(o.Norm)}
	if o.Clipped {
		p.Clipped = 1
	}
	if o.Skipped {
		p.Skipped, p.Loss, p.Norm = 1, meta.Number(math.NaN()), meta.Number(math.NaN())
	}
	return p
}

// A validation is a line of the run's log, as it is there.
type validation json.RawMessage

func (v validation) MarshalJSON() ([]byte, error) { return v, nil }

// fields are those of a validation that are more than passed on.
type fields struct {
	Episodes   int      `json:"episodes"`
	OuterSteps int      `json:"outer_steps"`
	ValidLoss  *float64 `json:"valid_loss"`
	BestLoss   *float64 `json:"best_loss"`
	Best       bool     `json:"best"`
	Diverged   int      `json:"diverged"`
	Skipped    int      `json:"skipped"`
}

// read returns a validation's fields.
func (v validation) read() (f fields, err error) {
	err = json.Unmarshal(v, &f)
	return f, err
}

// better is the one of two validations that is kept where there is no room for both: a new best one, or else the newer.
func better(older, newer validation) validation {
	a, _ := older.read()
	b, _ := newer.read()
	if a.Best && !b.Best {
		return older
	}
	return newer
}

// bins is how many bars a histogram has.
const bins = 40

// Weights is the histogram of a rule's weights. The bars are of equal width from Low to High, and of the finite weights.
type Weights struct {
	Episodes int     `json:"episodes"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Counts   []int   `json:"counts"`
	Odd      int     `json:"odd,omitempty"` // weights that are not finite
}

// WeightsOf counts a rule's weights after so many episodes. Where all are equal, one bar has them.
func WeightsOf(episodes int, phi []float32) Weights {
	w := Weights{Episodes: episodes, Low: math.Inf(1), High: math.Inf(-1), Counts: make([]int, bins)}
	for _, x := range phi {
		if v := float64(x); isFinite(v) {
			w.Low, w.High = min(w.Low, v), max(w.High, v)
		}
	}
	if w.Low > w.High {
		w.Low, w.High = 0, 0
	}
	if w.Low == w.High {
		half := max(0.5, math.Abs(w.Low)/2)
		w.Low, w.High = w.Low-half, w.High+half
	}
	for _, x := range phi {
		v := float64(x)
		if !isFinite(v) {
			w.Odd++
			continue
		}
		w.Counts[min(bins-1, int(bins*(v-w.Low)/(w.High-w.Low)))]++
	}
	return w
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// The states of a run.
const (
	Learning   = "learning"
	Comparing  = "comparing"
	Done       = "done"
	Stopped    = "stopped"
	NotRunning = "not running" // seen by its files only
	Unfinished = "unfinished"  // there is a lock: a process runs in the folder, or was killed
)

// Status is how things stand.
type Status struct {
	State      string  `json:"state"`
	Episodes   int     `json:"episodes"`
	OuterSteps int     `json:"outer_steps"`
	InnerSteps int     `json:"inner_steps,omitempty"` // 0: not known
	Clipped    int     `json:"clipped"`               // outer steps, since this process began
	Skipped    int     `json:"skipped"`
	Diverged   int     `json:"diverged"`
	Fraction   float64 `json:"fraction"` // of the learning, from 0 to 1
	Elapsed    float64 `json:"elapsed"`  // seconds, since this process began
	Left       float64 `json:"left"`     // seconds, a guess; -1: not known

	EpisodesPerSecond   float64 `json:"episodes_per_second"` // of late
	InnerStepsPerSecond float64 `json:"inner_steps_per_second"`
}

// A pace tells how fast things go, by the last few times it was told how far they are.
type pace struct {
	marks []mark
}

type mark struct {
	at              time.Time
	episodes, inner int
}

// paceMarks is how many marks are looked back.
const paceMarks = 10

// put notes how far things are, and returns episodes and inner steps a second.
func (p *pace) put(at time.Time, episodes, inner int) (float64, float64) {
	if len(p.marks) == paceMarks {
		p.marks = append(p.marks[:0], p.marks[1:]...)
	}
	p.marks = append(p.marks, mark{at, episodes, inner})
	first := p.marks[0]
	seconds := at.Sub(first.at).Seconds()
	if seconds <= 0 {
		return 0, 0
	}
	return float64(episodes-first.episodes) / seconds, float64(inner-first.inner) / seconds
}
