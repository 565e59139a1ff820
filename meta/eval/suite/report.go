package suite

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/seed1498fded/unroll/internal/rng"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/eval"
)

// Report is what a Comparison found. Marshalled, it is the JSON that the package documentation describes.
type Report struct {
	Suite      string      `json:"suite"`
	Track      Track       `json:"track"`
	Seed       uint64      `json:"seed"`
	Runs       int         `json:"runs"`
	TuningRuns int         `json:"tuning_runs"`
	Fraction   float64     `json:"steps_fraction"`
	Trials     int         `json:"trials,omitempty"`
	Problems   []Problem   `json:"problems"`
	Aggregate  []Aggregate `json:"aggregate"`
}

// Problem is one problem of the suite and what every optimizer, the reference first, comes to there.
type Problem struct {
	Number  int         `json:"number"`
	Name    string      `json:"name"`
	Steps   int         `json:"steps"`
	Batch   int         `json:"batch"`
	Floor   float64     `json:"floor"`
	Target  meta.Number `json:"target"`
	Results []Result    `json:"results"`
}

// Result is an optimizer's at a problem.
type Result struct {
	Name      string          `json:"name"`
	Kind      string          `json:"kind"`
	Hyper     json.RawMessage `json:"hyper"`
	Setting   string          `json:"setting,omitempty"`
	Edge      bool            `json:"lr_at_edge,omitempty"`
	Train     eval.Stat       `json:"train"`
	Test      eval.Stat       `json:"test"`
	Ratio     meta.Number     `json:"ratio"`
	TestRatio meta.Number     `json:"test_ratio"`
	Diverged  int             `json:"diverged"`
	USPerStep float64         `json:"us_per_step"`
	ToTarget  meta.Number     `json:"steps_to_target"`
	Seconds   meta.Number     `json:"seconds_to_target"`
	State     int             `json:"state_bytes"`
	Finals    []meta.Number   `json:"finals"`
	Tests     []meta.Number   `json:"tests"`
	Curve     Curve           `json:"curve"`
}

// Curve is a smoothed loss: after Steps[i] minibatches it is Loss[i].
type Curve struct {
	Steps []int         `json:"steps"`
	Loss  []meta.Number `json:"loss"`
}

// Aggregate is what an optimizer comes to over all problems.
type Aggregate struct {
	Name         string             `json:"name"`
	IQM          Interval           `json:"iqm_ratio"`
	TestIQM      Interval           `json:"iqm_test_ratio"`
	Wins         map[string]int     `json:"wins"`
	Improvement  map[string]float64 `json:"improvement"`
	Worst        meta.Number        `json:"worst_ratio"`
	WorstProblem string             `json:"worst_problem"`
	Time         meta.Number        `json:"median_time_ratio"`
	Diverged     int                `json:"diverged"`
	Ratios       []Ratio            `json:"ratios"`
}

// Interval is a number and where 95 % of its bootstrap lies.
type Interval struct {
	Value meta.Number `json:"value"`
	Low   meta.Number `json:"low"`
	High  meta.Number `json:"high"`
}

// Ratio is an optimizer's final losses over the tuned Adam's, at a problem or those that count as one.
type Ratio struct {
	Problem string      `json:"problem"`
	Train   meta.Number `json:"ratio"`
	Test    meta.Number `json:"test_ratio"`
}

// head returns the report without results.
func (s *study) head() *Report {
	r := &Report{Suite: s.Suite, Track: s.Track, Seed: s.Seed, Runs: s.Runs, TuningRuns: s.TuningRuns, Fraction: s.Fraction}
	if s.Track == Tuned {
		r.Trials = s.Trials
	}
	for _, p := range s.list {
		r.Problems = append(r.Problems, Problem{Number: p.Number, Name: p.Name, Steps: p.Steps, Batch: p.Batch, Floor: p.Floor})
	}
	return r
}

// kind is what an optimizer is.
func (m method) kind() string {
	switch {
	case m.Name == Reference:
		return kindReference
	case m.Baseline != nil:
		return "baseline"
	case m.Configured != nil:
		return "configured"
	}
	return "learned"
}

// result says what a method comes to on the problem. What the reference, which comes first, comes to is the target.
func (p *Problem) result(reference, m method) (x Result, err error) {
	if len(p.Results) == 0 {
		p.Target = meta.Number(meanOfEnds(reference.runs))
	}
	hyper, err := json.Marshal(m.rule.Rule)
	if err != nil {
		return x, err
	}
	curve := meanCurve(m.runs)
	steps := reached(curve, float64(p.Target))
	return Result{
		Name: m.Name, Kind: m.kind(), Hyper: hyper, Setting: m.text, Edge: m.edge,
		Train: stat(finalsOf(m.runs)), Test: stat(testsOf(m.runs)),
		Ratio:     meta.Number(m.against(reference, p.Floor, finalsOf)),
		TestRatio: meta.Number(m.against(reference, p.Floor, testsOf)),
		Diverged:  divergedOf(m.runs), USPerStep: m.us,
		ToTarget: meta.Number(steps), Seconds: meta.Number(steps * m.us / 1e6),
		State: 4 * m.room, Finals: numbers(finalsOf(m.runs)), Tests: numbers(testsOf(m.runs)), Curve: thin(curve),
	}, nil
}

// meanOfEnds returns the last of the mean smoothed losses.
func meanOfEnds(runs []outcome) float64 {
	curve := meanCurve(runs)
	return curve[len(curve)-1]
}

// against returns the ratio of the mean of what runs come to.
func (m method) against(reference method, floor float64, of func([]outcome) []float64) float64 {
	return ratio(mean(of(m.runs)), mean(of(reference.runs)), floor)
}

// stat returns the mean and its standard error, which of a single run is 0.
func stat(v []float64) eval.Stat {
	m, sum := mean(v), 0.0
	if !finite(m) {
		return eval.Stat{Mean: meta.Number(math.Inf(1)), StdErr: meta.Number(math.NaN())}
	}
	for _, x := range v {
		sum += (x - m) * (x - m)
	}
	n := float64(len(v))
	return eval.Stat{Mean: meta.Number(m), StdErr: meta.Number(math.Sqrt(sum / max(1, n-1) / n))}
}

func numbers(v []float64) (list []meta.Number) {
	for _, x := range v {
		list = append(list, meta.Number(x))
	}
	return list
}

// thin leaves of a curve no more points than a picture needs, the last among them.
func thin(curve []float64) (c Curve) {
	c.Steps = CurveSteps(len(curve))
	for _, t := range c.Steps {
		c.Loss = append(c.Loss, meta.Number(curve[t-1]))
	}
	return c
}

// CurveSteps returns the Steps of the Curve of runs of n steps.
func CurveSteps(n int) (steps []int) {
	const most = 200
	for k := range min(most, n) {
		steps = append(steps, (k+1)*n/min(most, n))
	}
	return steps
}

// aggregate says what every optimizer comes to over the problems, from what it comes to on each.
func (s *study) aggregate(r *Report, measured [][]method) {
	for k, x := range s.all() {
		a := Aggregate{Name: x.Name, Wins: map[string]int{}, Improvement: map[string]float64{}}
		var ratios, times []float64
		for _, g := range groups(s.list) {
			of := func(what func(Result) meta.Number) float64 {
				return g.of(func(i int) float64 { return float64(what(r.Problems[i].Results[k])) })
			}
			name := g.name(s.list)
			train, test := of(func(x Result) meta.Number { return x.Ratio }), of(func(x Result) meta.Number { return x.TestRatio })
			a.Ratios = append(a.Ratios, Ratio{name, meta.Number(train), meta.Number(test)})
			if len(ratios) == 0 || train > slices.Max(ratios) {
				a.WorstProblem = name
			}
			ratios = append(ratios, train)
			times = append(times, g.of(func(i int) float64 { return r.Problems[i].slower(k) }))
		}
		a.Worst, a.Time = meta.Number(slices.Max(ratios)), meta.Number(Median(times))
		a.IQM, a.TestIQM = s.interval(measured, k, finalsOf), s.interval(measured, k, testsOf)
		for i := range s.list {
			a.Diverged += divergedOf(measured[i][k].runs)
		}
		r.Aggregate = append(r.Aggregate, a)
	}
	for k := range r.Aggregate {
		s.duels(r, measured, k)
	}
}

// slower returns how many times the reference's seconds to the target those of optimizer k are.
func (p Problem) slower(k int) float64 {
	return ratio(float64(p.Results[k].Seconds), float64(p.Results[0].Seconds), 0)
}

// interval returns the interquartile mean over problems of optimizer k's ratios of what runs come to, with its bootstrap.
func (s *study) interval(measured [][]method, k int, of func([]outcome) []float64) Interval {
	list := groups(s.list)
	mine, reference := make([][]float64, len(s.list)), make([][]float64, len(s.list))
	for i := range s.list {
		mine[i], reference[i] = of(measured[i][k].runs), of(measured[i][0].runs)
	}
	statistic := func(draws [][]int) float64 {
		ratios := make([]float64, len(list))
		for j, g := range list {
			ratios[j] = g.of(func(i int) float64 {
				return ratio(drawn(mine[i], draws[i]), drawn(reference[i], draws[i]), s.list[i].Floor)
			})
		}
		return IQM(ratios)
	}
	every := make([][]int, len(s.list))
	for i := range every {
		for run := range s.Runs {
			every[i] = append(every[i], run)
		}
	}
	low, high := Bootstrap(len(s.list), s.Runs, rng.Split(s.Seed, keyBootstrap), statistic)
	return Interval{meta.Number(statistic(every)), meta.Number(low), meta.Number(high)}
}

// duels holds optimizer k against each of the others.
func (s *study) duels(r *Report, measured [][]method, k int) {
	a := r.Aggregate[k]
	for other, b := range r.Aggregate {
		if other == k {
			continue
		}
		wins, chances := 0, 0.0
		for j, g := range groups(s.list) {
			if a.Ratios[j].Train < b.Ratios[j].Train {
				wins++
			}
			for _, i := range g {
				chances += Improvement(finalsOf(measured[i][k].runs), finalsOf(measured[i][other].runs)) / float64(len(g))
			}
		}
		a.Wins[b.Name], a.Improvement[b.Name] = wins, chances/float64(len(a.Ratios))
	}
}
