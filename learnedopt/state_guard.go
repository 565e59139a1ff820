package learnedopt

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/seed1498fded/unroll/checkpoints"
	"github.com/seed1498fded/unroll/params"
)

// What a saved state has of a fallback and of a race.
const (
	fallbackPrefix = "fallback/"
	markPrefix     = "check/mark/"
	endPrefix      = "check/end/"
	metaCheck      = "check" // a savedRace, as JSON
)

// A savedRace is what is saved of a race beside its snapshots.
type savedRace struct {
	raceState
	Alarm alarm
}

// saveSecond adds a fallback, and a race with it.
func (g *guard) saveSecond(f *checkpoints.File) error {
	if g.second == nil {
		return nil
	}
	c := g.second.o.compiled
	checkpoints.Put(f, fallbackPrefix, c.State(), g.second.o.state)
	if g.race == nil {
		return nil
	}
	text, err := json.Marshal(savedRace{g.race.raceState, g.race.alarm})
	if err != nil {
		return fmt.Errorf("learnedopt: %w", err)
	}
	f.Meta[metaCheck] = string(text)
	if g.race.Begun {
		g.race.mark.save(f, markPrefix, g)
	}
	if g.race.Begun && g.race.Turn == answer {
		g.race.end.save(f, endPrefix, g)
	}
	return nil
}

// restoreSecond takes over a fallback, and a race with it.
func (g *guard) restoreSecond(f *checkpoints.File, begun bool, unseen []int, steps int) error {
	if g.second == nil {
		return nil
	}
	s := g.second
	state, err := checkpoints.Get[float32](f, fallbackPrefix, s.o.compiled.State())
	if err != nil {
		return fmt.Errorf("learnedopt: saved state: %w", err)
	}
	if g.race != nil {
		if err := g.race.restore(f); err != nil {
			return err
		}
	}
	copy(s.o.state, state)
	s.o.steps, s.begun, s.unseen = steps, begun, slices.Clone(unseen)
	return nil
}

// restore takes over a race.
func (r *race) restore(f *checkpoints.File) error {
	var saved savedRace
	if err := json.Unmarshal([]byte(f.Meta[metaCheck]), &saved); err != nil || !saved.valid() {
		return fmt.Errorf("learnedopt: saved state: metadata %q is none of a loss check", metaCheck)
	}
	var mark, end snapshot
	if saved.Begun {
		if err := mark.restore(f, markPrefix, r.rule); err != nil {
			return err
		}
	}
	if saved.Begun && saved.Turn == answer {
		if err := end.restore(f, endPrefix, r.rule); err != nil {
			return err
		}
	}
	r.raceState, r.alarm, r.mark, r.end = saved.raceState, saved.Alarm, mark, end
	return nil
}

// valid says whether the counts are such as a race can have.
func (s savedRace) valid() bool {
	least := min(s.Taken, s.Total, s.Bad, s.Length-1, s.Trust-1, s.Relief-1, s.Checks.Won, s.Checks.Lost, s.Checks.Undone, s.Checks.TakenBack)
	return s.Turn <= relieved && (least >= 0 || !s.Begun)
}

// layouts are those of a snapshot: of the weights and the loss, and of the other numbers.
func (s *snapshot) layouts(g *guard) (double, single params.Layout) {
	n := g.o.compiled.Coordinates()
	double = params.Layout{{Name: "theta", Shape: []int{n}}, {Name: "loss", Shape: []int{1}}}
	single = params.Layout{{Name: "grad", Shape: []int{n}}}
	for _, part := range []struct {
		name string
		n    int
	}{{"rule", g.o.compiled.State().Len()}, {"fallback", g.second.o.compiled.State().Len()}} {
		if part.n > 0 {
			single = append(single, params.Spec{Name: part.name, Shape: []int{part.n}})
		}
	}
	return double, single
}

// save adds a snapshot.
func (s *snapshot) save(f *checkpoints.File, prefix string, g *guard) {
	double, single := s.layouts(g)
	checkpoints.Put(f, prefix, double, append(slices.Clone(s.theta), s.loss))
	checkpoints.Put(f, prefix, single, slices.Concat(s.grad, s.rule, s.fallback))
}

// restore reads what save added.
func (s *snapshot) restore(f *checkpoints.File, prefix string, g *guard) error {
	double, single := s.layouts(g)
	d, err := checkpoints.Get[float64](f, prefix, double)
	if err != nil {
		return fmt.Errorf("learnedopt: saved state: %w", err)
	}
	v, err := checkpoints.Get[float32](f, prefix, single)
	if err != nil {
		return fmt.Errorf("learnedopt: saved state: %w", err)
	}
	n := g.o.compiled.Coordinates()
	at := n + g.o.compiled.State().Len()
	s.theta, s.loss, s.grad, s.rule, s.fallback = d[:n], d[n], v[:n], v[n:at], v[at:]
	return nil
}
