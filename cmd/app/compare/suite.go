package compare

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/cmd/internal/live"
	problems "github.com/seed1498fded/unroll/inner/suite"
	"github.com/seed1498fded/unroll/internal/regular"
	"github.com/seed1498fded/unroll/meta/eval/suite"
)

// suiteOptions are the flags of a comparison over the problems of a suite.
type suiteOptions struct {
	Suite    *string       `help:"Measure on all problems of a suite: ${suites}. Ratios are to Adam tuned for each problem." placeholder:"NAME"`
	Track    *string       `help:"How much baselines are tuned on a suite: ${tracks}; not at all, one setting for all problems, or --trials for each. Default: default." placeholder:"NAME"`
	Trials   *cli.Count    `help:"Settings tried for each problem on the track tuned, at most ${trials}. Default 5." placeholder:"N"`
	Problems cli.Names     `help:"Problems of the suite to measure on. Default: all." placeholder:"NAME,..."`
	Fraction *cli.Positive `name:"steps-fraction" help:"Part of the problems' steps to run, up to 1. Default 1." placeholder:"X"`
	Earlier  *string       `help:"JSON of an earlier comparison on the same suite and steps: optimizers have the settings that were chosen for them there, and only others are tuned." placeholder:"FILE.json"`
}

// suiteVars are the lists that the help shows of these flags.
func suiteVars(vars cli.Vars) cli.Vars {
	vars["suites"] = strings.Join(problems.Names(), ", ")
	vars["tracks"] = strings.Join(suite.Tracks(), ", ")
	vars["trials"] = fmt.Sprint(suite.MaxTrials())
	return vars
}

// onSuite is a comparison over the problems of a suite.
func (o options) onSuite() (s study, err error) {
	c, err := o.suiteComparison()
	if err != nil {
		return s, err
	}
	s.work = func(ctx context.Context, progress cli.Progress, p *served) (cli.Outcome, error) {
		c.Observe = p.observeSuite()
		c.Progress, c.Expect = progress.Update, cli.Expect(progress, "--problems, --steps-fraction 0.1, or fewer --runs make it shorter")
		return c.Run(ctx)
	}
	rows, runs, err := c.Rows()
	for _, x := range rows {
		s.rows = append(s.rows, live.Row{Problem: x.Problem, Name: x.Optimizer, Kind: x.Kind, Of: runs})
		s.at = append(s.at, suitePoints(x.Steps, len(rows)))
	}
	s.each = len(c.Contenders) + 1
	s.contest = live.Contest{
		Title: "suite " + c.Suite, About: fmt.Sprintf("%d runs each, seed %d", runs, c.Seed), Axis: "step",
		Note: "Curves are smoothed, as the final losses are. Ratios are to " + suite.Reference + ", Adam tuned for each problem. " +
			"± is one standard error over the runs so far. A star: the rate is at the end of the grid.",
	}
	return s, err
}

// suitePoints returns which of a run's losses its curve shows: some of those that the report has.
func suitePoints(steps, curves int) (at []int) {
	shown := suite.CurveSteps(steps)
	for _, i := range live.CurvePoints(len(shown), curves) {
		at = append(at, shown[i]-1)
	}
	return at
}

func (o options) suiteComparison() (c suite.Comparison, err error) {
	if err := o.withoutSingles(); err != nil {
		return c, err
	}
	c = suite.Comparison{
		Suite: *o.Suite, Only: o.Problems, Seed: uint64(o.Seed),
		Runs: o.Runs.Or(0), TuningRuns: o.TuneRuns.Or(0), Trials: o.Trials.Or(0),
	}
	if c.Suite == "" {
		return c, fmt.Errorf("--suite: want one of %s, got nothing", strings.Join(problems.Names(), ", "))
	}
	if o.Track != nil {
		if c.Track = suite.Track(*o.Track); c.Track == "" {
			return c, fmt.Errorf("--track: want one of %s, got nothing", strings.Join(suite.Tracks(), ", "))
		}
	}
	if o.Fraction != nil {
		c.Fraction = float64(*o.Fraction)
	}
	if o.Earlier != nil {
		if c.Earlier, err = readEarlier(*o.Earlier); err != nil {
			return c, fmt.Errorf("--earlier: %w", err)
		}
	}
	names := o.Optimizer
	if len(names) == 0 {
		names = []string{"adam"}
	}
	if c.Contenders, err = contenders(names); err != nil {
		return c, err
	}
	return c, c.Validate()
}

// maxReport is more than a report of any suite has.
const maxReport = 1 << 28

func readEarlier(path string) (*suite.Earlier, error) {
	text, err := regular.ReadFile(path, maxReport)
	if err != nil {
		return nil, err
	}
	e, err := suite.ReadEarlier(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}

// withoutSingles refuses the flags that say what a single problem is.
func (o options) withoutSingles() error {
	for _, x := range []struct {
		flag  string
		given bool
	}{
		{"problem", o.Problem != usualProblem}, {"credit", len(o.Credit) > 0}, {"credit-config", o.CreditConfig != nil},
		{"tasks", o.Tasks != nil},
		{"steps", o.Steps != nil}, {"epochs", o.Epochs != nil}, {"schedules", len(o.Schedules) > 0}, {"lr", o.LR != nil},
		{"hidden", len(o.Hidden) > 0}, {"activation", o.Activation != ""}, {"loss", o.Loss != ""}, {"init", o.Init != ""},
		{"batch", o.Batch != nil}, {"data", o.Data != nil},
	} {
		if x.given {
			return fmt.Errorf("--%s: not with --suite, whose problems are what they are", x.flag)
		}
	}
	return nil
}

// withoutSuite refuses the flags that only a suite has.
func (o options) withoutSuite() error {
	for _, x := range []struct {
		flag  string
		given bool
	}{
		{"track", o.Track != nil}, {"trials", o.Trials != nil}, {"problems", len(o.Problems) > 0},
		{"steps-fraction", o.Fraction != nil}, {"earlier", o.Earlier != nil},
	} {
		if x.given {
			return errors.New("--" + x.flag + ": only with --suite")
		}
	}
	return nil
}
