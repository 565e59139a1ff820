package suite

import (
	"context"
	"slices"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta/eval"
)

// candidates returns the settings that a contender may have.
func (s *study) candidates(x eval.Contender) []setting {
	switch {
	case x.Name == Reference || s.Track == Single:
		return grid(x)
	case s.Track == Tuned:
		return trials(x, s.Trials)
	}
	return []setting{fixed(x)}
}

// choose returns the setting of everything that is measured, the reference first, for each problem.
func (s *study) choose(ctx context.Context) ([][]setting, error) {
	chosen := make([][]setting, len(s.list))
	for k, x := range s.all() {
		candidates := s.candidates(x)
		if s.takes(x) {
			for i, best := range s.known(x, candidates) {
				chosen[i] = append(chosen[i], candidates[best])
			}
			continue
		}
		finals, err := s.tune(ctx, k, x, candidates)
		if err != nil {
			return nil, err
		}
		for i, best := range s.best(x, finals) {
			chosen[i] = append(chosen[i], candidates[best])
		}
	}
	return chosen, nil
}

// best returns for each problem which of a contender's candidates it has, from their mean final losses there.
func (s *study) best(x eval.Contender, finals [][]float64) (list []int) {
	if s.Track == Single && x.Name != Reference {
		return slices.Repeat([]int{s.overall(finals)}, len(finals))
	}
	for _, losses := range finals {
		list = append(list, lowest(losses))
	}
	return list
}

// tune returns for each problem the mean final loss of each candidate over the runs to tune on; of a single one there is
// nothing to find out.
func (s *study) tune(ctx context.Context, k int, x eval.Contender, candidates []setting) ([][]float64, error) {
	finals := make([][]float64, len(s.list))
	for i, p := range s.list {
		if len(candidates) == 1 {
			finals[i] = []float64{0}
			continue
		}
		if s.tuned(x) {
			finals[i] = s.adam[i]
			continue
		}
		s.tell(Finding{Problem: i, Optimizer: k, Settings: len(candidates)})
		c := newCourse(p, rng.Split(s.Seed, keyTuning), s.TuningRuns, s.work.begin(i, k, p.Name+", tuning "+x.Name))
		outcomes, err := c.measure(ctx, rulesOf(candidates))
		if err != nil {
			return nil, err
		}
		for _, runs := range outcomes {
			finals[i] = append(finals[i], mean(finalsOf(runs)))
		}
		if x.Name == Reference {
			s.adam[i] = finals[i]
		}
		s.tell(Finding{Problem: i, Optimizer: k, Settings: len(candidates), Tried: len(candidates)})
	}
	return finals, nil
}

// tuned reports whether all that tuning a contender would find out is known from the reference, which comes first.
func (s *study) tuned(x eval.Contender) bool {
	return s.Track == Single && x.Name != Reference && x.Baseline != nil && x.Baseline.Name == s.reference.Baseline.Name
}

func rulesOf(list []setting) (rules []*learnedopt.Trained) {
	for _, s := range list {
		rules = append(rules, s.rule)
	}
	return rules
}

// lowest returns the index of the lowest number, of equals the first.
func lowest(v []float64) int {
	best := 0
	for i, x := range v {
		if x < v[best] {
			best = i
		}
	}
	return best
}

// worstCounted is what a setting's ratio to the tuned Adam counts as at most where one setting is sought for all problems, so
// that settings that diverge somewhere can be told apart.
const worstCounted = 100

// overall returns the candidate with the lowest geometric mean over problems of the ratio to the tuned Adam, on the runs to
// tune on.
func (s *study) overall(finals [][]float64) int {
	scores := make([]float64, len(finals[0]))
	for k := range scores {
		var ratios []float64
		for _, g := range groups(s.list) {
			ratios = append(ratios, min(worstCounted, g.of(func(i int) float64 {
				return ratio(finals[i][k], s.adam[i][lowest(s.adam[i])], s.list[i].Floor)
			})))
		}
		scores[k] = geometric(ratios)
	}
	return lowest(scores)
}

func finalsOf(runs []outcome) []float64 {
	v := make([]float64, len(runs))
	for i, r := range runs {
		v[i] = r.final
	}
	return v
}

func testsOf(runs []outcome) []float64 {
	v := make([]float64, len(runs))
	for i, r := range runs {
		v[i] = r.test
	}
	return v
}

func divergedOf(runs []outcome) (n int) {
	for _, r := range runs {
		if r.diverged {
			n++
		}
	}
	return n
}
