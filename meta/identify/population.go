package identify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/seed1498fded/unroll/inner/credit"
	"github.com/seed1498fded/unroll/inner/data"
	"github.com/seed1498fded/unroll/inner/nets"
	"github.com/seed1498fded/unroll/internal/machine"
	"github.com/seed1498fded/unroll/internal/rng"
)

// A Population is a number of networks to be trained under each of several rules. Each has two hidden layers and a shape,
// activation, start, minibatch size and learning rate of its own, drawn at random, as the rule's name is not: see draw.
type Population struct {
	Rules []Rule    // two or more, of different names
	Nets  int       // networks under each rule; 80 if zero
	Data  *data.Set // what they are trained on
	Probe *data.Set // what they are looked at on
	Steps int       // of a training run; 2,500 if zero
	Times int       // at which a network is looked at; 21 if zero, as in the paper
	Views []View    // how it is looked at; one View of everything if empty
	Key   uint64    // names all randomness

	// Progress, unless it is nil, is told how much of the work is done, from 0 to 1. It is called by one goroutine at a time.
	Progress func(fraction float64)
}

// Widths, activations, starts and minibatches that networks are drawn from.
var (
	widths      = []int{32, 40, 48, 64}
	activations = []nets.Activation{"relu", "tanh"}
	inits       = []nets.Init{nets.LeCun, nets.He, nets.Glorot}
	batches     = []int{16, 32, 64}
)

// The children of a network's key.
const (
	keyNetwork = iota
	keyRate
	keyTraining
	keyView
)

// most is how many networks are drawn at most until one is sound.
const most = 20

// Train trains all networks, on runtime.GOMAXPROCS(0) goroutines; their number does not matter to the bits. A network whose
// training diverges is left out, and another drawn in its place. Fields out of their ranges, data that does not fit, and a rule
// under which next to all networks diverge are errors.
func (p Population) Train(ctx context.Context) (*Networks, error) {
	p = p.Filled()
	if err := p.Validate(); err != nil {
		return nil, err
	}
	n := p.empty()
	total := len(p.Rules) * p.Nets
	seen, lost := make([][][][]float64, total), make([]int, total) // by network, view, layer and feature
	eg, ctx := errgroup.WithContext(ctx)
	eg.SetLimit(runtime.GOMAXPROCS(0))
	var mu sync.Mutex
	done := 0
	for i := range total {
		eg.Go(func() (err error) {
			seen[i], lost[i], err = p.network(ctx, p.Rules[i/p.Nets], rng.Split(p.Key, uint64(i)))
			if err != nil || p.Progress == nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			p.Progress(float64(done) / float64(total))
			return nil
		})
	}
	if err := eg.Wait(); err != nil {
		return nil, err
	}
	for i, views := range seen {
		n.add(i/p.Nets, views)
		n.Diverged += lost[i]
	}
	return n, nil
}

// Filled returns p with every default in its place.
func (p Population) Filled() Population {
	p.Nets, p.Steps, p.Times = cmp.Or(p.Nets, 80), cmp.Or(p.Steps, 2500), cmp.Or(p.Times, 21)
	if len(p.Views) == 0 {
		p.Views = []View{{}}
	}
	return p
}

// Validate reports the first thing that would keep Train from its work.
func (p Population) Validate() error {
	p = p.Filled()
	if len(p.Rules) < 2 {
		return fmt.Errorf("identify: %d rules; want 2 or more to tell apart", len(p.Rules))
	}
	for i, r := range p.Rules {
		if err := r.Validate(); err != nil {
			return err
		}
		if j := slices.IndexFunc(p.Rules[:i], r.is); j >= 0 {
			return fmt.Errorf("identify: rules %.60q and %.60q are the same", p.Rules[j].Name, r.Name)
		}
	}
	for _, v := range p.Views {
		if err := v.Validate(); err != nil {
			return err
		}
	}
	switch {
	case p.Nets < 1 || p.Times < 2 || p.Steps < p.Times-1:
		return fmt.Errorf("identify: %d networks a rule, %d times over %d steps; want 1 or more, 2 or more, and a step between any two times",
			p.Nets, p.Times, p.Steps)
	case p.Data == nil || p.Probe == nil:
		return errors.New("identify: no data, or no probe")
	}
	if err := errors.Join(p.Data.Validate(), p.Probe.Validate()); err != nil {
		return fmt.Errorf("identify: %w", err)
	}
	if err := machine.Fits(p.bytes()); err != nil {
		return fmt.Errorf("identify: %d networks under each of %d rules: %w", p.Nets, len(p.Rules), err)
	}
	return p.try()
}

// bytes estimates what Train takes: the features of all networks, and what is recorded of those that are trained at one time.
func (p Population) bytes() float64 {
	const layers = 3
	features := float64(len(Observables())*len(Statistics()))*float64(p.Times) + Positions
	widest := slices.Max(widths)
	recorded := float64(layers*widest) * float64(p.Data.Pixels()+2*p.Probe.Len()) * float64(p.Times)
	return 8*layers*features*float64(len(p.Views))*float64(p.Nets)*float64(len(p.Rules)) + 4*recorded*float64(runtime.GOMAXPROCS(0))
}

// try draws a network under each rule, without training it.
func (p Population) try() error {
	for _, r := range p.Rules {
		t, err := p.draw(r, 0)
		if err != nil {
			return err
		}
		if _, err := NewRecorder(t.Family.Net, p.Probe, Times(p.Times, p.Steps)); err != nil {
			return err
		}
		problem, err := t.problem()
		if err == nil {
			_, err = compile(r.With(t.Rate).Rule, problem)
		}
		if err != nil {
			return fmt.Errorf("identify: rule %.60q: %w", r.Name, err)
		}
	}
	return nil
}

// draw returns the training run of a key.
func (p Population) draw(r Rule, key uint64) (Training, error) {
	draw := rng.New(rng.Split(key, keyNetwork))
	f := credit.Family{Data: p.Data}
	f.Batch, f.Init = batches[draw.IntN(len(batches))], inits[draw.IntN(len(inits))]
	activation := activations[draw.IntN(len(activations))]
	var err error
	f.Net, err = nets.New[float32](nets.Shape{Channels: 1, Rows: p.Data.Rows, Cols: p.Data.Cols}, nets.CrossEntropy,
		nets.Dense{Units: widths[draw.IntN(len(widths))]}, activation,
		nets.Dense{Units: widths[draw.IntN(len(widths))]}, activation,
		nets.Dense{Units: p.Data.Classes})
	return Training{Family: f, Rule: r, Rate: r.Rate(rng.Split(key, keyRate)), Steps: p.Steps, Key: rng.Split(key, keyTraining)}, err
}

// network trains the networks of a key until one does not diverge, and returns how it looks and how many did.
func (p Population) network(ctx context.Context, r Rule, key uint64) (views [][][]float64, lost int, err error) {
	for lost = range most {
		key := rng.Split(key, uint64(lost))
		rec, err := p.record(ctx, r, key)
		if errors.Is(err, ErrNotFinite) {
			continue
		}
		if err != nil {
			return nil, lost, err
		}
		for _, v := range p.Views {
			views = append(views, v.Features(rec, rng.Split(key, keyView)))
		}
		return views, lost, nil
	}
	return nil, most, fmt.Errorf("identify: rule %.60q: %d networks in a row diverge", r.Name, most)
}

// record trains the network of a key under a recorder.
func (p Population) record(ctx context.Context, r Rule, key uint64) (*Recording, error) {
	t, err := p.draw(r, key)
	if err != nil {
		return nil, err
	}
	recorder, err := NewRecorder(t.Family.Net, p.Probe, Times(p.Times, p.Steps))
	if err != nil {
		return nil, err
	}
	if _, err := t.Run(ctx, recorder); err != nil {
		return nil, err
	}
	return recorder.Recording()
}
