// Package identify is the command identify, for programs that have rules of their own besides ours: see learnedopt.Register. What
// it does is told where ours is made, in cmd/identify.
package identify

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/seed1498fded/unroll/checkpoints/zoo"
	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/meta/identify"
)

const description = `Tells which learning rule trained a network, by its weights, activations and their change while it learns. Trains
networks under several rules on images made 8x8, and prints how well the rules of networks not seen are told. With --record it
writes down a training run instead, and with --of it names the likeliest rule of one that was written down.`

// options are the flags. Pointers tell a flag that nobody gave from one with its default.
type options struct {
	cli.Common
	Rules cli.Names  `help:"Rules to tell apart, each CREDIT+OPTIMIZER or one of the two: credit rules ${credits}; optimizers ${optimizers}, the embedded ${zoo}, or files of learned rules. Without CREDIT it is backprop, without OPTIMIZER momentum. Default ${rules}." placeholder:"NAME,..."`
	Nets  *cli.Count `help:"Networks in all, as many under each rule. Default 80 for each rule." placeholder:"N"`
	Steps *cli.Count `help:"Updates of a training run. Default 2500." placeholder:"N"`
	Seed  cli.Seed   `default:"1" help:"Names all randomness."`
	Data  *string    `help:"Folder of idx files (plain or gzip) to use in place of the embedded MNIST." placeholder:"DIR"`
	JSON  *string    `name:"json" help:"File to write the results to, as JSON; - for standard output, and then the table goes to standard error." placeholder:"FILE|-"`
	Plot  *string    `help:"File to draw the confusion matrix and the most important statistics in, as PNG or SVG." placeholder:"FILE.png|.svg"`
	Model *string    `help:"File of the observables of the trained networks: read if it is there, written if it is not." placeholder:"FILE"`
	Of    *string    `help:"Folder of --record, or the file in it: name the likeliest rule of the network, among --rules." placeholder:"DIR"`

	Record     *string       `help:"Folder, to be made, to write the observables of a training run to. The flags below say which." placeholder:"DIR"`
	Problem    string        `default:"mnist8" help:"With --record, the network's problem: mnist8, mnist, logistic8 or logistic." placeholder:"NAME"`
	Credit     string        `help:"With --record, the credit rule. Default backprop." placeholder:"NAME"`
	Optimizer  string        `help:"With --record, the optimizer: a name as in --rules, or the file of a learned rule. Default momentum." placeholder:"FILE|NAME"`
	LR         *cli.Positive `name:"lr" help:"With --record, the learning rate; drawn if not given. Learned optimizers pass it over." placeholder:"X"`
	Hidden     cli.Widths    `help:"With --record, widths of the network's hidden layers. Default 48,48, as networks of two hidden layers are what is known." placeholder:"N,..."`
	Activation string        `help:"With --record, the network's units: sigmoid, tanh, relu or elu. Default relu." placeholder:"NAME"`
	Init       string        `help:"With --record, how the network's weights start: ${inits}, or normal with another standard deviation. Default lecun." placeholder:"NAME"`
	Batch      *cli.Count    `help:"With --record, images in a minibatch. Default 32." placeholder:"N"`
}

// Main runs the command as the process: arguments, standard streams, signals and exit status. It returns if all went well.
func Main() { cli.Main(Run) }

// vars are the lists that the help shows.
func vars() cli.Vars {
	return cli.Vars{
		"credits": strings.Join(credit.Names(), " "), "optimizers": strings.Join(identify.Optimizers(), " "),
		"zoo": strings.Join(zoo.Names(), " "), "rules": strings.Join(identify.DefaultRules(), ","), "inits": strings.Join(nets.Inits(), ", "),
	}
}

// Run runs the command with the given arguments until the context ends. The error is one line, for the user.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o options
	if done, err := cli.Parse("identify", description, &o, args, stdout, stderr, vars()); done || err != nil {
		return err
	}
	work, err := o.work()
	if err != nil {
		return cli.Blame(err, o.sizes()...)
	}
	return cli.Job{Name: "identify", Progress: o.Progress, Work: work, Outputs: o.outputs(), Sizes: o.sizes()}.Run(ctx, stdout, stderr)
}

// work checks the flags and says what is to be done.
func (o options) work() (cli.Work, error) {
	if o.Record != nil {
		return o.recording()
	}
	for _, f := range recordFlags {
		if o.Given(f) {
			return nil, fmt.Errorf("--%s: only with --record", f)
		}
	}
	if err := o.checkOutputs(); err != nil {
		return nil, err
	}
	n, err := o.networks()
	if err != nil {
		return nil, err
	}
	if o.Of != nil {
		return o.identification(n)
	}
	return func(ctx context.Context, progress cli.Progress) (cli.Outcome, error) {
		networks, err := n.get(ctx, within(progress, 0, 0.5, "training networks"))
		if err != nil {
			return nil, err
		}
		s := identify.Study{Networks: networks, Key: uint64(o.Seed), Progress: within(progress, 0.5, 1, "telling their rules")}
		r, err := s.Run(ctx)
		return r, err
	}, nil
}

// within returns a part of the work's progress.
func within(progress cli.Progress, from, to float64, what string) func(float64) {
	progress.Update(from, what)
	return func(fraction float64) { progress.Update(from+fraction*(to-from), what) }
}

// recordFlags are those that only --record has.
var recordFlags = []string{"problem", "credit", "optimizer", "lr", "hidden", "activation", "init", "batch"}

// sizes are the flags that decide how much memory the work takes.
func (o options) sizes() []cli.Given {
	return []cli.Given{{Name: "nets", Value: o.Nets}, {Name: "steps", Value: o.Steps}, {Name: "hidden", Value: o.Hidden}, {Name: "batch", Value: o.Batch}}
}
