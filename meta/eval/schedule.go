package eval

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/compose"
)

// Warmup is the part of a run over which the learning rate rises to its value before it falls, by the schedules that fall.
const Warmup = 0.05

// Schedules returns the names of what a baseline's learning rate can do over a run: constant, it stays; linear and cosine, it
// rises over the first 5 % of the steps and then falls to nothing, along a line or half a cosine (see compose.Schedule).
func Schedules() []string { return compose.Shapes() }

// Scheduled returns a rule under a schedule, one of [Schedules]: the rule itself under the constant one.
func Scheduled(r learnedopt.Rule, schedule string) learnedopt.Rule {
	if schedule == compose.Constant {
		return r
	}
	return &compose.Schedule{Rule: compose.Of(r), Shape: schedule, Warmup: Warmup}
}

// CheckSchedules reports a name that is none of a schedule, or is there twice.
func CheckSchedules(names []string) error {
	for i, name := range names {
		if !slices.Contains(Schedules(), name) {
			return fmt.Errorf("eval: unknown schedule %.30q; want one of %s", name, strings.Join(Schedules(), ", "))
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("eval: schedule %s is named twice", name)
		}
	}
	return nil
}

// A grid is what a baseline is tuned over: each learning rate under each schedule.
type grid struct {
	rates     []float64
	schedules []string
}

// gridOf returns a baseline's: of one that has no learning rate the schedules alone.
func gridOf(b Baseline, schedules []string) grid {
	g := grid{LearningRates(), schedules}
	if len(schedules) == 0 {
		g.schedules = []string{compose.Constant}
	}
	if b.Fixed {
		g.rates = []float64{1}
	}
	return g
}

func (g grid) size() int { return len(g.rates) * len(g.schedules) }
