package suite_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed1498fded/unroll/learnedopt/handmade"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/eval"
	"github.com/seed1498fded/unroll/meta/eval/suite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func baselines(t *testing.T, names ...string) (list []eval.Contender) {
	t.Helper()
	for _, name := range names {
		b, err := eval.FindBaseline(name)
		require.NoError(t, err)
		list = append(list, eval.Contender{Name: name, Baseline: &b})
	}
	return list
}

// cheap is a comparison that takes no time.
func cheap(t *testing.T, names ...string) suite.Comparison {
	return suite.Comparison{
		Only: []string{"diabetes-mlp", "breast-logistic", "rosenbrock"}, Contenders: baselines(t, names...),
		Runs: 3, TuningRuns: 1, Fraction: .08, Seed: 1,
	}
}

func run(t *testing.T, c suite.Comparison) *suite.Report {
	t.Helper()
	r, err := c.Run(context.Background())
	require.NoError(t, err)
	return r
}

// text is a report without what depends on the clock.
func text(t *testing.T, r *suite.Report) string {
	t.Helper()
	for i := range r.Problems {
		for k := range r.Problems[i].Results {
			r.Problems[i].Results[k].USPerStep, r.Problems[i].Results[k].Seconds = 0, 0
		}
	}
	for k := range r.Aggregate {
		r.Aggregate[k].Time = 0
	}
	b, err := json.Marshal(r)
	require.NoError(t, err)
	return string(b)
}

// The same seed gives the same numbers on any number of goroutines, and another one others.
func TestSameBits(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, track := range []suite.Track{suite.Single, suite.Tuned} {
		c := cheap(t, "adam", "lion", "prodigy")
		c.Track, c.Fraction = track, .04
		runtime.GOMAXPROCS(1)
		one := text(t, run(t, c))
		runtime.GOMAXPROCS(5)
		require.Equal(t, one, text(t, run(t, c)), track)
		c.Seed = 2
		require.NotEqual(t, one, strings.Replace(text(t, run(t, c)), `"seed":2`, `"seed":1`, 1))
	}
}

// What is measured on a problem does not depend on what else is: neither on other problems nor on other optimizers.
func TestProblemsByThemselves(t *testing.T) {
	all := run(t, cheap(t, "adam", "sgd"))
	c := cheap(t, "sgd")
	c.Only = c.Only[:1]
	one := run(t, c)
	require.Equal(t, "diabetes-mlp", one.Problems[0].Name)
	for _, p := range all.Problems {
		if p.Name == one.Problems[0].Name {
			require.Equal(t, p.Results[0].Finals, one.Problems[0].Results[0].Finals)
			require.Equal(t, p.Results[2].Tests, one.Problems[0].Results[1].Tests)
		}
	}
}

// The reference is its own measure, comes to its own target, and is the best of its grid but for what tuning on few runs gets
// wrong.
func TestReference(t *testing.T) {
	c := cheap(t, "adam", "sgd")
	c.Fraction = .3
	r := run(t, c)
	a := r.Aggregate[0]
	require.Equal(t, suite.Reference, a.Name)
	require.Equal(t, suite.Interval{Value: 1, Low: 1, High: 1}, a.IQM)
	require.Equal(t, suite.Interval{Value: 1, Low: 1, High: 1}, a.TestIQM)
	require.EqualValues(t, 1, a.Worst)
	require.EqualValues(t, 1, a.Time)
	require.Len(t, a.Ratios, 2, "two problems are one")
	for _, p := range r.Problems {
		x := p.Results[0]
		require.Equal(t, "reference", x.Kind)
		require.Equal(t, p.Target, x.Train.Mean)
		require.LessOrEqual(t, int(x.ToTarget), p.Steps)
		require.Positive(t, x.Setting)
		require.Less(t, float64(x.Train.Mean), float64(p.Results[1].Train.Mean), "%s: tuned and not", p.Name)
		require.Equal(t, p.Results[0].State, p.Results[1].State)
		require.Zero(t, p.Results[2].State, "sgd remembers nothing")
	}
	require.Equal(t, 2, a.Wins["adam"])
	require.Equal(t, 1.0, a.Improvement["adam"])
	require.Equal(t, map[string]int{suite.Reference: 0, "sgd": 2 - r.Aggregate[2].Wins["adam"]}, r.Aggregate[1].Wins)
	require.InDelta(t, 1, r.Aggregate[1].Improvement["sgd"]+r.Aggregate[2].Improvement["adam"], 1e-12)
}

// What problems of one number come to is the geometric mean, and the ratio of means is what the losses say.
func TestRatios(t *testing.T) {
	r := run(t, cheap(t, "lion"))
	product, seen := 1.0, 0
	for _, p := range r.Problems {
		mean := func(v []meta.Number) (m float64) {
			for _, x := range v {
				m += float64(x) / float64(len(v))
			}
			return m
		}
		want := (mean(p.Results[1].Finals) + p.Floor) / (mean(p.Results[0].Finals) + p.Floor)
		require.InEpsilon(t, want, float64(p.Results[1].Ratio), 1e-12)
		if p.Number == 12 {
			product *= want
			seen++
		}
	}
	require.Equal(t, 2, seen)
	require.InEpsilon(t, math.Sqrt(product), float64(r.Aggregate[1].Ratios[1].Train), 1e-12)
	require.Equal(t, "rosenbrock+diabetes-mlp", r.Aggregate[1].Ratios[1].Problem)
	var train, test []float64
	for _, x := range r.Aggregate[1].Ratios {
		train, test = append(train, float64(x.Train)), append(test, float64(x.Test))
	}
	require.InEpsilon(t, suite.IQM(train), float64(r.Aggregate[1].IQM.Value), 1e-12)
	require.InEpsilon(t, suite.IQM(test), float64(r.Aggregate[1].TestIQM.Value), 1e-12)
	require.NotEqual(t, train, test)
	worst := max(r.Aggregate[1].Ratios[0].Train, r.Aggregate[1].Ratios[1].Train)
	require.Equal(t, worst, r.Aggregate[1].Worst)
}

// Who does what the reference does comes to the same, but for the time, which goes by steps and the time of one.
func TestTwin(t *testing.T) {
	c := cheap(t, "adam")
	c.Only, c.Fraction = []string{"rosenbrock"}, .2
	c.Contenders = []eval.Contender{{Name: "twin", Configured: &handmade.Adam{LR: .3}}}
	r := run(t, c)
	p := r.Problems[0]
	a, b := p.Results[0], p.Results[1]
	require.Equal(t, "0.3 constant", a.Setting)
	require.Equal(t, a.Finals, b.Finals)
	require.Equal(t, a.Tests, b.Tests)
	require.Equal(t, a.ToTarget, b.ToTarget)
	require.EqualValues(t, 1, b.Ratio)
	require.Equal(t, map[string]int{suite.Reference: 0}, r.Aggregate[1].Wins)
	require.Equal(t, .5, r.Aggregate[1].Improvement[suite.Reference])
	require.InEpsilon(t, float64(b.ToTarget)*b.USPerStep, float64(b.Seconds)*1e6, 1e-9)
	require.InEpsilon(t, b.USPerStep/a.USPerStep, float64(r.Aggregate[1].Time), 1e-9)
	require.Equal(t, 4*(2*50+1), b.State, "two moments of 50 weights, and the step")
}

// Problems have keys of their own.
func TestKeys(t *testing.T) {
	require.NotEqual(t, suite.Key("a", 1), suite.Key("b", 1))
	require.NotEqual(t, suite.Key("a", 1), suite.Key("a", 2))
}

// On one track everything is as it is, on one the setting is the same everywhere, and on one every problem has its own.
func TestTracks(t *testing.T) {
	settings := func(c suite.Comparison, k int) (list []string) {
		for _, p := range run(t, c).Problems {
			list = append(list, p.Results[k].Setting)
		}
		return list
	}
	c := cheap(t, "adam")
	require.Equal(t, []string{"", "", ""}, settings(c, 1))
	c.Track = suite.Single
	single := settings(c, 1)
	require.NotEmpty(t, single[0])
	require.Equal(t, slices.Repeat(single[:1], 3), single)
	reference := settings(c, 0)
	require.NotEqual(t, slices.Repeat(reference[:1], 3), reference, "the reference has one of its own for each problem")

	c.Track, c.Trials = suite.Tuned, 1
	require.Equal(t, slices.Repeat([]string{"0.001 constant"}, 3), settings(c, 1), "the first trial is the default")
	c.Trials = suite.MaxTrials()
	most := settings(c, 1)
	require.NotContains(t, most, "0.001 constant")
	require.NotEqual(t, slices.Repeat(most[:1], 3), most)
}

// The first trial comes to what the default does.
func TestFirstTrialIsTheDefault(t *testing.T) {
	c := cheap(t, "adam", "prodigy")
	untuned := run(t, c)
	c.Track, c.Trials = suite.Tuned, 1
	tried := run(t, c)
	for i := range untuned.Problems {
		for k := range untuned.Problems[i].Results {
			require.Equal(t, untuned.Problems[i].Results[k].Finals, tried.Problems[i].Results[k].Finals)
		}
	}
}

// Runs that diverge are counted, and what comes of them is infinite, which JSON calls null.
func TestDivergence(t *testing.T) {
	c := cheap(t, "adam")
	c.Contenders = append(c.Contenders, eval.Contender{Name: "wild", Configured: &handmade.SGD{LR: 1e30}})
	r := run(t, c)
	wild := r.Aggregate[2]
	require.Equal(t, 3*3, wild.Diverged)
	require.True(t, math.IsInf(float64(wild.Worst), 1))
	require.Zero(t, wild.Wins["adam"])
	require.Equal(t, 2, r.Aggregate[1].Wins["wild"])
	require.Equal(t, "configured", r.Problems[0].Results[2].Kind)
	b, err := json.Marshal(wild)
	require.NoError(t, err)
	require.Contains(t, string(b), `"worst_ratio":null`)
	require.Contains(t, string(b), `"iqm_ratio":{"value":null,"low":null,"high":null}`)
	var w strings.Builder
	require.NoError(t, r.WriteTable(&w))
	require.Contains(t, w.String(), "diverged")
	require.NoError(t, r.Plot(&w, "svg"))
	_, err = r.Page()
	require.NoError(t, err)
}

func TestRefused(t *testing.T) {
	for want, change := range map[string]func(*suite.Comparison){
		`no suite "slow"; there are unroll12, unroll12-long, quick, perceptrons`: func(c *suite.Comparison) { c.Suite = "slow" },
		`no track "best"; there are default, single, tuned`:                      func(c *suite.Comparison) { c.Track = "best" },
		`no problem "mnist" in quick; there are mnist-mlp`:                       func(c *suite.Comparison) { c.Only = []string{"mnist"} },
		`problem rosenbrock is named twice`:                                      func(c *suite.Comparison) { c.Only = []string{"rosenbrock", "rosenbrock"} },
		`3 trials on the track default; only the track tuned has`:                func(c *suite.Comparison) { c.Trials = 3 },
		`21 trials; want 1 to 20`:                                                func(c *suite.Comparison) { c.Track, c.Trials = suite.Tuned, 21 },
		`-1 runs; want 1 to 10000`:                                               func(c *suite.Comparison) { c.Runs = -1 },
		`20000 tuning runs; want 1 to 10000`:                                     func(c *suite.Comparison) { c.TuningRuns = 20000 },
		`a fraction of 1.5 of the steps; want more than 0 and at`:                func(c *suite.Comparison) { c.Fraction = 1.5 },
		`a fraction of NaN of the steps`:                                         func(c *suite.Comparison) { c.Fraction = math.NaN() },
		`nothing to compare; want one optimizer or more`:                         func(c *suite.Comparison) { c.Contenders = nil },
		`two optimizers are called "adam"`:                                       func(c *suite.Comparison) { c.Contenders = append(c.Contenders, c.Contenders[0]) },
		`two optimizers are called "tuned-adam"; want names that di`:             func(c *suite.Comparison) { c.Contenders[0].Name = suite.Reference },
		`suite: hebb on `: func(c *suite.Comparison) { c.Contenders = baselines(t, "hebb") },
	} {
		c := cheap(t, "adam")
		change(&c)
		require.ErrorContains(t, c.Validate(), want)
		_, err := c.Run(context.Background())
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "\n")
	}
}

// A context that ends ends it, and progress grows to its end.
func TestProgress(t *testing.T) {
	c := cheap(t, "adam")
	var told []float64
	c.Progress = func(fraction float64, next string) { told = append(told, fraction) }
	run(t, c)
	require.Greater(t, len(told), 10)
	require.IsNonDecreasing(t, told)
	require.InDelta(t, 1, told[len(told)-1], .05)

	ctx, cancel := context.WithCancel(context.Background())
	c.Progress = func(fraction float64, next string) {
		if fraction > .1 {
			cancel()
		}
	}
	_, err := c.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func ExampleComparison() {
	adam, _ := eval.FindBaseline("adam")
	c := suite.Comparison{
		Only: []string{"rosenbrock"}, Fraction: .2, Runs: 2, Contenders: []eval.Contender{{Name: "adam", Baseline: &adam}},
	}
	r, err := c.Run(context.Background())
	if err != nil {
		panic(err)
	}
	fmt.Println(r.Aggregate[0].Name, r.Problems[0].Results[0].Setting)
	fmt.Println("untuned it is worse:", r.Aggregate[1].IQM.Value > 2)
	// Output:
	// tuned-adam 1 constant
	// untuned it is worse: true
}
