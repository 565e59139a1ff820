package live

import "github.com/seed1498fded/unroll/meta"

// Training is how training goes under a rule: the mean losses of some runs by step, and how far the rule moves weights.
type Training struct {
	Name     string        `json:"name"`
	Episodes int           `json:"episodes"` // learned from, at the time
	At       []int         `json:"at"`       // steps
	Loss     []meta.Number `json:"loss"`
	Error    []meta.Number `json:"error"`
	Low      int           `json:"low"`    // the first bar is of steps of single weights from 2^Low to below twice that; the next begins there
	Counts   []int         `json:"counts"` // nil where steps were not looked at
	Still    int           `json:"still"`  // steps of 0
	Odd      int           `json:"odd"`    // and not finite
	Tensors  []Stride      `json:"tensors"`
}

// A Stride is the root mean square of a tensor's steps.
type Stride struct {
	Name string      `json:"name"`
	RMS  meta.Number `json:"rms"`
}

// Inner is training on the problems that rules are validated on, under the rule as it stands, the best so far, and a baseline. Nil is
// what is not known, or in an update has not changed.
type Inner struct {
	On     string    `json:"on,omitempty"` // what the problems are, where the settings do not say
	Now    *Training `json:"now,omitempty"`
	Best   *Training `json:"best,omitempty"`
	Beside *Training `json:"beside,omitempty"`
}

// With returns what is known when news has come.
func (i Inner) With(news Inner) Inner {
	if news.On != "" {
		i.On = news.On
	}
	if news.Now != nil {
		i.Now = news.Now
	}
	if news.Best != nil {
		i.Best = news.Best
	}
	if news.Beside != nil {
		i.Beside = news.Beside
	}
	return i
}

// Train puts training on the board.
func (b *Board) Train(news Inner) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.news.Inner, b.changed = b.news.Inner.With(news), true
}

// Helpers are the processes that learn with this one.
type Helpers struct {
	Goroutines int      `json:"goroutines"`
	Busy       int      `json:"busy"`      // goroutines that have a task
	Idle       float64  `json:"idle"`      // the part of their time in which the others waited
	InFlight   int      `json:"in_flight"` // members of an outer step without a result
	Results    int      `json:"results"`   // taken from others
	Here       int      `json:"here"`      // made by this process itself
	Workers    int      `json:"workers"`   // processes
	List       []Helper `json:"list"`      // the first of them
}

// maxHelpers is how many of the workers a page lists.
const maxHelpers = 40

// A Helper is one process.
type Helper struct {
	Name       string  `json:"name"`
	Goroutines int     `json:"goroutines"`
	Busy       int     `json:"busy"`
	Idle       float64 `json:"idle"`
	Results    int     `json:"results"`
	Rate       float64 `json:"rate"`   // results a second, since the last update
	Silent     float64 `json:"silent"` // seconds since it was heard of
}

// Help has the board ask, at every update, who helps; nobody any more if it is nil.
func (b *Board) Help(ask func() Helpers) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.helpers, b.changed = ask, true
	if ask == nil && b.history.helpers != nil {
		b.history.helpers = &Helpers{Results: b.history.helpers.Results, Here: b.history.helpers.Here}
		b.news.Helpers = b.history.helpers
	}
}

// askHelpers returns who helps, with how many results each made since they were asked last; nil for nobody.
func (b *Board) askHelpers(ask func() Helpers) *Helpers {
	if ask == nil {
		return nil
	}
	h := ask()
	h.List = h.List[:min(len(h.List), maxHelpers)]
	now, results := b.now(), make(map[string]int)
	seconds := now.Sub(b.asked.at).Seconds()
	for i := range h.List {
		w := &h.List[i]
		if before, known := b.asked.results[w.Name]; known && seconds > 0 {
			w.Rate = float64(w.Results-before) / seconds
		}
		results[w.Name] = w.Results
	}
	b.asked.at, b.asked.results = now, results
	return &h
}
