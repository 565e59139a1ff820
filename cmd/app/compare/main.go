// Package compare is the command compare, for programs that have rules and problems of their own besides ours: see
// learnedopt.Register and catalog.Register. What it does is told where ours is made, in cmd/compare.
package compare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed1498fded/unroll/checkpoints/zoo"
	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/cmd/internal/live"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/brief"
	"github.com/seed1498fded/unroll/internal/config"
	"github.com/seed1498fded/unroll/internal/regular"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/learnedopt/compose"
	"github.com/seed1498fded/unroll/meta/eval"
)

const description = `Measures optimizers on the same training runs and prints a table: baselines with tuned learning rates,
on images from the half of the training set that no rule was learned on. With --epochs it trains networks under every pair
of a --credit rule and an --optimizer on the whole training set, nothing tuned, and measures them on the test images. With
--suite it measures on many problems that no rule was learned on, against Adam tuned for each of them.`

// usualProblem is what is trained where no flag says otherwise.
const usualProblem = "mnist8"

// options are the flags. Pointers tell a flag that nobody gave from one with its default.
type options struct {
	cli.Common
	suiteOptions
	Problem      string        `default:"mnist8" help:"What to train: ${problems}." placeholder:"NAME"`
	Optimizer    cli.Names     `help:"What to train it with: names of baselines (${baselines}; others: ${others}) and of embedded learned rules (${zoo}), files of learned rules, these two also at another rate, told a multiple of a run's length or none, as in FILE:{\"rate\":2,\"told\":0.5} or FILE:{\"untold\":true}, and rules as they are configured, NAME:{JSON} as in decay:{\"rule\":\"adam\",\"decay\":0.001}, or a file NAME.json with {\"name\":NAME,\"config\":{JSON}}. Default: all baselines, for lives static, hebb and delta; with --epochs adam." placeholder:"FILE|NAME,..."`
	Credit       cli.Names     `help:"Credit rules, whose signal the optimizers see in place of the gradient: ${credits}. One, or with --epochs one or more." placeholder:"NAME,..."`
	CreditConfig *cli.JSON     `help:"The settings of a single credit rule as JSON, such as {\"std\":0.1}; in a YAML file a mapping will do." placeholder:"JSON"`
	Tasks        *cli.Count    `help:"How many of the problem's tasks to learn on, the first of a shuffle by the seed; measured is on the others. Default: as the learned rules say, or those of boolean 8 of 14." placeholder:"N"`
	Steps        *cli.Count    `help:"Updates of a run. Default 100, or as many as a life has." placeholder:"N"`
	Epochs       *cli.Count    `help:"Train for so many epochs of the whole training set, under every pair of a credit rule and an optimizer." placeholder:"N"`
	Runs         *cli.Count    `help:"Runs to average over. Default 20, for lives 200; with --epochs 1, and of several each has a seed, one above that of the last." placeholder:"N"`
	TuneRuns     *cli.Count    `help:"Runs to tune each learning rate on, other than those above. Default 10, for quadratics 100." placeholder:"N"`
	Schedules    cli.Names     `help:"What the learning rates of baselines are tuned over besides their value: ${schedules}; of the last two after a warm-up of 5 % of the steps. Several, or one. Default: constant, and no word of it." placeholder:"NAME,..."`
	LR           *cli.Positive `name:"lr" help:"Learning rate of every baseline, with --epochs, where nothing is tuned. Default: each one's own (${rates})." placeholder:"X"`
	Seed         cli.Seed      `default:"1" help:"Names all randomness."`
	Hidden       cli.Widths    `help:"Widths of the network's hidden layers, as in 20,20." placeholder:"N,..."`
	Activation   string        `help:"The network's units: sigmoid, tanh, relu or elu." placeholder:"NAME"`
	Loss         string        `help:"What is minimised: ${losses}. Default cross-entropy." placeholder:"NAME"`
	Init         string        `help:"How the network's weights start: ${inits}, or normal with another standard deviation. Default normal0.1, with --epochs lecun." placeholder:"NAME"`
	Batch        *cli.Count    `help:"Images in a minibatch. Default 128." placeholder:"N"`
	Data         *string       `help:"Folder of idx files (plain or gzip) to use in place of the embedded MNIST." placeholder:"DIR"`
	JSON         *string       `name:"json" help:"File to write the results to, as JSON; - for standard output, and then the table goes to standard error." placeholder:"FILE|-"`
	CSV          *string       `name:"csv" help:"File to write the curves to as CSV, a row a point: problem, optimizer, step, seconds, mean loss, standard error." placeholder:"FILE.csv"`
	Plot         *string       `help:"File to draw the mean losses in, or the test errors and angles, as PNG, SVG or PDF." placeholder:"FILE.png|.svg|.pdf"`
	Report       *string       `help:"File to write a page to that needs nothing else: tables, curves by step and by time, settings, machine and command." placeholder:"FILE.html"`
	Serve        string        `help:"Show the comparison as a page in a browser while it grows, at HOST:PORT, or at a port of this machine; 0 is any that is free. The address is told on stderr; a page that is open keeps the report when all is done." placeholder:"ADDR"`
}

// Main runs the command as the process: arguments, standard streams, signals and exit status. It returns if all went well.
func Main() { cli.Main(Run) }

// vars are the lists that the help shows.
func vars() cli.Vars {
	var all, baselines, rates []string
	for _, b := range eval.AllBaselines() {
		all = append(all, b.Name)
	}
	for _, b := range eval.Baselines() {
		baselines = append(baselines, b.Name)
		rates = append(rates, fmt.Sprintf("%s %g", b.Name, b.Rate()))
	}
	return suiteVars(cli.Vars{
		"problems": strings.Join(catalog.Names(), ", "), "baselines": strings.Join(baselines, ", "), "others": strings.Join(all[len(baselines):], ", "), "zoo": strings.Join(zoo.Names(), ", "),
		"schedules": strings.Join(eval.Schedules(), ", "), "credits": strings.Join(credit.Names(), ", "), "losses": strings.Join(nets.Losses(), ", "), "inits": strings.Join(nets.Inits(), ", "), "rates": strings.Join(rates, ", "),
	})
}

// Run runs the command with the given arguments until the context ends. The error is one line, for the user.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o options
	if done, err := cli.Parse("compare", description, &o, args, stdout, stderr, vars()); done || err != nil {
		return err
	}
	s, err := o.study()
	if err != nil {
		return cli.Blame(err, o.sizes()...)
	}
	p, err := s.serve(o, args)
	if err != nil {
		return err
	}
	return o.run(ctx, s, p, args, stdout, stderr)
}

// run does what the flags ask for, and shows it.
func (o options) run(ctx context.Context, s study, p *served, args []string, stdout, stderr io.Writer) error {
	work := func(ctx context.Context, progress cli.Progress) (cli.Outcome, error) {
		return s.work(ctx, p.progress(progress), p)
	}
	err := cli.Job{
		Name: "compare", Progress: o.Progress, Work: work, Outputs: o.outputs(), Sizes: o.sizes(), Args: args, Flags: o.Flags(), Show: p.show(),
	}.Run(ctx, stdout, stderr)
	return errors.Join(err, p.close(err))
}

// A study is what the flags ask for, checked: what to do, and what its page has at first.
type study struct {
	work    func(context.Context, cli.Progress, *served) (cli.Outcome, error)
	contest live.Contest
	rows    []live.Row
	at      [][]int // which of the losses of a run the curve of each row shows
	each    int     // rows of a problem
}

// study checks the flags and says what to measure.
func (o options) study() (s study, err error) {
	if err := o.checkOutputs(); err != nil {
		return s, err
	}
	if o.Given("serve") && o.Serve == "" {
		return s, errors.New("--serve: want the name of an address, got nothing")
	}
	if o.Suite != nil {
		return o.onSuite()
	}
	if err := o.withoutSuite(); err != nil {
		return s, err
	}
	if o.Epochs != nil {
		return o.byEpochs()
	}
	return o.bySteps()
}

// catalog returns what the flags say about the problem.
func (o options) catalog() (catalog.Options, error) {
	opts := catalog.Options{Hidden: o.Hidden, Activation: o.Activation, Loss: o.Loss, Init: o.Init}
	if !slices.Contains(catalog.Names(), o.Problem) && !catalog.Mixed(o.Problem) {
		return opts, fmt.Errorf("--problem: no problem %.60q; there are %s", o.Problem, strings.Join(catalog.Names(), ", "))
	}
	if o.Data != nil {
		if *o.Data == "" { // likely a variable that is not set; it must not quietly mean the embedded MNIST
			return opts, errors.New("--data: want the name of a folder, got nothing")
		}
		opts.Data = *o.Data
	}
	if o.Batch != nil {
		opts.Batch = int(*o.Batch)
	}
	if o.Tasks != nil {
		opts.Tasks = int(*o.Tasks)
	}
	if o.CreditConfig != nil {
		if len(o.Credit) != 1 {
			return opts, fmt.Errorf("--credit-config: these are the settings of one --credit rule; there are %d", len(o.Credit))
		}
		opts.CreditConfig = json.RawMessage(*o.CreditConfig)
	}
	for _, name := range o.Credit { // before any images are read
		if _, err := credit.Named[float32](name, opts.CreditConfig); err != nil {
			return opts, fmt.Errorf("--credit: %w", err)
		}
	}
	return opts, nil
}

// sizes are the flags that decide how much memory the work takes.
func (o options) sizes() []cli.Given {
	return []cli.Given{
		{Name: "hidden", Value: o.Hidden}, {Name: "batch", Value: o.Batch}, {Name: "steps", Value: o.Steps}, {Name: "runs", Value: o.Runs},
		{Name: "tune-runs", Value: o.TuneRuns}, {Name: "credit-config", Value: o.CreditConfig},
	}
}

// rated returns a learned rule with its steps at another rate, or told another length of a run than the true one, or none.
func rated(t *learnedopt.Trained, text json.RawMessage) (*learnedopt.Trained, error) {
	var how struct {
		Rate   float64 `json:"rate"`
		Told   float64 `json:"told"`
		Untold bool    `json:"untold"`
	}
	if err := config.Set(&how, text); err != nil {
		return nil, fmt.Errorf("how to use a learned rule: %w", err)
	}
	r := &compose.Rated{Rule: compose.Of(t.Rule), Rate: how.Rate, Told: how.Told, Untold: how.Untold}
	return &learnedopt.Trained{Rule: r, Phi: t.Phi, Provenance: t.Provenance}, r.Validate()
}

// contenders finds what the names stand for: baselines, rules that are configured, rules of the zoo, and files of learned rules for
// all else.
func contenders(names []string) ([]eval.Contender, error) {
	var list []eval.Contender
	for _, name := range names {
		if b, err := eval.FindBaseline(name); err == nil {
			list = append(list, eval.Contender{Name: name, Baseline: &b})
			continue
		}
		r, err := configured(name)
		if err != nil {
			return nil, fmt.Errorf("--optimizer: %w", err)
		}
		if r != nil {
			list = append(list, eval.Contender{Name: unused(compose.Text(r), list), Configured: r})
			continue
		}
		trained, err := load(name)
		if err != nil {
			return nil, fmt.Errorf("--optimizer: %w", unknown(name, err))
		}
		list = append(list, eval.Contender{Name: name, Learned: trained})
	}
	return list, nil
}

// unknown says what there is instead of a name that stands for nothing and looks like no file.
func unknown(name string, err error) error {
	plain, _, configured := strings.Cut(name, ":{")
	if !errors.Is(err, fs.ErrNotExist) || strings.ContainsAny(plain, "./"+string(filepath.Separator)) {
		return err
	}
	if configured {
		_, err = learnedopt.Named(plain, nil)
	} else {
		_, err = eval.FindBaseline(plain)
	}
	return fmt.Errorf("%w; or a learned rule: %s; or the file of one", err, strings.Join(zoo.Names(), ", "))
}

// maxRule is how long a file of a rule's configuration may be.
const maxRule = 64 << 10

// configured returns the rule that a name configures, nil if it does not.
func configured(name string) (learnedopt.Rule, error) {
	if at := strings.Index(name, ":{"); at > 0 && slices.Contains(learnedopt.Names(), name[:at]) {
		return learnedopt.Named(name[:at], json.RawMessage(name[at+1:]))
	}
	if !strings.HasSuffix(name, ".json") {
		return nil, nil
	}
	text, err := regular.ReadFile(name, maxRule)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, cli.Reason(err))
	}
	var r compose.Inner
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%s: %s", name, brief.Error(err))
	}
	return r.Rule, nil
}

// unused returns a name, with a number if one of the contenders has it already.
func unused(name string, list []eval.Contender) string {
	unique := name
	for n := 2; slices.ContainsFunc(list, func(c eval.Contender) bool { return c.Name == unique }); n++ {
		unique = fmt.Sprintf("%s %d", name, n)
	}
	return unique
}

// embedded reports whether a name stands for something that comes with the program, and not for a file.
func embedded(name string) bool {
	_, err := eval.FindBaseline(name)
	return err == nil || slices.Contains(zoo.Names(), name)
}

// load reads a learned rule from the zoo, if there is one of that name, or else from a file; with a configuration of compose.Rated
// behind it, as in general.safetensors:{"rate":2}, as that has it.
func load(name string) (*learnedopt.Trained, error) {
	if at := strings.Index(name, ":{"); at > 0 {
		trained, err := load(name[:at])
		if err != nil {
			return nil, err
		}
		return rated(trained, json.RawMessage(name[at+1:]))
	}
	if slices.Contains(zoo.Names(), name) {
		name = learnedopt.ZooPrefix + name
	}
	return learnedopt.Load(name)
}
