package compare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/meta/eval"
)

// byEpochs is the cross product of credit rules and optimizers, each trained for epochs.
func (o options) byEpochs() (study, error) {
	c, err := o.crossing()
	s := studyOf(c)
	s.work = func(ctx context.Context, progress cli.Progress, p *served) (cli.Outcome, error) {
		c.Observe = p.observe(true)
		c.Progress, c.Expect = progress.Update, cli.Expect(progress, "fewer --epochs, --runs, credit rules or optimizers make it shorter")
		return c.Run(ctx)
	}
	return s, err
}

func (o options) crossing() (c eval.Comparison, err error) {
	c = eval.Comparison{Problem: o.Problem, Epochs: int(*o.Epochs), Runs: o.Runs.Or(1), Seed: uint64(o.Seed)}
	switch {
	case len(o.Credit) == 0:
		return c, fmt.Errorf("--epochs: training for epochs is by credit rules; want --credit with one or more of %s", strings.Join(credit.Names(), ", "))
	case o.Steps != nil:
		return c, errors.New("--steps: not with --epochs, which says how long to train")
	case o.Schedules != nil:
		return c, errors.New("--schedules: not with --epochs, where nothing is tuned")
	case o.TuneRuns != nil:
		return c, errors.New("--tune-runs: not with --epochs, where nothing is tuned; --lr sets the learning rate of baselines")
	}
	if o.LR != nil {
		c.LR = float64(*o.LR)
	}
	names := o.Optimizer
	if len(names) == 0 {
		names = []string{"adam"}
	}
	if c.Contenders, err = contenders(names); err != nil {
		return c, err
	}
	opts, err := o.catalog()
	if err != nil {
		return c, err
	}
	config := opts.CreditConfig
	opts.CreditConfig = nil
	b, err := catalog.LookupBenchmark(o.Problem, opts)
	if err != nil {
		return c, err
	}
	c.Tasks, err = o.tasks(b, config)
	return c, err
}

// tasks returns the network under each of the credit rules that were named, all of which work on it.
func (o options) tasks(b catalog.Benchmark, config json.RawMessage) (tasks []eval.Task, err error) {
	images := eval.Images{Family: b.Family, Test: b.Test, Activation: b.Activation}
	for _, name := range o.Credit {
		if images.Rule, err = credit.Named[float32](name, config); err == nil {
			_, err = images.Problem()
		}
		if err != nil {
			return nil, fmt.Errorf("--credit: %w", err)
		}
		tasks = append(tasks, eval.Task{Credit: name, Test: images})
	}
	return tasks, nil
}
