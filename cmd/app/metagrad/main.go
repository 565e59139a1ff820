// Package metagrad is the command metagrad, for programs that have rules and problems of their own besides ours: see
// learnedopt.Register and catalog.Register. What it does is told where ours is made, in cmd/metagrad.
package metagrad

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/checkpoints/zoo"
	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta/lab"
)

const description = `Measures estimators of meta-gradients: their bias against the full derivative of an episode, their variance, their
angle with the truth, and the inner steps and the time until there is as much signal in them as noise.`

// options are the flags. Pointers tell a flag that nobody gave from one with its default.
type options struct {
	cli.Common
	Estimators string        `default:"bptt/5,es,truncated-es/5,pes/5,nres/5" placeholder:"LIST" help:"What to measure, NAME[/WINDOW][{JSON}] separated by commas: ${estimators}; steps of a window, by default the horizon; and settings as for metatrain, with bptt {\"exact\":true} for derivatives through the inner gradients too. Default ${default}."`
	Problem    string        `default:"quadratic" placeholder:"NAME" help:"What is trained: ${problems}. Default ${default}."`
	Rule       string        `default:"momentum" placeholder:"NAME" help:"The rule whose meta-gradient it is: ${rules}. Default ${default}."`
	RuleConfig cli.JSON      `placeholder:"JSON" help:"The rule's settings as JSON; in a YAML file a mapping will do."`
	From       string        `placeholder:"FILE" help:"A learned rule to measure at, in place of a rule's start: a file, or the name of an embedded one: ${zoo}."`
	Horizons   cli.Widths    `placeholder:"N,..." help:"Inner steps of an episode, for each of which all is measured. Default 10,20,40."`
	Objective  string        `default:"mean" placeholder:"NAME" help:"What an episode comes to: ${objectives} of the losses after each step; but for mean with estimators of whole episodes alone. Default ${default}."`
	MetaLoss   cli.JSON      `placeholder:"JSON" help:"What each loss counts as, as for metatrain. Default the loss itself."`
	Truth      string        `default:"auto" placeholder:"NAME" help:"What is right: exact, by backpropagation through the inner gradients too; bptt, with them as constants; differences, central ones of order four; or auto, exact if the problem knows its second derivatives, else differences. Default ${default}."`
	Step       *cli.Positive `name:"difference-step" placeholder:"X" help:"With differences, the step in each number of the rule. Default 0.01."`
	Episodes   *cli.Count    `placeholder:"N" help:"Episodes that the estimators are measured in. Default 2."`
	Draws      *cli.Count    `placeholder:"N" help:"Estimates of each in each episode, 2 or more. Default 100."`
	Copies     *cli.Count    `placeholder:"N" help:"Problems side by side in an episode. Default 1."`
	Seed       cli.Seed      `default:"1" placeholder:"N" help:"Names all randomness. Default ${default}."`
	Workers    *cli.Count    `placeholder:"N" help:"Goroutines to use at most. Default: as many as there are processors. Only times depend on it: to compare them want 1."`
	Hidden     cli.Widths    `placeholder:"N,..." help:"Widths of the network's hidden layers, as in 20,20."`
	Activation string        `placeholder:"NAME" help:"The network's units: sigmoid, tanh, relu or elu."`
	Batch      *cli.Count    `placeholder:"N" help:"Images in a minibatch. Default 128."`
	Credit     string        `placeholder:"NAME" help:"Credit rule whose signal the rule is to see in place of the gradient: ${credits}."`
	Data       *string       `placeholder:"DIR" help:"Folder of idx files (plain or gzip) to use in place of the embedded MNIST."`
	JSON       *string       `name:"json" placeholder:"FILE|-" help:"File to write the results to, as JSON; - for standard output, and then the table goes to standard error."`
	Plot       *string       `placeholder:"FILE.png|.svg" help:"File to draw all of it against the horizon in, as PNG or SVG."`
}

// Main runs the command as the process: arguments, standard streams, signals and exit status. It returns if all went well.
func Main() { cli.Main(Run) }

// vars are the lists that the help shows.
func vars() cli.Vars {
	return cli.Vars{
		"estimators": strings.Join(lab.Names(), ", "), "problems": strings.Join(catalog.Names(), ", "), "zoo": strings.Join(zoo.Names(), ", "),
		"rules": strings.Join(learnedopt.Names(), ", "), "objectives": strings.Join(lab.Objectives(), ", "), "credits": strings.Join(credit.Names(), ", "),
	}
}

// Run runs the command with the given arguments until the context ends. The error is one line, for the user.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o options
	if done, err := cli.Parse("metagrad", description, &o, args, stdout, stderr, vars()); done || err != nil {
		return err
	}
	work, err := o.work()
	if err != nil {
		return cli.Blame(err, o.sizes()...)
	}
	job := cli.Job{Name: "metagrad", Progress: o.Progress, Work: work, Outputs: cli.Outputs{JSON: o.JSON, Plot: o.Plot}, Sizes: o.sizes()}
	return job.Run(ctx, stdout, stderr)
}

// work checks the flags and says what is to be done.
func (o *options) work() (cli.Work, error) {
	if err := o.checkOutputs(); err != nil {
		return nil, err
	}
	s, r, err := o.study()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, progress cli.Progress) (cli.Outcome, error) {
		progress.Update(0, "measuring")
		s.Progress = func(f float64) { progress.Update(f, "measuring") }
		report, err := s.Run(ctx)
		if err != nil {
			return nil, err
		}
		seed := uint64(o.Seed)
		report.Problem, report.Rule, report.Truth, report.Seed = o.Problem, r, o.Truth, &seed
		return report, nil
	}, nil
}

// sizes are the flags that decide how much memory the work takes.
func (o options) sizes() []cli.Given {
	return []cli.Given{
		{Name: "estimators", Value: o.Estimators}, {Name: "hidden", Value: o.Hidden}, {Name: "batch", Value: o.Batch},
		{Name: "horizons", Value: o.Horizons}, {Name: "episodes", Value: o.Episodes}, {Name: "copies", Value: o.Copies}, {Name: "rule-config", Value: o.RuleConfig},
	}
}

// catalog returns what the flags say about the problem.
func (o options) catalog() catalog.Options {
	c := catalog.Options{Hidden: o.Hidden, Activation: o.Activation, Batch: o.Batch.Or(0), Credit: o.Credit, Split: catalog.Train}
	if o.Data != nil {
		c.Data = *o.Data
	}
	return c
}

// family returns the problems.
func (o options) family() (inner.Family, error) { return catalog.Lookup(o.Problem, o.catalog()) }

// rule returns the rule and where it is measured.
func (o options) rule() (learnedopt.Rule, []float32, error) {
	if o.From == "" {
		r, err := learnedopt.Named(o.Rule, json.RawMessage(o.RuleConfig))
		if err != nil {
			return nil, nil, flag("rule", err)
		}
		return r, learnedopt.Phi(r, uint64(o.Seed)), nil
	}
	from := o.From
	if slices.Contains(zoo.Names(), from) {
		from = learnedopt.ZooPrefix + from
	}
	t, err := learnedopt.Load(from)
	if err != nil {
		return nil, nil, flag("from", err)
	}
	return t.Rule, t.Phi, nil
}
