package es

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/internal/config"
	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/params"
)

// Again has episodes begin where earlier ones went wrong. Each pair keeps the last place from which a window led to losses that rose,
// or were not finite: where it stood before. When its episode ends the next may go on from there, with all branches at that place and
// nothing remembered of earlier perturbations, in place of one that begins anew; a place is used once. That losses rise is found by
// cumulated sums over windows of one episode: S ← max(0, S + l − l'), where l' and l are the mean losses of a window and the next; they
// do where S is above Rise, and S is 0 from there (after the failure buffer of xiaol827/ELO, which goes on from one several times).
type Again struct {
	Part float64 `json:"part,omitempty"` // the probability, up to 1; .5 if zero
	Rise float64 `json:"rise,omitempty"` // 0 or more
}

func (a Again) filled() Again {
	if a.Part == 0 {
		a.Part = 0.5
	}
	return a
}

// MarshalJSON writes the settings with every default in its place.
func (a Again) MarshalJSON() ([]byte, error) {
	type plain Again
	return json.Marshal(plain(a.filled()))
}

// UnmarshalJSON reads settings; an unknown field is an error.
func (a *Again) UnmarshalJSON(text []byte) error {
	type plain Again
	return config.Set((*plain)(a), text)
}

func (a Again) validate() error {
	switch a = a.filled(); {
	case !(a.Part > 0 && a.Part <= 1):
		return fmt.Errorf("again: part is %v; want above 0, at most 1", a.Part)
	case !(a.Rise >= 0) || math.IsInf(a.Rise, 1):
		return fmt.Errorf("again: rise is %v; want 0 or more", a.Rise)
	}
	return nil
}

// A failure is a place that an episode may go on from again. It is not changed once made.
type failure[F params.Float] struct {
	Key    uint64 `json:"key"`
	Length int    `json:"length"`
	Step   int    `json:"step"`
	state  []F
}

// rising tells whether losses rise.
type rising struct {
	Sum  float64 `json:"sum,omitempty"`
	Mean float64 `json:"mean,omitempty"` // of the last window
	Seen bool    `json:"seen,omitempty"` // there is one, of the same episode
}

// watch takes note of a window that a pair has been through.
func (w *worker[F]) watch(p *pair[F]) {
	a := w.config.Again
	if a == nil {
		return
	}
	from, at := p.at, p.next
	at.rising = rising{}
	switch {
	case from.Live && p.broken:
	case from.Live != (p.episodes == 0) || p.episodes > 1 || p.counted == 0: // of two episodes
		return
	default:
		at.Mean, at.Seen = p.loss/float64(p.counted), true
		if !from.Live || !from.Seen {
			return
		}
		at.Sum = max(0, from.Sum+at.Mean-from.Mean)
		if !(at.Sum > a.Rise) {
			return
		}
		at.Sum = 0
	}
	at.failed = &failure[F]{Key: from.Key, Length: from.Length, Step: from.Step, state: slices.Clone(from.states[0])}
}

// repeat gives the pair an episode that it has had, from where that went wrong, and reports whether it does.
func (p *pair[F]) repeat(c *ConfigOf[F], key uint64) bool {
	at := p.next
	if c.Again == nil || at.failed == nil {
		return false
	}
	if rng.New(rng.Split(p.keyOf(key, keyAgain), p.episodes)).Float64() >= c.Again.filled().Part {
		return false
	}
	f := at.failed
	at.failed = nil
	at.Key, at.Length, at.Ends, at.Step, at.Live, at.Masked = f.Key, f.Length, f.Length, f.Step, true, false
	for i := range at.states {
		at.states[i] = append(at.states[i][:0], f.state...)
	}
	p.episodes++
	return true
}

// saveFailures keeps what episodes may go on from.
func (e *EstimatorOf[F]) saveFailures(f *checkpoints.File, prefix string, places []*place[F]) error {
	if e.config.Again == nil {
		return nil
	}
	all, states := make([]*failure[F], len(places)), []F(nil)
	for i, p := range places {
		if all[i] = p.failed; p.failed != nil {
			states = append(states, p.failed.state...)
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("es: %w", err)
	}
	f.Meta[prefix+".failures"] = string(text)
	if len(states) > 0 {
		checkpoints.Put(f, prefix+".", failureLayout(len(states)), states)
	}
	return nil
}

func failureLayout(n int) params.Layout {
	return params.Layout{{Name: "failures", Shape: []int{n}}}
}

// loadFailures is the way back.
func (e *EstimatorOf[F]) loadFailures(f *checkpoints.File, prefix string, places []*place[F]) error {
	if e.config.Again == nil {
		return nil
	}
	var all []*failure[F]
	if err := json.Unmarshal([]byte(f.Meta[prefix+".failures"]), &all); err != nil {
		return fmt.Errorf("es: training checkpoint: %s.failures: %w", prefix, err)
	}
	if len(all) != len(places) {
		return fmt.Errorf("es: training checkpoint: %s.failures: %d pairs, want %d", prefix, len(all), len(places))
	}
	n := 0
	for i, x := range all {
		if x == nil {
			continue
		}
		if !(0 <= x.Step && x.Step < x.Length && x.Length <= e.config.Horizon) {
			return fmt.Errorf("es: training checkpoint: %s.failures: pair %d: step %d of %d does not fit a horizon of %d",
				prefix, i, x.Step, x.Length, e.config.Horizon)
		}
		size, err := StateLen(e.workers[0].system, Episode{Key: x.Key, Length: x.Length, Pair: i})
		if err != nil {
			return err
		}
		x.state = make([]F, size)
		n += size
	}
	if n == 0 {
		return nil
	}
	v, err := checkpoints.Get[F](f, prefix+".", failureLayout(n))
	if err != nil {
		return err
	}
	for i, x := range all {
		if x != nil {
			v = v[copy(x.state, v):]
			places[i].failed = x
		}
	}
	return nil
}
