// Command compare measures optimizers on the same training runs: saved learned ones as they are, and SGD, momentum, NAG,
// RMSprop, Adam and AdamW with learning rates tuned on other runs.
//
//	go run ./cmd/compare --problem mnist8 --optimizer runs/mnist8-lstm-1/optimizer.safetensors,adam --plot curves.png
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/seed1498fded/unroll/checkpoints/zoo"
	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/inner"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/learnedopt"
	"github.com/seed1498fded/unroll/meta"
	"github.com/seed1498fded/unroll/meta/eval"
)

const description = `Measures optimizers on the same training runs, baselines with tuned learning rates, and prints a table.
Images come from the half of the training set that no rule was learned on.`

// options are the flags.
type options struct {
	cli.Common
	Problem    string     `default:"mnist8" help:"What to train: ${problems}." placeholder:"NAME"`
	Optimizer  cli.Names  `help:"What to train it with: names of baselines (${baselines}) and of embedded learned rules (${zoo}), and files of learned rules. Default: all baselines." placeholder:"FILE|NAME,..."`
	Steps      cli.Count  `default:"100" help:"Updates of a run."`
	Runs       cli.Count  `default:"20" help:"Runs to average over."`
	TuneRuns   *cli.Count `help:"Runs to tune each learning rate on, other than those above. Default 10, for quadratics 100." placeholder:"N"`
	Seed       cli.Seed   `default:"1" help:"Names all randomness."`
	Hidden     cli.Widths `help:"Widths of the network's hidden layers, as in 20,20." placeholder:"N,..."`
	Activation string     `help:"The network's units: sigmoid, tanh, relu or elu." placeholder:"NAME"`
	Batch      *cli.Count `help:"Images in a minibatch. Default 128." placeholder:"N"`
	Data       *string    `help:"Folder of idx files (plain or gzip) to use in place of the embedded MNIST." placeholder:"DIR"`
	JSON       *string    `name:"json" help:"File to write the results to, as JSON." placeholder:"FILE"`
	Plot       *string    `help:"File to draw the mean losses in, as PNG or SVG." placeholder:"FILE.png|.svg"`
}

func main() { cli.Main(run) }

// vars are the lists that the help shows.
func vars() cli.Vars {
	var baselines []string
	for _, b := range eval.Baselines() {
		baselines = append(baselines, b.Name)
	}
	return cli.Vars{"problems": strings.Join(catalog.Names(), ", "), "baselines": strings.Join(baselines, ", "), "zoo": strings.Join(zoo.Names(), ", ")}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o options
	if done, err := cli.Parse("compare", description, &o, args, stdout, stderr, vars()); done || err != nil {
		return err
	}
	c, err := o.comparison()
	if err != nil {
		return err
	}
	progress, err := cli.NewProgress(o.Progress, stderr, "compare")
	if err != nil {
		return err
	}
	defer progress.Close()
	c.Progress = progress.Update
	report, err := c.Run(ctx)
	if err != nil {
		return err
	}
	progress.Update(1, "")
	progress.Close()
	// The table is what is left of the work if a file can't be written after all.
	return errors.Join(o.write(report), report.WriteTable(stdout))
}

// comparison checks the flags and says what to measure.
func (o options) comparison() (eval.Comparison, error) {
	c := eval.Comparison{
		Problem: o.Problem, Steps: int(o.Steps), Runs: int(o.Runs), TuningRuns: o.tuneRuns(), Seed: uint64(o.Seed),
	}
	if o.JSON != nil {
		if err := cli.CheckOutput(*o.JSON); err != nil {
			return c, fmt.Errorf("--json: %w", err)
		}
	}
	if o.Plot != nil {
		if err := cli.CheckOutput(*o.Plot, ".png", ".svg"); err != nil {
			return c, fmt.Errorf("--plot: %w", err)
		}
		if o.Steps < 2 {
			return c, fmt.Errorf("--plot: no curve runs through one point; want at least 2 --steps, got %d", o.Steps)
		}
	}
	var err error
	if c.Contenders, err = contenders(o.Optimizer); err != nil {
		return c, err
	}
	if c.Test, err = o.family(catalog.Test); err != nil {
		return c, err
	}
	c.Tuning, err = o.family(catalog.Train)
	return c, err
}

// tuneRuns returns the number of runs to tune a learning rate on: enough to tell the rates apart.
func (o options) tuneRuns() int {
	switch {
	case o.TuneRuns != nil:
		return int(*o.TuneRuns)
	case catalog.Cheap(o.Problem):
		return 100
	}
	return 10
}

func (o options) family(split catalog.Split) (inner.Family, error) {
	opts := catalog.Options{Hidden: o.Hidden, Activation: o.Activation, Split: split}
	if o.Data != nil {
		if *o.Data == "" { // likely a variable that is not set; it must not quietly mean the embedded MNIST
			return nil, errors.New("--data: want the name of a folder, got nothing")
		}
		opts.Data = *o.Data
	}
	if o.Batch != nil {
		opts.Batch = int(*o.Batch)
	}
	return catalog.Lookup(o.Problem, opts)
}

// contenders finds what the names stand for: baselines, rules of the zoo, and files of learned rules for all else.
func contenders(names []string) ([]eval.Contender, error) {
	if len(names) == 0 {
		for _, b := range eval.Baselines() {
			names = append(names, b.Name)
		}
	}
	var list []eval.Contender
	for _, name := range names {
		if b, err := eval.FindBaseline(name); err == nil {
			list = append(list, eval.Contender{Name: name, Baseline: &b})
			continue
		}
		trained, err := load(name)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(name, "./"+string(filepath.Separator)) {
				_, err = eval.FindBaseline(name)
				err = fmt.Errorf("%w; or a learned rule: %s; or the file of one", err, strings.Join(zoo.Names(), ", "))
			}
			return nil, fmt.Errorf("--optimizer: %w", err)
		}
		list = append(list, eval.Contender{Name: name, Learned: trained})
	}
	return list, nil
}

// load reads a learned rule from the zoo, if there is one of that name, or else from a file.
func load(name string) (*learnedopt.Trained, error) {
	if slices.Contains(zoo.Names(), name) {
		name = learnedopt.ZooPrefix + name
	}
	return learnedopt.Load(name)
}

// write puts the report into the files asked for, each whole or not at all.
func (o options) write(r *eval.Report) error {
	if o.JSON != nil {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetIndent("", "\t")
		if err := e.Encode(r); err != nil {
			return fmt.Errorf("--json: %w", err)
		}
		if err := renameio.WriteFile(*o.JSON, b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("--json: %w", err)
		}
	}
	if o.Plot != nil {
		if !drawable(r) {
			return errors.New("--plot: nothing to draw: every mean loss is infinite or 0 by the second step")
		}
		var b bytes.Buffer
		if err := r.Plot(&b, strings.ToLower(strings.TrimPrefix(filepath.Ext(*o.Plot), "."))); err != nil {
			return fmt.Errorf("--plot: %w", err)
		}
		if err := renameio.WriteFile(*o.Plot, b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("--plot: %w", err)
		}
	}
	return nil
}

// drawable reports whether any curve has two points that a logarithmic scale has room for.
func drawable(r *eval.Report) bool {
	return slices.ContainsFunc(r.Results, func(x eval.Result) bool {
		return !slices.ContainsFunc(x.Curve[:2], func(loss meta.Number) bool {
			return !(loss > 0) || math.IsInf(float64(loss), 1)
		})
	})
}
