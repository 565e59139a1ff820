package eval

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/compose"
	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/learnedopt/plastic"
)

// A Baseline is a hand-made rule with one hyperparameter to tune, its learning rate. All others have the values their
// authors gave them.
type Baseline struct {
	Name string
	With func(lr float64) learnedopt.Rule

	Fixed bool // there is nothing to tune: With makes the same rule of any learning rate
}

// Rate returns the learning rate that the baseline has if nobody gives it one, 0 if it has none.
func (b Baseline) Rate() float64 {
	var hyper struct{ LR, Rate float64 }
	text, err := json.Marshal(b.With(0))
	if err == nil {
		err = json.Unmarshal(text, &hyper)
	}
	switch {
	case err != nil:
		panic("eval: " + err.Error()) // the baselines are part of the program
	case b.Fixed:
		return 0
	}
	return cmp.Or(hyper.LR, hyper.Rate)
}

// Baselines returns those that every learned rule is compared with.
func Baselines() []Baseline {
	return []Baseline{
		{Name: "sgd", With: func(lr float64) learnedopt.Rule { return &handmade.SGD{LR: lr} }},
		{Name: "momentum", With: func(lr float64) learnedopt.Rule { return &handmade.Momentum{LR: lr} }},
		{Name: "nag", With: func(lr float64) learnedopt.Rule { return &handmade.NAG{LR: lr} }},
		{Name: "rmsprop", With: func(lr float64) learnedopt.Rule { return &handmade.RMSprop{LR: lr} }},
		{Name: "adam", With: func(lr float64) learnedopt.Rule { return &handmade.Adam{LR: lr} }},
		{Name: "adamw", With: func(lr float64) learnedopt.Rule {
			return &handmade.AdamW{Adam: handmade.Adam{LR: lr}}
		}},
	}
}

// PlasticBaselines returns those that rules are compared with that see what synapses feel, as far as a problem shows what they
// read: the rule that nobody learned, Hebb's and the delta rule.
func PlasticBaselines(p inner.Problem) []Baseline {
	return slices.DeleteFunc(plasticBaselines(), func(b Baseline) bool {
		options := learnedopt.Options{Workers: 1, Senses: inner.SensesOf(p)}
		_, err := learnedopt.CompileWith[float32](b.With(1), p.Params(), options)
		return err != nil
	})
}

func plasticBaselines() []Baseline {
	return []Baseline{
		{Name: "static", Fixed: true, With: func(float64) learnedopt.Rule { return &plastic.Static{} }},
		{Name: "hebb", With: func(lr float64) learnedopt.Rule { return &plastic.Hebb{Rate: lr} }},
		{Name: "delta", With: func(lr float64) learnedopt.Rule { return &plastic.Delta{Rate: lr} }},
	}
}

// otherBaselines returns more that people use. Those which find a rate by themselves are not tuned.
func otherBaselines() []Baseline {
	return []Baseline{
		{Name: "lion", With: func(lr float64) learnedopt.Rule { return &handmade.Lion{LR: lr} }},
		{Name: "adafactor", With: func(lr float64) learnedopt.Rule { return &handmade.Adafactor{LR: lr} }},
		{Name: "radam", With: func(lr float64) learnedopt.Rule { return &handmade.RAdam{LR: lr} }},
		{Name: "nadam", With: func(lr float64) learnedopt.Rule { return &handmade.NAdam{LR: lr} }},
		{Name: "yogi", With: func(lr float64) learnedopt.Rule { return &handmade.Yogi{LR: lr} }},
		{Name: "adabelief", With: func(lr float64) learnedopt.Rule { return &handmade.AdaBelief{LR: lr} }},
		{Name: "lamb", With: func(lr float64) learnedopt.Rule { return &handmade.LAMB{LR: lr} }},
		{Name: "schedulefree", With: func(lr float64) learnedopt.Rule { return &handmade.ScheduleFree{LR: lr} }},
		{Name: "muon", With: func(lr float64) learnedopt.Rule { return &handmade.Muon{LR: lr} }},
		{Name: "dog", Fixed: true, With: func(float64) learnedopt.Rule { return &handmade.DoG{} }},
		{Name: "dowg", Fixed: true, With: func(float64) learnedopt.Rule { return &handmade.DoWG{} }},
		{Name: "prodigy", Fixed: true, With: func(float64) learnedopt.Rule { return &handmade.Prodigy{} }},
		{Name: "mechanic", Fixed: true, With: func(float64) learnedopt.Rule { return &compose.Mechanic{} }},
	}
}

// AllBaselines returns Baselines and those that are not asked unless they are named: more that people use, and plasticity rules.
func AllBaselines() []Baseline {
	return slices.Concat(Baselines(), otherBaselines(), plasticBaselines())
}

// FindBaseline returns the baseline of that name.
func FindBaseline(name string) (Baseline, error) {
	var names []string
	for _, b := range AllBaselines() {
		if b.Name == name {
			return b, nil
		}
		names = append(names, b.Name)
	}
	return Baseline{}, fmt.Errorf("eval: unknown baseline %q; want one of %s", name, strings.Join(names, ", "))
}

// LearningRates is the grid of Andrychowicz et al.'s reproductions, 1, 0.3, 0.1, ..., 1e-5, with 3 and 10 added above:
// 13 values, two a decade.
func LearningRates() []float64 {
	return []float64{10, 3, 1, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5}
}

// Tuned is a baseline at its best learning rate under its best schedule, and how these were found.
type Tuned struct {
	Rule      learnedopt.Rule
	LR        float64
	Schedule  string
	Grid      []float64
	Schedules []string
	Final     []Summary // the final loss at each learning rate of Grid, under one schedule after the other
}

// Tune picks the learning rate with the lowest mean final loss over the runs r, which must not be those that are
// reported. Rates at which a run diverges are out, unless all do.
func Tune(ctx context.Context, b Baseline, rates []float64, r Runs) (Tuned, error) {
	return r.tune(ctx, b, grid{rates, []string{compose.Constant}}, hooks{})
}

// TuneScheduled is Tune over schedules too: it picks the pair of learning rate and schedule, one of [Schedules], with the lowest
// mean final loss; of equals the first.
func TuneScheduled(ctx context.Context, b Baseline, rates []float64, schedules []string, r Runs) (Tuned, error) {
	if err := CheckSchedules(schedules); err != nil {
		return Tuned{}, err
	}
	return r.tune(ctx, b, grid{rates, schedules}, hooks{})
}

func (r Runs) tune(ctx context.Context, b Baseline, g grid, h hooks) (Tuned, error) {
	t := Tuned{Grid: g.rates, LR: g.rates[0], Schedules: g.schedules, Schedule: g.schedules[0]}
	best := math.Inf(1)
	for _, schedule := range g.schedules {
		for _, lr := range g.rates {
			runs, err := r.measure(ctx, &learnedopt.Trained{Rule: Scheduled(b.With(lr), schedule)}, h)
			if err != nil {
				return Tuned{}, err
			}
			final := r.final(lossesOf(runs))
			t.Final = append(t.Final, final)
			h.settled(len(t.Final))
			if final.Mean < best {
				best, t.LR, t.Schedule = final.Mean, lr, schedule
			}
		}
	}
	t.Rule = Scheduled(b.With(t.LR), t.Schedule)
	return t, nil
}

// AtEdge reports whether the best learning rate is the first or last of the grid, so that a better one may lie outside.
func (t Tuned) AtEdge() bool { return t.LR == t.Grid[0] || t.LR == t.Grid[len(t.Grid)-1] }
