package identify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"github.com/seed1498fded/unroll/cmd/internal/cli"
	"github.com/seed1498fded/unroll/inner/catalog"
	"github.com/seed1498fded/unroll/meta/identify"
)

// probeImages is how many test images a network is looked at on.
const probeImages = 100

// views are how the networks are looked at in training runs for a study.
var views = []identify.View{{}, {Units: 0.25}, {Noise: 1}, {Units: 0.25, Noise: 1}}

// networks are those that rules are told by: of a file, or to be trained.
type networks struct {
	loaded     *identify.Networks // nil if there is no file
	population identify.Population
	path       string // to write them to; "" for nowhere
}

// networks checks the flags that say which networks there are to be.
func (o options) networks() (n networks, err error) {
	if o.Model != nil {
		n.path = *o.Model
		switch n.loaded, err = identify.LoadNetworks(n.path); {
		case err == nil:
			return n, o.matches(n.loaded)
		case !errors.Is(err, fs.ErrNotExist):
			return n, fmt.Errorf("--model: %w", err)
		}
	}
	p := identify.Population{Key: uint64(o.Seed), Steps: o.Steps.Or(0), Views: views}
	for _, name := range o.names() {
		r, err := identify.FindRule(name)
		if err != nil {
			return n, fmt.Errorf("--rules: %w", err)
		}
		p.Rules = append(p.Rules, r)
	}
	if len(p.Rules) < 2 {
		return n, fmt.Errorf("--rules: %d rule; want 2 or more to tell apart", len(p.Rules))
	}
	if o.Nets != nil {
		if p.Nets = int(*o.Nets) / len(p.Rules); p.Nets < 4 {
			return n, fmt.Errorf("--nets: %d networks under %d rules; want 4 or more under each", *o.Nets, len(p.Rules))
		}
	}
	images, err := o.images()
	if err != nil {
		return n, err
	}
	b, err := catalog.LookupBenchmark("mnist8", images)
	if err != nil {
		return n, err
	}
	// Learned optimizers have seen the first half of the training images.
	p.Data = b.Family.Data.Slice(b.Family.Data.Len()/2, b.Family.Data.Len())
	p.Probe = b.Test.Slice(0, min(probeImages, b.Test.Len()))
	n.population = p
	return n, p.Validate()
}

// names returns those of the rules.
func (o options) names() []string {
	if len(o.Rules) == 0 {
		return identify.DefaultRules()
	}
	return o.Rules
}

// images returns what the flags say about the images.
func (o options) images() (opts catalog.Options, err error) {
	if o.Data != nil {
		if *o.Data == "" { // likely a variable that is not set; it must not quietly mean the embedded MNIST
			return opts, errors.New("--data: want the name of a folder, got nothing")
		}
		opts.Data = *o.Data
	}
	return opts, nil
}

// matches reports flags that say something else than the file.
func (o options) matches(n *identify.Networks) error {
	for _, x := range []struct{ flag, given, file string }{
		{"seed", strconv.FormatUint(uint64(o.Seed), 10), n.Meta["seed"]},
		{"steps", strconv.Itoa(o.Steps.Or(0)), n.Meta["steps"]},
		{"nets", strconv.Itoa(o.Nets.Or(0)), strconv.Itoa(len(n.Rule))},
	} {
		if o.Given(x.flag) && x.given != x.file {
			return fmt.Errorf("--%s: %s, but the networks of --model %.60s have %.20s", x.flag, x.given, *o.Model, x.file)
		}
	}
	switch {
	case o.Data != nil:
		return errors.New("--data: the networks of --model have been trained already")
	case o.Given("rules") && !slices.Equal(o.Rules, n.Rules):
		return fmt.Errorf("--rules: %.100q, but the networks of --model %.60s are of %.100q", o.Rules, *o.Model, n.Rules)
	}
	return nil
}

// get returns the networks, and keeps trained ones.
func (n networks) get(ctx context.Context, progress func(float64)) (*identify.Networks, error) {
	if n.loaded != nil {
		return n.loaded, nil
	}
	n.population.Progress = progress
	trained, err := n.population.Train(ctx)
	if err != nil {
		return nil, err
	}
	trained.Meta = map[string]string{
		"seed": strconv.FormatUint(n.population.Key, 10), "steps": strconv.Itoa(n.population.Filled().Steps), "problem": "mnist8",
	}
	if n.path == "" {
		return trained, nil
	}
	if err := trained.Save(n.path); err != nil {
		return nil, fmt.Errorf("--model: %w", err)
	}
	return trained, nil
}

// identification names the rule of a recording.
func (o options) identification(n networks) (cli.Work, error) {
	if o.Plot != nil {
		return nil, errors.New("--plot: there is nothing to be drawn with --of")
	}
	rec, err := identify.LoadRecording(recordingPath(*o.Of))
	if err != nil {
		return nil, fmt.Errorf("--of: %w", err)
	}
	if n.loaded == nil {
		n.population.Views = views[:1]
		if n.path != "" { // it is to be of use for a study too
			n.population.Views = views
		}
	}
	return func(ctx context.Context, progress cli.Progress) (cli.Outcome, error) {
		networks, err := n.get(ctx, within(progress, 0, 0.8, "training networks"))
		if err != nil {
			return nil, err
		}
		progress.Update(0.8, "fitting forests")
		m, err := networks.Fit(ctx, 0, uint64(o.Seed))
		if err != nil {
			return nil, err
		}
		v, err := m.Identify(rec)
		return verdict{v}, err
	}, nil
}

// A verdict is an outcome.
type verdict struct{ identify.Verdict }

func (v verdict) WriteTable(w io.Writer) error { return v.Write(w) }

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
