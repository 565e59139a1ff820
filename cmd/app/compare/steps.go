package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/cmd/internal/live"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/eval"
)

// bySteps is a comparison over a number of updates, with tuned baselines.
func (o options) bySteps() (study, error) {
	c, err := o.comparison()
	s := studyOf(c)
	s.work = func(ctx context.Context, progress cli.Progress, p *served) (cli.Outcome, error) {
		c.Observe = p.observe(false)
		c.Progress, c.Expect = progress.Update, cli.Expect(progress, "fewer --runs, --tune-runs, --steps or optimizers make it shorter")
		r, err := c.Run(ctx)
		return stepReport{r}, err
	}
	return s, err
}

// studyOf says what the page of a comparison has at first.
func studyOf(c eval.Comparison) (s study) {
	s.contest = live.Contest{
		Title: c.Problem, About: fmt.Sprintf("%d runs of %d steps each, seed %d", c.Runs, c.Steps, c.Seed), Axis: "step",
		Note: "± is one standard error over the runs so far. A star: the rate is at the end of the grid, and a better one may lie beyond.",
	}
	if c.Epochs > 0 {
		s.contest.About, s.contest.Axis = fmt.Sprintf("%d runs of %d epochs each, seed %d", c.Runs, c.Epochs, c.Seed), "epoch"
	}
	rows := c.Rows()
	points := live.CurvePoints(max(c.Steps, c.Epochs), len(rows))
	for _, x := range rows {
		problem := x.Problem
		if len(c.Tasks) > 1 {
			problem = cmp.Or(problem, x.Credit)
		} else if x.Credit != "" {
			s.contest.Title = c.Problem + " under " + x.Credit
		}
		s.rows = append(s.rows, live.Row{Problem: problem, Name: x.Name, Kind: x.Kind, Of: c.Runs})
		s.at = append(s.at, points)
	}
	return s
}

func (o options) comparison() (c eval.Comparison, err error) {
	opts, err := o.catalog()
	if err != nil {
		return c, err
	}
	life, err := catalog.Life(o.Problem, opts)
	if err != nil {
		return c, err
	}
	c = eval.Comparison{Problem: o.Problem, Steps: o.Steps.Or(100), Runs: o.Runs.Or(20), TuningRuns: o.tuneRuns(), Seed: uint64(o.Seed)}
	baselines := eval.Baselines()
	if life > 0 {
		c.Steps, c.Runs = o.Steps.Or(life), o.Runs.Or(200)
		if baselines, err = plasticBaselines(o.Problem, opts); err != nil {
			return c, err
		}
	}
	if o.Plot != nil && c.Steps < 2 {
		return c, fmt.Errorf("--plot: no curve runs through one point; want at least 2 --steps, got %d", c.Steps)
	}
	if o.LR != nil {
		return c, errors.New("--lr: only with --epochs; else the learning rates of baselines are tuned")
	}
	if err := eval.CheckSchedules(o.Schedules); err != nil {
		return c, fmt.Errorf("--schedules: %w", err)
	}
	c.Schedules = o.Schedules
	names := o.Optimizer
	if len(names) == 0 {
		for _, b := range baselines {
			names = append(names, b.Name)
		}
	}
	if c.Contenders, err = contenders(names); err != nil {
		return c, err
	}
	var task eval.Task
	switch len(o.Credit) {
	case 0:
	case 1:
		opts.Credit, task.Credit = o.Credit[0], o.Credit[0]
	default:
		return c, fmt.Errorf("--credit: want one rule, got %d; training for --epochs takes several", len(o.Credit))
	}
	if err := o.chooseTasks(&opts, c.Contenders); err != nil {
		return c, err
	}
	if c.Tasks, err = o.problems(task, opts); err != nil {
		return c, err
	}
	return c, c.Validate()
}

// problems returns what is measured: the problem under a credit rule, or each network of a mix.
func (o options) problems(task eval.Task, opts catalog.Options) (tasks []eval.Task, err error) {
	if catalog.Mixed(o.Problem) {
		opts.Credit = task.Credit
		if _, err := catalog.Lookup(o.Problem, opts); err != nil { // which refuses what does not apply
			return nil, err
		}
		networks, err := catalog.MeasuredOf(o.Problem, opts)
		for _, n := range networks {
			tasks = append(tasks, eval.Task{Name: n.Name, Test: n.Test, Tuning: n.Tuning})
		}
		return tasks, err
	}
	opts.Split = catalog.Test
	if task.Test, err = catalog.Lookup(o.Problem, opts); err != nil {
		return nil, err
	}
	opts.Split = catalog.Train
	if task.Tuning, err = catalog.Lookup(o.Problem, opts); err != nil {
		return nil, err
	}
	if name := catalog.Transfer(o.Problem); name != "" {
		if task.Transfer, err = catalog.Lookup(name, catalog.Options{Split: catalog.Test}); err != nil {
			return nil, err
		}
	}
	return []eval.Task{task}, nil
}

// plasticBaselines returns those that a problem shows enough for.
func plasticBaselines(problem string, opts catalog.Options) ([]eval.Baseline, error) {
	f, err := catalog.Lookup(problem, opts)
	if err != nil {
		return nil, err
	}
	p, err := f.Sample(0)
	if err != nil {
		return nil, err
	}
	return eval.PlasticBaselines(p), nil
}

// chooseTasks sets which tasks are held out: those that the learned rules say they were not learned on, unless the flags say
// others.
func (o options) chooseTasks(opts *catalog.Options, contenders []eval.Contender) error {
	if !catalog.HasTasks(o.Problem) {
		return nil
	}
	opts.TaskSeed = uint64(o.Seed)
	said := ""
	for _, c := range contenders {
		if c.Learned == nil || c.Learned.Provenance["problem"] != o.Problem || o.Tasks != nil {
			continue
		}
		tasks, seed := c.Learned.Provenance["tasks"], c.Learned.Provenance["seed"]
		if text := cmp.Or(tasks, "the default number of") + " tasks of seed " + seed; said == "" {
			said = text
		} else if said != text {
			return fmt.Errorf("--optimizer: %s was learned on %s, and another rule on %s: which are held out? Say --tasks, and their --seed", c.Name, text, said)
		}
		var err error
		if opts.TaskSeed, err = strconv.ParseUint(seed, 10, 64); err != nil {
			return fmt.Errorf("--optimizer: %s: its provenance has the seed %.40q, which is no number", c.Name, seed)
		}
		if opts.Tasks = 0; tasks != "" {
			if opts.Tasks, err = strconv.Atoi(tasks); err != nil {
				return fmt.Errorf("--optimizer: %s: its provenance has %.40q for tasks, which is no number", c.Name, tasks)
			}
		}
	}
	return nil
}

// tuneRuns returns the number of runs to tune a learning rate on: enough to tell the rates apart.
func (o options) tuneRuns() int {
	otherwise := 10
	if catalog.Cheap(o.Problem) {
		otherwise = 100
	}
	return o.TuneRuns.Or(otherwise)
}

// A stepReport draws curves only if there are any.
type stepReport struct{ *eval.Report }

func (r stepReport) Plot(w io.Writer, format string) error {
	if !drawable(r.Report) {
		return errors.New("nothing to draw: every mean loss is infinite or 0 by the second step")
	}
	return r.Report.Plot(w, format)
}

// drawable reports whether any curve has two points that a logarithmic scale has room for.
func drawable(r *eval.Report) bool {
	return slices.ContainsFunc(r.Results, func(x eval.Result) bool {
		return !slices.ContainsFunc(x.Curve[:2], func(loss meta.Number) bool {
			return !(loss > 0) || math.IsInf(float64(loss), 1)
		})
	})
}
